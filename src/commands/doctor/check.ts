/** One thing that `doctor` examined. */
import { type SafeText, sanitize } from '../../lib/sanitize.ts';

/** `less`: works, but not all of it; `no`: does not work; `info`: reported only. */
export type State = 'ok' | 'less' | 'no' | 'info';

export interface Check {
	/** e.g. `BTF`, `perf_event_paranoid`. */
	name: SafeText;
	state: State;
	/** What was found, a sentence each. */
	found: readonly SafeText[];
	/** What to run or change; empty: nothing. */
	fix: SafeText;
}

export interface Section {
	title: string;
	checks: readonly Check[];
}

export function check(name: string, state: State, found: string | readonly string[], fix = ''): Check {
	const sentences = typeof found === 'string' ? [found] : found;
	return {
		name: sanitize(name),
		state,
		found: sentences.filter((sentence) => sentence !== '').map((sentence) => sanitize(sentence)),
		fix: sanitize(fix),
	};
}

/** What was thrown, in a few words. */
export function words(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
