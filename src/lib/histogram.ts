/**
 * The reader's side of bpf/lib/hist.bpf.h: slots of bounded relative width over nanoseconds. Each octave is divided into
 * 2^subBits equal slots; slot 0 is everything below 2^7 ns, the last slot everything from 2^36 ns on.
 */
import type { Count, Ns } from './units.ts';

const MIN_EXP = 7;
const MAX_EXP = 36;

/** `[upper bound in ns (exclusive), count]`, ascending, without empty buckets. */
export type Buckets = [upper_ns: Ns, count: Count][];

/** Slots of the original runqlat tool and its relatives. */
export const LOG2_SLOTS = 26;

/** One of the {@link LOG2_SLOTS} powers of two of `unit`: slot 0 is below two units, the last one open. */
export interface Band {
	/** 1e3: µs, 1e6: ms; 1: ns, with more slots. */
	unit: Ns;
	slot: number;
}

/** The last slot of the bars of a unit: of 1 ns every power of two up to the histogram's end, else the open one. */
export function lastSlot(unit: Ns): number {
	return unit > 1 ? LOG2_SLOTS - 1 : MAX_EXP;
}

/** The power of two of `unit` that contains the middle of a bucket. */
export function log2Slot(upper: Ns, unit: Ns): number {
	// the bucket's width is not known: at any resolution its middle is slightly below its bound
	return Math.min(lastSlot(unit), Math.max(0, Math.floor(Math.log2((upper * 0.97) / unit))));
}

/** Times of a band, `from` inclusive, `to` exclusive. */
export function boundsOf({ unit, slot }: Band): { from: Ns; to: Ns } {
	return {
		from: slot > 0 ? unit * 2 ** slot : 0,
		to: slot < lastSlot(unit) ? unit * 2 ** (slot + 1) : Number.POSITIVE_INFINITY,
	};
}

/** Counts by slot; the length determines the resolution. */
export type Slots = ArrayLike<number>;

/** The slots that are not empty, ascending; saves a walk over all of them. */
export type Filled = ArrayLike<number>;

/** Number of slots of a histogram with 2^subBits slots an octave. */
export function slotCount(subBits: number): number {
	return ((MAX_EXP - MIN_EXP) << subBits) + 2;
}

/** Lower bounds of slots, by length of the histogram: needed for every slot. */
const knownBounds = new Map<number, Float64Array>();

function lowerBounds(length: number): Float64Array {
	const subBits = Math.log2((length - 2) / (MAX_EXP - MIN_EXP));
	if (!Number.isInteger(subBits)) throw new RangeError(`no histogram has ${length} slots`);
	const bounds = new Float64Array(length);
	for (let slot = 1; slot < length; slot++) {
		const exp = MIN_EXP + ((slot - 1) >> subBits);
		const sub = (slot - 1) & ((1 << subBits) - 1);
		bounds[slot] = 2 ** exp * (1 + sub / (1 << subBits));
	}
	return bounds;
}

/** Lower bound of a slot, ns (inclusive); for `length` the upper bound of the last slot. */
export function slotLower(slot: number, length: number): Ns {
	let bounds = knownBounds.get(length);
	if (!bounds) {
		bounds = lowerBounds(length);
		knownBounds.set(length, bounds);
	}
	if (slot <= 0) return 0;
	return slot >= length ? Number.POSITIVE_INFINITY : (bounds[slot] as Ns);
}

/** Slots by upper bound, for each resolution. */
const slotsByBound = new Map<number, ReadonlyMap<Ns, number>>();

/** Add buckets of {@link toBuckets} to slots of the same resolution. */
export function toSlots(buckets: Buckets, slots: Float64Array): void {
	let bounds = slotsByBound.get(slots.length);
	if (!bounds) {
		bounds = new Map(Array.from(slots, (_, slot) => [slotLower(slot + 1, slots.length), slot]));
		slotsByBound.set(slots.length, bounds);
	}
	for (const [upper, count] of buckets) {
		const slot = bounds.get(upper) ?? slots.length - 1;
		slots[slot] = (slots[slot] as number) + count;
	}
}

