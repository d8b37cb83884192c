/**
 * The reader's side of the kernel's cumulative latency histograms: the differences of intervals, and their sums. All
 * tracers use it; bpf/lib/latency.bpf.h is the usual form on the kernel's side, for {@link LatencyReader}.
 */
import { latency_histogram } from '../generated/lib.ts';
import {
	type Buckets,
	type DistributionFigures,
	type Filled,
	figuresOf,
	percentiles,
	type Slots,
	slotCount,
	slotLower,
	toBuckets,
} from '../lib/histogram.ts';
import type { Count, Ns } from '../lib/units.ts';
import type { BpfSession } from './bpf-session.ts';

/** Slots of a histogram of bpf/lib/latency.bpf.h. */
export const LATENCY_SLOTS = slotCount(latency_histogram.LATENCY_SUB_BITS);

/** What was added to a cumulative histogram between two reads. */
export interface Difference {
	/** The slots that grew, ascending, and by how much each: few, mostly one. */
	readonly slots: ArrayLike<number>;
	readonly added: ArrayLike<Count>;
	readonly count: Count;
	readonly sum_ns: Ns;
	/** See {@link maximum}. */
	readonly max_ns: Ns;
}

const NOTHING: Difference = { slots: [], added: [], count: 0, sum_ns: 0, max_ns: 0 };

/** Numbers in a row. Emptied, it keeps its memory: an array whose length is set to 0 takes new memory in every interval. */
class Numbers {
	[index: number]: number;
	length = 0;

	push(number: number): void {
		this[this.length++] = number;
	}
}

/** Stays empty. */
const NONE = new Numbers();

/** The result of {@link Counters.advance}. */
const difference = { slots: new Numbers(), added: new Numbers(), count: 0, sum_ns: 0, max_ns: 0 } satisfies Difference;

/**
 * The largest value of an interval. The kernel files each maximum under the interval of the event, and reading files the
 * counts: where both differ, by an event in the moment between them, the highest slot that grew bounds the maximum.
 * @param known exact maxima that may be of this interval; -1: none
 */
function maximum(highest: number, length: number, known: Ns, other: Ns): Ns {
	const lower = slotLower(highest, length);
	const upper = slotLower(highest + 1, length);
	const fits = (ns: Ns): Ns => (ns >= lower && ns < upper ? ns : -1);
	const exact = Math.max(fits(known), fits(other));
	if (exact >= 0) return exact;
	return Number.isFinite(upper) ? upper - 1 : lower;
}

/** Filled slots up to which they are kept as a list: most distributions have very few, and an array of all slots is 1 kB. */
const FEW = 12;

/** A cumulative histogram as it was last read. */
export class Counters {
	private readonly length: number;
	private readonly wraps: boolean;
	/** Counts of all slots; undefined: few are filled. */
	private all: Float64Array | Uint32Array | undefined;
	/** Without `all`: a slot, its count, and so on, ascending. An array of all slots takes ten times as much for an idle task. */
	private few: number[] = NO_NUMBERS;
	private sum_ns: Ns = 0;

	/** @param Counts as wide as the kernel's counters, which may wrap where they have 32 bits */
	constructor(length = LATENCY_SLOTS, Counts: typeof Float64Array | typeof Uint32Array = Uint32Array) {
		this.length = length;
		this.wraps = Counts === Uint32Array;
	}

	/**
	 * What was added since the newest read so far, valid until the next call for any histogram. An older one (a record waited
	 * in a ring while the living were read) adds nothing.
	 * @param known exact maximum of the interval that ends, and of the next one, as far as the kernel knows them; -1: none
	 */
	advance(slots: Slots, sum_ns: Ns, known: Ns = -1, knownOfNext: Ns = -1): Difference {
		const { slots: grown, added } = difference;
		grown.length = 0;
		added.length = 0;
		const count = this.all ? this.advanceAll(this.all, slots) : this.advanceFew(slots);
		// the kernel writes while this reads: a sum seen before its slot belongs to the next interval
		if (count === 0) return NOTHING;
		const more_ns = Math.max(0, sum_ns - this.sum_ns);
		this.sum_ns += more_ns;
		difference.count = count;
		difference.sum_ns = more_ns;
		difference.max_ns = maximum(grown[grown.length - 1] as number, this.length, known, knownOfNext);
		return difference;
	}

