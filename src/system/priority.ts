/** The scheduler's priority of the program itself. */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Nice value of the screen and of `triage`. Loading takes a second of CPU time, of which a busy CPU with 20 others gives them a
 * twentieth. It is a tenth of the recorder's weight, since nothing is lost while they wait.
 */
export const INTERACTIVE = -10;

/**
 * Nice value of a recorder. By the scheduler's weights it has a seventh of a CPU beside 500 busy processes there; with 0 it has a
 * five-hundredth, and with -10 an interval of a second took twenty.
 */
export const RECORDER = -20;

/**
 * Raise the priority, where that is allowed: of every thread of this process, since Linux sets that of a single one, and who
 * collects garbage or writes a file waits for the threads that do it. A nice value that the user chose stays.
 */
export function goBeforeOthers(nice: number): void {
	try {
		for (const thread of readdirSync('/proc/self/task').map(Number))
			if (getPriority(thread) === 0) setPriority(thread, nice);
	} catch {
		// not root: it works as often as it has a turn
	}
}
