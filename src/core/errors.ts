/** Errors that end in one line for the user. */

/** How to become root, for every `fix` that advises it. */
export const BECOME_ROOT = 'run as root: sudo wattlag (from a checkout: sudo bin/wattlag)';

/** The user's mistake (option, filter, configuration) in one line that names the option or file and the fix. Exit code 2. */
export class UsageError extends Error {}

/** A mechanism is missing, in plain words. */
export class Unavailable extends Error {
	/**
	 * @param reason what is missing: `cannot attach sched_switch: needs CAP_BPF and CAP_PERFMON`
	 * @param fix what to run or change, such as {@link BECOME_ROOT}
	 */
	readonly fix: string;

	constructor(reason: string, fix: string, cause?: unknown) {
		super(reason, { cause });
		this.fix = fix;
	}
}
