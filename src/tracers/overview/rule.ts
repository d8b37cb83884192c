/** The contract of the files in `rules/`: pure functions of an interval. */
import type { SafeText } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { Level, Suspicion } from './finding.ts';
import type { Interval } from './interval.ts';

export interface Rule {
	id: string;
	level: Level;
	/** The checked subject in a few words: `CPUs`. */
	title: string;
	/** The condition with its limits, and the owner: the text of help and docs/overview.md. */
	help: string;
	/** How long it must hold before it is reported, ns; absent: `BEGINS_AFTER`. */
	beginsAfter?: Ns;
	/** How long it may be absent without ending, ns; absent: `ENDS_AFTER`. 0: what it says of a moment is wrong in the next one. */
	endsAfter?: Ns;
	/** Is there what it is checked by, which only the user asks for? Absent: always. Unasked it is neither checked nor missing. */
	asked?(interval: Interval): boolean;
	/** Why it cannot be checked in this interval; undefined: it can. */
	uncheckable?(interval: Interval): SafeText | undefined;
	/** Pure. Returns all with an excess of at least {@link KEEP}, worst first; lower ones are ignored. */
	check(interval: Interval): Suspicion[];
}

/** A finding that has begun continues down to this part of its limit. */
export const KEEP = 0.7;

/** The lowest of several figures, each as a multiple of its limit, since all limits must be reached. */
export function excessOf(...figures: readonly (readonly [value: number, limit: number])[]): number {
	return figures.reduce((least, [value, limit]) => Math.min(least, value / limit), Number.POSITIVE_INFINITY) || 0;
}
