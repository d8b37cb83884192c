/** One figure of ours beside its truth. */
import { between, type Sample } from '../truth/counters.ts';

export interface Check {
	/** What is compared: `CPU time of a process, 1 s`. */
	figure: string;
	/** Where the truth is from. */
	truth: string;
	unit: string;
	ours: number;
	/** The truth lies between these: what happened while it was read is in one and not in the other. */
	least: number;
	most: number;
	/** Share by which ours is outside of that; 0: within. */
	error: number;
	/** Share by which ours differs from the middle of the two: what is known, without the benefit of the doubt. */
	fromMiddle: number;
	/** Error that is allowed, a share. */
	bound: number;
	/** Of what is missing, so much no BPF program on this machine could see (see hidden.ts), in units; not an error. */
	hidden: number;
	passed: boolean;
	note?: string;
}

interface Bounds {
	/** Share by which ours may be outside. */
	bound: number;
	/** What no BPF program on this machine could see, in units; of what is missing only. */
	hidden?: number;
	/** What one side may have and the other not yet, in units. */
	slack?: number;
	note?: string;
}

/** Compare one value with two that the truth lies between. */
export function check(
	figure: string,
	truth: string,
	unit: string,
	{ ours, least, most }: { ours: number; least: number; most: number },
	{ bound, hidden = 0, slack = 0, note }: Bounds,
): Check {
	const middle = (least + most) / 2;
	const under = Math.max(0, least - slack - hidden - ours) / Math.max(1, least);
	const over = Math.max(0, ours - most - slack) / Math.max(1, most);
	return {
		figure,
		truth,
		unit,
		ours,
		least,
		most,
		error: Math.max(under, over),
		fromMiddle: middle > 0 ? (ours - middle) / middle : 0,
		bound,
		hidden,
		// nothing compared with nothing is no proof
		passed: most > 0 && under <= bound && over <= bound,
		...(note !== undefined && { note }),
	};
}

/** The same of counters that were read before and after. */
export function checkCounters(
	figure: string,
	truth: string,
	unit: string,
	samples: { from: Sample; to: Sample },
	keys: readonly string[],
	bounds: Bounds,
): Check {
	return check(figure, truth, unit, between(samples.from, samples.to, ...keys), bounds);
}