	/** Returns the sum of what was added, slot by slot, to {@link difference}. */
	private advanceAll(all: Float64Array | Uint32Array, slots: Slots): Count {
		let count = 0;
		for (let slot = 0; slot < all.length; slot++) {
			const more = this.growth(slots[slot] as number, all[slot] as number);
			if (more === 0) continue;
			count += report(slot, more);
			all[slot] = slots[slot] as number;
		}
		return count;
	}

	/** As {@link advanceAll}. */
	private advanceFew(slots: Slots): Count {
		let count = 0;
		let at = 0;
		for (let slot = 0; slot < this.length; slot++) {
			const now = slots[slot] as number;
			const isKnown = this.few[at] === slot;
			if (isKnown) at += 2;
			else if (now === 0) continue;
			const more = this.growth(now, isKnown ? (this.few[at - 1] as number) : 0);
			if (more === 0) continue;
			count += report(slot, more);
			if (!isKnown) {
				this.few = withPair(this.few, at, slot);
				at += 2;
			}
			this.few[at - 1] = now;
		}
		if (this.few.length > 2 * FEW) {
			this.all = new (this.wraps ? Uint32Array : Float64Array)(this.length);
			for (let index = 0; index < this.few.length; index += 2)
				this.all[this.few[index] as number] = this.few[index + 1] as number;
			this.few = NO_NUMBERS;
		}
		return count;
	}

	/** 0: it has not grown. */
	private growth(now: number, before: number): Count {
		if (now === before) return 0;
		return Math.max(0, this.wraps ? (now - before) | 0 : now - before);
	}
}

const NO_NUMBERS: number[] = [];

function report(slot: number, more: Count): Count {
	difference.slots.push(slot);
	difference.added.push(more);
	return more;
}

/** A copy with room for a slot and its count, and no more than that. */
function withPair(few: readonly number[], at: number, slot: number): number[] {
	const longer = new Array<number>(few.length + 2);
	for (let index = 0; index < at; index++) longer[index] = few[index] as number;
	longer[at] = slot;
	longer[at + 1] = 0;
	for (let index = at; index < few.length; index++) longer[index + 2] = few[index] as number;
	return longer;
}

/** In place, by insertion: few numbers, mostly in order already, and Array.sort() makes a copy of them. */
function sortFew(numbers: Numbers): void {
	for (let index = 1; index < numbers.length; index++) {
		const number = numbers[index] as number;
		let at = index;
		while (at > 0 && (numbers[at - 1] as number) > number) {
			numbers[at] = numbers[at - 1] as number;
			at--;
		}
		numbers[at] = number;
	}
}

/** An array for the figures of one list at a time, all zero between two uses, by length. */
const scratches = new Map<number, Float64Array>();

function scratchOf(length: number): Float64Array {
	let scratch = scratches.get(length);
	if (!scratch) {
		scratch = new Float64Array(length);
		scratches.set(length, scratch);
	}
	return scratch;
}

/** Events of one interval and how long they took. */
export class Distribution {
	count: Count = 0;
	sum_ns: Ns = 0;
	max_ns: Ns = 0;
	protected readonly length: number;
	/** Of all slots; undefined: few are filled. */
	private counts: Float64Array | undefined;
	/** The slots with events, and without `counts` how many each. {@link NONE} before the first one. */
	private filled = NONE;
	private amounts = NONE;

	/** @param length slots of the histogram */
	constructor(length = LATENCY_SLOTS) {
		this.length = length;
	}

	/** For the next interval. */
	clear(): void {
		if (this.counts)
			for (let index = 0; index < this.filled.length; index++) this.counts[this.filled[index] as number] = 0;
		this.filled.length = 0;
		this.amounts.length = 0;
		this.count = 0;
		this.sum_ns = 0;
		this.max_ns = 0;
	}

	/** Without events for some time: as {@link clear}, and its memory is given back. */
	rest(): void {
		this.clear();
		this.counts = undefined;
		this.filled = NONE;
		this.amounts = NONE;
	}

	grow({ slots, added, count, sum_ns, max_ns }: Difference): void {
		if (count === 0) return;
		for (let index = 0; index < slots.length; index++) this.put(slots[index] as number, added[index] as number);
		this.count += count;
		this.sum_ns += sum_ns;
		this.max_ns = Math.max(this.max_ns, max_ns);
	}

