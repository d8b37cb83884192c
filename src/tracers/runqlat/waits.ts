/** The reader's side of the counters of bpf/runqlat/runqlat.bpf.c: from figures that count up for ever to those of an interval. Pure. */
import { waits_layout } from '../../generated/runqlat.ts';
import { type Buckets, percentiles, slotLower, toBuckets } from '../../lib/histogram.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { zonesOf } from './zones.ts';

/** Number of intervals that the kernel's words can tell apart. */
export const EPOCHS = 2 ** (64 - waits_layout.LONGEST_BITS);

/** Of a word's upper half, the bits that belong to the time. */
const TIME_BITS = waits_layout.LONGEST_BITS - 32;

/** What was added to counters between two reads. */
export interface Difference {
	/** Slots (see histogram.ts) that were added to, of which there are few, and how much to each. */
	slots: number[];
	added: Count[];
	count: Count;
	sum_ns: Ns;
}

/** Counters of the kernel as they were when last read. */
export class Counters {
	private readonly slots: Float64Array | Uint32Array;
	private sum_ns: Ns = 0;

	/**
	 * @param slots length of the histogram
	 * @param Slots as wide as the kernel's
	 */
	constructor(slots: number, Slots: typeof Float64Array | typeof Uint32Array = Float64Array) {
		this.slots = new Slots(slots);
	}

	/**
	 * What was added since the newest figures so far. Figures that are older than these (a record waited in the ring while
	 * the living were read) add nothing. A Uint32Array's counters may wrap.
	 */
	advance(slots: Uint32Array | Float64Array, sum_ns: Ns): Difference {
		const wraps = slots instanceof Uint32Array;
		const difference: Difference = { slots: [], added: [], count: 0, sum_ns: 0 };
		for (let slot = 0; slot < this.slots.length; slot++) {
			const now = slots[slot] as number;
			const before = this.slots[slot] as number;
			const added = wraps ? (now - before) | 0 : now - before;
			if (added <= 0) continue;
			difference.slots.push(slot);
			difference.added.push(added);
			difference.count += added;
			this.slots[slot] = now;
		}
		// the kernel writes while we read: a sum that came before its slot waits for it
		if (difference.count > 0) {
			difference.sum_ns = Math.max(0, sum_ns - this.sum_ns);
			this.sum_ns += difference.sum_ns;
		}
		return difference;
	}
}

/** The longest wait that a pair of words (`longest` of the C file, in halves) has for an interval; -1: none. */
function longestOf(words: Uint32Array, epoch: number): Ns {
	const low = words[(epoch & 1) * 2] as number;
	const high = words[(epoch & 1) * 2 + 1] as number;
	return high >>> TIME_BITS === epoch ? (high % 2 ** TIME_BITS) * 2 ** 32 + low : -1;
}

/** Figures of an interval, named as in rows. */
export interface WaitFigures {
	count: Count;
	wait_ns: Ns;
	/** Mean, rounded. */
	mean_ns: Ns;
	p50_ns: Ns;
	p90_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	/** Counts by the limits of the zones, see zones.ts. */
	zones: Count[];
	buckets: Buckets;
	count_total: Count;
	/** Of tasks, like the kernel's run_delay: also what a wait that goes on had before its task moved to another CPU. */
	wait_ns_total: Ns;
}

const RANKS = [0.5, 0.9, 0.99] as const;

function ascending(a: number, b: number): number {
	return a - b;
}

/** The waits that ended in one interval, and how many since start. */
export class Waits {
	count: Count = 0;
	sum_ns: Ns = 0;
	count_total: Count = 0;
	sum_ns_total: Ns = 0;
	/** Of waits that have not ended, what was before their tasks moved to another CPU. */
	moved_ns: Ns = 0;
	private readonly slots: Float64Array;
	/** Which of them are not 0: few, mostly one. */
	private filled: number[] = [];
	private longest: Ns = -1;
	private longestOfNext: Ns = -1;

	/** @param slots length of the histogram */
	constructor(slots: number) {
		this.slots = new Float64Array(slots);
	}

	beginInterval(): void {
		this.longest = -1;
		this.longestOfNext = -1;
		for (const slot of this.filled) this.slots[slot] = 0;
		this.filled.length = 0;
		this.count = 0;
		this.sum_ns = 0;
		this.moved_ns = 0;
	}

	/**
	 * @param longest the words that belong to the same counters
	 * @param epoch number of the interval that has ended
	 */
	add(difference: Difference, longest: Uint32Array, epoch: number): void {
		for (let i = 0; i < difference.slots.length; i++) {
			const slot = difference.slots[i] as number;
			const before = this.slots[slot] as number;
			if (before === 0) this.filled.push(slot);
			this.slots[slot] = before + (difference.added[i] as number);
		}
		this.count += difference.count;
		this.sum_ns += difference.sum_ns;
		this.count_total += difference.count;
		this.sum_ns_total += difference.sum_ns;
		this.longest = Math.max(this.longest, longestOf(longest, epoch));
		this.longestOfNext = Math.max(this.longestOfNext, longestOf(longest, (epoch + 1) % EPOCHS));
	}

	/** @param zones limits between zones, ns */
	figures(zones: readonly Ns[] = []): WaitFigures {
		const { slots, filled } = this;
		if (filled.length > 1) filled.sort(ascending);
		const max_ns = this.max();
		const any = this.count > 0;
		const [p50_ns, p90_ns, p99_ns] = any ? percentiles(slots, RANKS, max_ns, filled) : [0, 0, 0];
		return {
			count: this.count,
			wait_ns: this.sum_ns,
			mean_ns: any ? Math.round(this.sum_ns / this.count) : 0,
			p50_ns,
			p90_ns,
			p99_ns,
			max_ns,
			zones: any ? zonesOf(slots, zones, filled) : new Array(zones.length + 1).fill(0),
			buckets: any ? toBuckets(slots, max_ns, filled) : [],
			count_total: this.count_total,
			wait_ns_total: this.sum_ns_total + this.moved_ns,
		};
	}

	/**
	 * The longest wait. Which interval an event belongs to is decided by the kernel for the maximum and by our reading
	 * for the counts; where these differ by the moment between the two, the highest filled slot has the last word: `filled`
	 * is in order.
	 */
	private max(): Ns {
		if (this.count === 0) return 0;
		const top = this.filled.at(-1) ?? 0;
		const lower = slotLower(top, this.slots.length);
		const last = slotLower(top + 1, this.slots.length) - 1;
		for (const exact of [this.longest, this.longestOfNext]) if (exact >= lower && exact <= last) return exact;
		return Number.isFinite(last) ? last : lower;
	}
}
