/** Loads that stand still while counters are compared. */
import type { Guest } from '../check.ts';

/** What `take` returns while these processes are stopped: their counts stand still on both sides. */
export async function whileStopped<T>(
	guest: Pick<Guest, 'seconds'>,
	loads: readonly { kill(signal: NodeJS.Signals): void }[],
	take: () => T,
): Promise<T> {
	for (const load of loads) load.kill('SIGSTOP');
	await guest.seconds(0.3);
	const taken = take();
	for (const load of loads) load.kill('SIGCONT');
	return taken;
}
