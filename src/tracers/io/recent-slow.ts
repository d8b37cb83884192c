/** Slow requests of the snapshots in memory. Pure. */
import type { SlowRequest } from './snapshot.ts';

/**
 * Newest first, at most `limit`.
 * @param history oldest first
 */
export function recentSlow(
	history: readonly { slow: readonly SlowRequest[] }[],
	limit: number,
	wanted: (request: SlowRequest) => boolean = () => true,
): SlowRequest[] {
	const slow: SlowRequest[] = [];
	for (let index = history.length - 1; index >= 0 && slow.length < limit; index--) {
		const found = history[index]?.slow.filter(wanted) ?? [];
		slow.push(...found.sort((a, b) => b.mono_ns - a.mono_ns).slice(0, limit - slow.length));
	}
	return slow;
}
