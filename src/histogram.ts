/**
 * The reader's side of bpf/include/hist.bpf.h: slots of bounded relative width over nanoseconds. Each octave is cut
 * into 2^subBits equal slots; slot 0 is everything below 2^7 ns, the last everything from 2^36 ns on.
 */
import type { Count, Ns } from './units.ts';

const MIN_EXP = 7;
const MAX_EXP = 36;

/** `[upper bound in ns (exclusive), count]`, ascending, empty buckets left out. */
export type Buckets = [upper_ns: Ns, count: Count][];

/** Counts by slot; the length tells the resolution. */
export type Slots = ArrayLike<number>;

/** Number of slots of a histogram with 2^subBits slots an octave. */
export function slotCount(subBits: number): number {
	return ((MAX_EXP - MIN_EXP) << subBits) + 2;
}

/** By length: asked for with every slot. */
const knownSubBits = new Map<number, number>();

function subBitsOf(length: number): number {
	let subBits = knownSubBits.get(length);
	if (subBits !== undefined) return subBits;
	subBits = Math.log2((length - 2) / (MAX_EXP - MIN_EXP));
	if (!Number.isInteger(subBits)) throw new RangeError(`no histogram has ${length} slots`);
	knownSubBits.set(length, subBits);
	return subBits;
}

/** Lower bound of a slot, ns (inclusive); that of `length` is the upper bound of the last slot. */
export function slotLower(slot: number, length: number): Ns {
	const subBits = subBitsOf(length);
	if (slot <= 0) return 0;
	if (slot >= length) return Number.POSITIVE_INFINITY;
	const exp = MIN_EXP + ((slot - 1) >> subBits);
	const sub = (slot - 1) & ((1 << subBits) - 1);
	return 2 ** exp * (1 + sub / (1 << subBits));
}

/** The filled slots. The open last slot is bounded by `max`. */
export function toBuckets(slots: Slots, max: Ns): Buckets {
	const buckets: Buckets = [];
	for (let slot = 0; slot < slots.length; slot++) {
		const count = slots[slot] as number;
		if (count > 0) {
			const upper = slotLower(slot + 1, slots.length);
			buckets.push([Number.isFinite(upper) ? upper : Math.max(max + 1, slotLower(slot, slots.length)), count]);
		}
	}
	return buckets;
}

/**
 * The value at a rank (`0.99`), interpolated inside its slot and never above `max`. Its error is at most the slot's
 * width: 1/2^subBits of the value. 0 for an empty histogram.
 */
export function percentile(slots: Slots, rank: number, max: Ns): Ns {
	let total = 0;
	for (let slot = 0; slot < slots.length; slot++) total += slots[slot] as number;
	if (total === 0) return 0;
	const target = Math.max(rank * total, Number.MIN_VALUE);
	let seen = 0;
	for (let slot = 0; slot < slots.length; slot++) {
		const count = slots[slot] as number;
		if (count === 0 || seen + count < target) {
			seen += count;
			continue;
		}
		const lower = slotLower(slot, slots.length);
		const upper = Math.min(slotLower(slot + 1, slots.length), Math.max(max, lower));
		return Math.min(Math.round(lower + ((target - seen) / count) * (upper - lower)), max);
	}
	return max;
}

/** Upper bound of the highest filled slot, or 0: what is known of a maximum where only slots are kept. */
export function highestBound(slots: Slots): Ns {
	for (let slot = slots.length - 1; slot >= 0; slot--)
		if ((slots[slot] as number) > 0) return slotLower(slot + 1, slots.length);
	return 0;
}
