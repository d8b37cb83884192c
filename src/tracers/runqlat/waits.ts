/** Waits of one task, group or CPU: the figures of an interval and the totals since start. Pure. */
import { type Counters, type Difference, Distribution } from '../../bpf/latency.ts';
import { waits_layout } from '../../generated/runqlat.ts';
import type { DistributionFigures } from '../../lib/histogram.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { KernelWaits } from './reader.ts';
import { zonesOf } from './zones.ts';

/** Number of intervals that the kernel's words keep apart. */
export const EPOCHS = 2 ** (64 - waits_layout.LONGEST_BITS);

/** Of a word's upper half, the bits that belong to the time. */
const TIME_BITS = waits_layout.LONGEST_BITS - 32;

/** The longest wait that a pair of words (`longest` of the C file, in halves) has for an interval; -1: none. */
function longestOf(words: Uint32Array, epoch: number): Ns {
	const low = words[(epoch & 1) * 2] as number;
	const high = words[(epoch & 1) * 2 + 1] as number;
	return high >>> TIME_BITS === epoch ? (high % 2 ** TIME_BITS) * 2 ** 32 + low : -1;
}

/** Waits since the last read of `counters`, in the interval `epoch` that ends now. */
export function advance(counters: Counters, { slots, sum_ns, longest }: KernelWaits, epoch: number): Difference {
	return counters.advance(slots, sum_ns, longestOf(longest, epoch), longestOf(longest, (epoch + 1) % EPOCHS));
}

const IDLE: DistributionFigures = { p50_ns: 0, p90_ns: 0, p99_ns: 0, max_ns: 0, buckets: [] };

/** Figures of an interval, named as in rows. */
export interface WaitFigures extends DistributionFigures {
	count: Count;
	wait_ns: Ns;
	/** Mean, rounded. */
	mean_ns: Ns;
	/** Counts by the limits of the zones, see zones.ts. */
	zones: Count[];
	count_total: Count;
	/** Of tasks, like the kernel's run_delay: includes the part of a wait in progress before its task moved to another CPU. */
	wait_ns_total: Ns;
}

/** The waits that ended in one interval, and totals since start. */
export class Waits extends Distribution {
	count_total: Count = 0;
	sum_ns_total: Ns = 0;
	/** Part of waits in progress on CPUs that their tasks have been moved away from. */
	moved_ns: Ns = 0;

	beginInterval(): void {
		this.clear();
		this.moved_ns = 0;
	}

	override grow(difference: Difference): void {
		super.grow(difference);
		this.count_total += difference.count;
		this.sum_ns_total += difference.sum_ns;
	}

	/** @param zones limits between zones, ns */
	waitFigures(zones: readonly Ns[] = []): WaitFigures {
		const { count } = this;
		const { p50_ns, p90_ns, p99_ns, max_ns, buckets } = count > 0 ? this.figures() : IDLE;
		// one object, field by field: it is made for each row of each interval
		return {
			count,
			wait_ns: this.sum_ns,
			mean_ns: this.mean(),
			p50_ns,
			p90_ns,
			p99_ns,
			max_ns,
			buckets,
			zones: count > 0 ? this.figured((slots, filled) => zonesOf(slots, zones, filled)) : noCounts(zones),
			count_total: this.count_total,
			wait_ns_total: this.sum_ns_total + this.moved_ns,
		};
	}
}

/** Of intervals without waits, by number of limits: snapshots never change, so rows share them. */
const idleCounts = new Map<number, Count[]>();

function noCounts({ length }: readonly Ns[]): Count[] {
	let counts = idleCounts.get(length);
	if (!counts) {
		counts = new Array<Count>(length + 1).fill(0);
		idleCounts.set(length, counts);
	}
	return counts;
}
