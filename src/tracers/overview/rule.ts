/** What the files in `rules/` are: pure functions over a moment. */
import type { SafeText } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { Level, Suspicion } from './finding.ts';
import type { Moment } from './moment.ts';

export interface Rule {
	id: string;
	level: Level;
	/** What is looked for, in a few words: `CPUs`. */
	title: string;
	/** When it speaks up, with its limits: help and docs/overview.md say this. */
	help: string;
	/** How long it has to hold before it is told, ns; without: `BEGINS_AFTER`. */
	beginsAfter?: Ns;
	/** Why it cannot be judged at this moment; undefined: it can. */
	blind?(moment: Moment): SafeText | undefined;
	/** Pure. Everything from {@link KEEP} on, worst first. */
	look(moment: Moment): Suspicion[];
}

/** A finding that has begun goes on down to this part of its limit. */
export const KEEP = 0.7;

/** The least of several figures, each as a multiple of its limit: all of them have to be reached. */
export function excessOf(...figures: readonly (readonly [value: number, limit: number])[]): number {
	return figures.reduce((least, [value, limit]) => Math.min(least, value / limit), Number.POSITIVE_INFINITY) || 0;
}
