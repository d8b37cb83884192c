/**
 * The reader's side of bpf/lib/latency.bpf.h: turns latency distributions that count up for ever in the kernel into
 * those of one interval.
 */
import { latency_histogram } from '../generated/lib.ts';
import { type Buckets, percentile, slotCount, slotLower, toBuckets } from '../lib/histogram.ts';
import type { Count, Ns } from '../lib/units.ts';
import type { BpfSession } from './bpf-session.ts';

const SLOTS = slotCount(latency_histogram.LATENCY_SUB_BITS);

/** `struct latency` as the generated decoders give it. */
export interface KernelLatency {
	sum_ns: Ns;
	max_ns: ArrayLike<Ns>;
	epoch: number;
	slots: Uint32Array;
}

/** Events of one interval and how long they took. */
export class Distribution {
	count: Count = 0;
	sum_ns: Ns = 0;
	max_ns: Ns = 0;
	readonly slots = new Uint32Array(SLOTS);

	add(other: Distribution): void {
		this.count += other.count;
		this.sum_ns += other.sum_ns;
		this.max_ns = Math.max(this.max_ns, other.max_ns);
		for (let slot = 0; slot < SLOTS; slot++)
			this.slots[slot] = (this.slots[slot] as number) + (other.slots[slot] as number);
	}

	/** Mean of the interval, whole ns; 0 without events. */
	mean(): Ns {
		return this.count === 0 ? 0 : Math.round(this.sum_ns / this.count);
	}

	percentile(rank: number): Ns {
		return percentile(this.slots, rank, this.max_ns);
	}

	buckets(): Buckets {
		return toBuckets(this.slots, this.max_ns);
	}
}

/**
 * The largest value of an interval that ended as number `epoch`. The kernel's maximum is exact unless an event fell
 * into the moment between the raising of the number and the read; the highest slot that was filled bounds it then.
 */
function maximum(now: KernelLatency, epoch: number, highest: number): Ns {
	const lower = slotLower(highest, SLOTS);
	const upper = slotLower(highest + 1, SLOTS);
	const next = (epoch + 1) >>> 0;
	const known: Ns[] = [];
	if (now.epoch === epoch || now.epoch === next) known.push(now.max_ns[epoch & 1] as Ns);
	if (now.epoch === next) known.push(now.max_ns[next & 1] as Ns);
	const exact = Math.max(-1, ...known.filter((ns) => ns >= lower && ns < upper));
	if (exact >= 0) return exact;
	return Number.isFinite(upper) ? upper - 1 : lower;
}

/** What was read of one kernel distribution at the end of the previous interval. */
interface Before {
	sum_ns: Ns;
	readonly slots: Uint32Array;
}

/** Takes the differences for all distributions of a tracer, told apart by a key of the tracer's choice. */
export class LatencyReader {
	private readonly before = new Map<string, Before>();
	private epoch = 0;
	private ended = 0;

	/** Begin the next interval; call before the maps are read. Returns the number of the one that ended. */
	nextInterval(bpf: BpfSession): number {
		this.ended = this.epoch;
		this.epoch = (this.epoch + 1) >>> 0;
		bpf.object.update('.data.interval', new Uint8Array(4), new Uint8Array(new Uint32Array([this.epoch]).buffer));
		return this.ended;
	}

	/** The kernel's distribution of this key is gone; the key may come back. */
	forget(key: string): void {
		this.before.delete(key);
	}

	/** Events since the previous call with this key (since start, the first time). */
	difference(key: string, now: KernelLatency): Distribution {
		let before = this.before.get(key);
		if (!before) {
			before = { sum_ns: 0, slots: new Uint32Array(SLOTS) };
			this.before.set(key, before);
		}
		const interval = new Distribution();
		let highest = -1;
		for (let slot = 0; slot < SLOTS; slot++) {
			// counters are 32 bits wide and may wrap; their difference does not
			const count = ((now.slots[slot] as number) - (before.slots[slot] as number)) >>> 0;
			if (count === 0) continue;
			interval.slots[slot] = count;
			interval.count += count;
			highest = slot;
		}
		if (highest < 0) return interval;
		// the kernel goes on writing while we read: a sum seen without its event belongs to the next interval
		interval.sum_ns = now.sum_ns - before.sum_ns;
		interval.max_ns = maximum(now, this.ended, highest);
		before.sum_ns = now.sum_ns;
		before.slots.set(now.slots);
		return interval;
	}
}
