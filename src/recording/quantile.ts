/** Quantiles of merged distributions. Pure. */
import { firstIndex } from '../lib/bisect.ts';
import { type Buckets, slotCount, slotLower } from '../lib/histogram.ts';
import type { Ns } from '../lib/units.ts';

/** Finest histogram of any tab: its bounds contain those of the coarser ones. */
export const FINEST = slotCount(4);

/** A distribution: bounds ascending, and the count below each. */
export interface Counts {
	uppers: readonly Ns[];
	counts: ArrayLike<number>;
}

export function countsOf(buckets: Buckets): Counts {
	return { uppers: buckets.map(([upper]) => upper), counts: buckets.map(([, count]) => count) };
}

/** Lower bounds of slots by their upper bounds, by the number of slots. */
const known = new Map<number, ReadonlyMap<Ns, Ns>>();

/** Lower bound of the bucket with this upper bound, of a histogram of so many slots. */
function lowerOf(upper: Ns, slots: number): Ns {
	let lowers = known.get(slots);
	if (!lowers) {
		lowers = new Map(Array.from({ length: slots }, (_, slot) => [slotLower(slot + 1, slots), slotLower(slot, slots)]));
		known.set(slots, lowers);
	}
	const lower = lowers.get(upper);
	if (lower !== undefined) return lower;
	// the open last slot, or a bound of a finer histogram
	const slot = firstIndex(slots, (index) => slotLower(index + 1, slots) >= upper);
	return slotLower(slot, slots);
}

/** As {@link quantileOf}, of buckets: several times in each row of each frame, so without any list in between. */
export function quantileIn(buckets: Buckets, rank: number, max: Ns, slots: number): Ns {
	let total = 0;
	for (let at = 0; at < buckets.length; at++) total += (buckets[at] as Buckets[number])[1];
	const target = Math.max(rank * total, Number.MIN_VALUE);
	let seen = 0;
	for (let at = 0; at < buckets.length; at++) {
		const bucket = buckets[at] as Buckets[number];
		const count = bucket[1];
		if (count > 0 && seen + count >= target) return inBucket((target - seen) / count, bucket[0], max, slots);
		seen += count;
	}
	return 0;
}

/** The value at a part of a bucket's entries. */
function inBucket(part: number, upper: Ns, max: Ns, slots: number): Ns {
	const lower = Math.min(lowerOf(upper, slots), max);
	return Math.round(lower + part * (Math.min(upper, Math.max(max, lower)) - lower));
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
		if (count > 0 && seen + count >= target) return inBucket((target - seen) / count, uppers[at] as Ns, max, slots);
		seen += count;
	}
	return 0;
}
