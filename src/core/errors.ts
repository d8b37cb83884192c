/** Errors that end in one line for the user. */

/** The user's mistake (option, filter, configuration) in one line, with the place and the fix. Exit code 2. */
export class UsageError extends Error {}

/** A missing mechanism, in the user's words. */
export class Unavailable extends Error {
	/**
	 * @param reason what is missing: `cannot attach sched_switch: needs CAP_BPF and CAP_PERFMON`
	 * @param fix what to run or change: `run as root: sudo wattlag`
	 */
	readonly fix: string;

	constructor(reason: string, fix: string, cause?: unknown) {
		super(reason, { cause });
		this.fix = fix;
	}
}