/** The filled slots. The open last slot is bounded by `max`. */
export function toBuckets(slots: Slots, max: Ns, filled?: Filled): Buckets {
	const buckets: Buckets = [];
	const { length } = filled ?? slots;
	for (let i = 0; i < length; i++) {
		const slot = filled ? (filled[i] as number) : i;
		const count = slots[slot] as number;
		if (count > 0) {
			const upper = slotLower(slot + 1, slots.length);
			buckets.push([Number.isFinite(upper) ? upper : Math.max(max + 1, slotLower(slot, slots.length)), count]);
		}
	}
	return buckets;
}

/** Several lists of buckets as one. */
export function mergeBuckets(all: readonly Buckets[]): Buckets {
	const [only] = all;
	if (only && all.length === 1) return only;
	const counts = new Map<number, number>();
	for (const buckets of all)
		for (const bucket of buckets) counts.set(bucket[0], (counts.get(bucket[0]) ?? 0) + bucket[1]);
	return [...counts].sort((a, b) => a[0] - b[0]);
}

/**
 * The values at ranks (`0.99`), interpolated inside their slots and never above `max`. Their error is at most the slot's
 * width: 1/2^subBits of the value. 0 for an empty histogram.
 * @param ranks rising: one walk over the slots finds them all
 */
export function percentiles<Ranks extends readonly number[]>(
	slots: Slots,
	ranks: Ranks,
	max: Ns,
	filled?: Filled,
): { [Index in keyof Ranks]: Ns } {
	const { length } = filled ?? slots;
	let total = 0;
	for (let i = 0; i < length; i++) total += slots[filled ? (filled[i] as number) : i] as number;
	const values: Ns[] = ranks.map(() => (total === 0 ? 0 : max));
	let found = total === 0 ? ranks.length : 0;
	let seen = 0;
	for (let i = 0; i < length && found < ranks.length; i++) {
		const slot = filled ? (filled[i] as number) : i;
		const count = slots[slot] as number;
		if (count === 0) continue;
		for (; found < ranks.length; found++) {
			const target = Math.max((ranks[found] as number) * total, Number.MIN_VALUE);
			if (seen + count < target) break;
			const lower = slotLower(slot, slots.length);
			const upper = Math.min(slotLower(slot + 1, slots.length), Math.max(max, lower));
			values[found] = Math.min(Math.round(lower + ((target - seen) / count) * (upper - lower)), max);
		}
		seen += count;
	}
	return values as { [Index in keyof Ranks]: Ns };
}

/** The value at one rank, see {@link percentiles}. */
export function percentile(slots: Slots, rank: number, max: Ns): Ns {
	const [value] = percentiles(slots, [rank] as const, max);
	return value;
}

/** Reported figures of a distribution; 0 and no buckets for an empty one. */
export interface DistributionFigures {
	p50_ns: Ns;
	p90_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
}

const RANKS = [0.5, 0.9, 0.99] as const;

/** Percentiles and buckets of a distribution. @param max_ns its exact maximum, which no percentile exceeds @param filled slots with events, where they are known */
export function figuresOf(slots: Slots, max_ns: Ns, filled?: Filled): DistributionFigures {
	const [p50_ns, p90_ns, p99_ns] = percentiles(slots, RANKS, max_ns, filled);
	return { p50_ns, p90_ns, p99_ns, max_ns, buckets: toBuckets(slots, max_ns, filled) };
}

/**
 * Several distributions as one.
 * @param length slots of the histogram that the buckets of all of them come from
 */
export function mergeFigures(
	parts: readonly Pick<DistributionFigures, 'max_ns' | 'buckets'>[],
	length: number,
): DistributionFigures {
	const slots = new Float64Array(length);
	let max_ns = 0;
	for (const part of parts) {
		toSlots(part.buckets, slots);
		max_ns = Math.max(max_ns, part.max_ns);
	}
	return figuresOf(slots, max_ns);
}