	add(other: Distribution): void {
		if (other.count === 0) return;
		const { filled, amounts, counts } = other;
		for (let index = 0; index < filled.length; index++) {
			const slot = filled[index] as number;
			this.put(slot, (counts ? counts[slot] : amounts[index]) as number);
		}
		this.count += other.count;
		this.sum_ns += other.sum_ns;
		this.max_ns = Math.max(this.max_ns, other.max_ns);
	}

	/** Mean, whole ns; 0 without events. */
	mean(): Ns {
		return this.count === 0 ? 0 : Math.round(this.sum_ns / this.count);
	}

	percentile(rank: number): Ns {
		return this.figured((slots, filled) => percentiles(slots, [rank] as const, this.max_ns, filled)[0]);
	}

	buckets(): Buckets {
		return this.figured((slots, filled) => toBuckets(slots, this.max_ns, filled));
	}

	figures(): DistributionFigures {
		return this.figured((slots, filled) => figuresOf(slots, this.max_ns, filled));
	}

	/** A figure of the array of all slots, and of those with events in their order. The array is valid until it returns. */
	protected figured<T>(figure: (slots: Float64Array, filled: Filled) => T): T {
		const { filled, amounts, counts } = this;
		if (counts) {
			sortFew(filled);
			return figure(counts, filled);
		}
		const scratch = scratchOf(this.length);
		for (let index = 0; index < filled.length; index++) scratch[filled[index] as number] = amounts[index] as number;
		sortFew(filled);
		const result = figure(scratch, filled);
		for (let index = 0; index < filled.length; index++) {
			const slot = filled[index] as number;
			amounts[index] = scratch[slot] as number;
			scratch[slot] = 0;
		}
		return result;
	}

	private put(slot: number, count: Count): void {
		if (this.filled === NONE) {
			this.filled = new Numbers();
			this.amounts = new Numbers();
		}
		const { filled, amounts } = this;
		if (!this.counts) {
			let index = 0;
			while (index < filled.length && filled[index] !== slot) index++;
			if (index < filled.length) {
				amounts[index] = (amounts[index] as number) + count;
				return;
			}
			if (index < FEW) {
				filled.push(slot);
				amounts.push(count);
				return;
			}
			this.counts = new Float64Array(this.length);
			for (index = 0; index < filled.length; index++) this.counts[filled[index] as number] = amounts[index] as number;
			amounts.length = 0;
		}
		const before = this.counts[slot] as number;
		if (before === 0) filled.push(slot);
		this.counts[slot] = before + count;
	}
}

/** `struct latency` as the generated decoders give it. */
export interface KernelLatency {
	sum_ns: Ns;
	/** By the lowest bit of the number of the interval. */
	max_ns: ArrayLike<Ns>;
	/** Number of the interval of the last event. */
	epoch: number;
	slots: Uint32Array;
}

/** Differences of all distributions of a tracer, distinguished by a key of the tracer's choice. */
export class LatencyReader {
	private readonly before = new Map<string, Counters>();
	private epoch = 0;
	private ended = 0;

	/** Begin the next interval; call before the maps are read. Returns the number of the one that ended. */
	nextInterval(bpf: BpfSession): number {
		this.ended = this.epoch;
		this.epoch = (this.epoch + 1) >>> 0;
		bpf.object.update('.data.interval', new Uint8Array(4), new Uint8Array(new Uint32Array([this.epoch]).buffer));
		return this.ended;
	}

	/** Events since the previous call with this key; since start, the first time. */
	difference(key: string, now: KernelLatency): Distribution {
		let before = this.before.get(key);
		if (!before) {
			before = new Counters();
			this.before.set(key, before);
		}
		return this.since(before, now);
	}

	/** Events since the read that `before` is of, which then is of this one. */
	since(before: Counters, { slots, sum_ns, max_ns, epoch }: KernelLatency): Distribution {
		const next = (this.ended + 1) >>> 0;
		const known = epoch === this.ended || epoch === next ? (max_ns[this.ended & 1] as Ns) : -1;
		const interval = new Distribution();
		interval.grow(before.advance(slots, sum_ns, known, epoch === next ? (max_ns[next & 1] as Ns) : -1));
		return interval;
	}
}
