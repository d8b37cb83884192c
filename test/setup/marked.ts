/** Processes that a test run has started, and all that they start: each inherits a variable of the run's environment. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Its value is `RUN` in the workers of the test runner, `RUN:PID` in what the worker with that process id starts. */
export const MARK = 'WATTLAG_TEST';

const pattern = new RegExp(`(?:^|\0)${MARK}=([^\0]*)`);

export interface Marked {
	pid: number;
	mark: string;
}

/** Living processes but this one; a zombie has no environment. */
export function marked(): Marked[] {
	return readdirSync('/proc').flatMap((name) => {
		const pid = Number(name);
		const mark = pid > 0 && pid !== process.pid ? pattern.exec(environmentOf(pid))?.[1] : undefined;
		return mark === undefined ? [] : [{ pid, mark }];
	});
}

/** Empty when it has ended meanwhile. */
function environmentOf(pid: number): string {
	try {
		return readFileSync(`/proc/${pid}/environ`, 'latin1');
	} catch {
		return '';
	}
}

/**
 * Kill those that `doomed` accepts, until none is left: they may start others meanwhile, and one in the middle of disk IO
 * is not gone at once. Gives up after `patience` ms.
 */
export async function killMarked(doomed: (one: Marked) => boolean, patience = 5000): Promise<void> {
	const deadline = performance.now() + patience;
	for (let left = marked().filter(doomed); left.length > 0; left = marked().filter(doomed)) {
		for (const { pid } of left) {
			try {
				process.kill(pid, 'SIGKILL');
			} catch {
				// it has ended meanwhile
			}
		}
		if (performance.now() > deadline) return;
		await setTimeout(5);
	}
}
