/** Errors that end in one line for the user. */
import { getSystemErrorMessage } from 'node:util';

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

/** The value of an option names what this machine does not have, such as a control group. Exit code 2, as of {@link UsageError}. */
export class WrongValue extends Unavailable {}

/** Exit codes of every command, as help lists them. */
export const EXIT_CODES = [
	{ code: 0, meaning: 'done' },
	{ code: 1, meaning: 'failure (doctor: a tab that does not work)' },
	{ code: 2, meaning: 'bad option' },
	{ code: 3, meaning: '--fail-if matched' },
	{ code: 10, meaning: 'triage: the worst finding is a notice' },
	{ code: 11, meaning: 'triage: the worst finding is high' },
	{ code: 12, meaning: 'triage: the worst finding is severe' },
	{ code: 124, meaning: 'record --duration: the command ran for longer' },
	{ code: 77, meaning: 'nothing could be measured (privilege or kernel)' },
] as const;

/** The codes that are not those of success and of failure in general. */
export const EXIT = {
	usage: 2,
	matched: 3,
	notice: 10,
	high: 11,
	severe: 12,
	unavailable: 77,
	tooLong: 124,
} as const satisfies Record<string, (typeof EXIT_CODES)[number]['code']>;

/** Why something failed, in one line without the file that the caller names: of a system call its error as text, else the message. */
export function systemReason(error: unknown): string {
	const { errno, message } = error as NodeJS.ErrnoException;
	// node counts its own errors down from there
	return errno === undefined || errno > 0 || errno < -4095 ? message : getSystemErrorMessage(errno);
}
