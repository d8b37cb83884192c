/** The scheduler's priority of the program itself. */
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
 * Raise the priority, where that is allowed: of this thread, and of those that it starts from now on. A nice value that the user
 * chose stays.
 */
export function goBeforeOthers(nice: number): void {
	try {
		if (getPriority() === 0) setPriority(nice);
	} catch {
		// not root: it works as often as it has a turn
	}
}
