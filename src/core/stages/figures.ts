/** Figures of stages in snapshots. */
import type { Buckets } from '../../lib/histogram.ts';
import type { Count, Ns } from '../../lib/units.ts';

/** One stage, or `total`, in one interval. */
export interface StageStats {
	count: Count;
	mean_ns: Ns;
	p50_ns: Ns;
	p90_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
}

/** One stage of one object: its start, relative to the object's, and its duration. */
export interface Step {
	stage: string;
	at_ns: Ns;
	ns: Ns;
}

/** @param stages name → ns in the order of the path; `total` is left out */
export function waterfall(stages: Readonly<Record<string, Ns>>): Step[] {
	let at = 0;
	return Object.entries(stages)
		.filter(([stage]) => stage !== 'total')
		.map(([stage, ns]) => {
			const step = { stage, at_ns: at, ns };
			at += ns;
			return step;
		});
}
