/** Quantiles of merged distributions. Pure. */
import { firstIndex } from '../lib/bisect.ts';
import { type Buckets, slotCount, slotLower } from '../lib/histogram.ts';
import type { Ns } from '../lib/units.ts';

/** Finest histogram of any tab: its bounds contain those of the coarser ones. */
const FINEST = slotCount(4);

/** A distribution: bounds ascending, and the count below each. */
export interface Counts {
	uppers: readonly Ns[];
	counts: ArrayLike<number>;
}

export function countsOf(buckets: Buckets): Counts {
	return { uppers: buckets.map(([upper]) => upper), counts: buckets.map(([, count]) => count) };
}

/** Lower bound of the bucket with this upper bound, of a histogram of so many slots. */
function lowerOf(upper: Ns, slots: number): Ns {
	const slot = firstIndex(slots, (index) => slotLower(index + 1, slots) >= upper);
	return slotLower(slot, slots);
}

/** Value at a rank; its error is at most the width of its bucket. 0: there are none. @param slots of the histogram */
export function quantileOf(
	{ uppers, counts }: Counts,
	rank: number,
	max: Ns = Number.POSITIVE_INFINITY,
	slots = FINEST,
): Ns {
	let total = 0;
	for (let at = 0; at < uppers.length; at++) total += counts[at] as number;
	const target = Math.max(rank * total, Number.MIN_VALUE);
	let seen = 0;
	for (let at = 0; at < uppers.length; at++) {
		const count = counts[at] as number;
		if (count > 0 && seen + count >= target) {
			const upper = uppers[at] as Ns;
			const lower = Math.min(lowerOf(upper, slots), max);
			return Math.round(lower + ((target - seen) / count) * (Math.min(upper, Math.max(max, lower)) - lower));
		}
		seen += count;
	}
	return 0;
}
