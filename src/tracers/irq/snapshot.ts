/** Rows of the interrupts tab: what they hold, and how they are made of what was summed up. */

import type { Distribution } from '../../bpf/latency.ts';
import type { InTree } from '../../core/fold.ts';
import type { Buckets } from '../../lib/histogram.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { IrqTime } from './irq-time.ts';
import type { LineFacts } from './lines.ts';

/** How late softirqs began: from the first raise while not pending to the entry. Those whose raise was not seen are not in it. */
export interface Lateness {
	count: Count;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	/** Softirqs in each zone: below the first of `late_zones_ns`, …, from the last one on. Exact. */
	zones: [Count, Count, Count, Count];
}

/** What one CPU had of a row. */
export interface OfCpu {
	cpu: number;
	count: Count;
	time_ns: Ns;
	/** See {@link StormBounds}. */
	storm: boolean;
	/** Of `soft` whose raise was seen: as in {@link Lateness}. */
	late_zones?: Lateness['zones'];
}

export interface IrqRow extends InTree {
	/** `irq_time`: what interrupts took from a process or control group (groups `process` and `cgroup`). */
	kind: 'hard' | 'soft' | 'vector' | 'irq_time';
	/** IRQ number for `hard`; vector number for `soft`; else null. */
	irq: number | null;
	/** Handler (action) name, softirq or vector name; the name of the process or control group. */
	name: SafeText;
	cpu: number | 'all';
	count: Count;
	/** Calls of a hard handler that found nothing to do (IRQ_NONE), as on shared lines; neither in `count` nor in `time_ns`. */
	unhandled: Count;
	time_ns: Ns;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	/** Empty for `irq_time`, whose percentiles and maximum are 0: only sums are kept. */
	buckets: Buckets;
	count_total: Count;
	time_ns_total: Ns;
	/** Of `hard`: the device behind the line, the CPUs it may go to and does go to; null where not known and otherwise. */
	device: SafeText | null;
	affinity: SafeText | null;
	effective_affinity: SafeText | null;
	/** CPUs that had any in the interval. Empty for `irq_time`. */
	cpus: OfCpu[];
	/** Of `soft`; null otherwise. */
	late: Lateness | null;
	/** Of `irq_time`; null otherwise. */
	irq_time: Pick<IrqTime, 'interrupted' | 'pid' | 'start_time' | 'cgroup' | 'hard_ns' | 'soft_ns' | 'vector_ns'> | null;
}

/** Either bound makes a storm. */
export interface StormBounds {
	/** Interrupts per second on one CPU. */
	rate: number;
	/** Share of one CPU, 0–1. */
	share: number;
}

export interface Storm extends Pick<IrqRow, 'kind' | 'irq' | 'name'> {
	cpu: number;
	/** Per second. */
	rate: number;
	/** Of the CPU, 0–1. */
	share: number;
}

export interface IrqExtra {
	/** Share of one CPU's interval spent in interrupts, one entry per CPU, 0–1. */
	cpu_share: { cpu: number; hard: number; soft: number; vector: number }[];
	/** Bounds of the zones of {@link Lateness}. */
	late_zones_ns: [Ns, Ns, Ns];
	/** Lines that storm, by CPU, and from when on it is called so. */
	storms: Storm[];
	storm_bounds: StormBounds;
	/** Processes with most time in interrupts, at most 64; `irq_time_count` is the number of all that were interrupted. */
	irq_time: IrqTime[];
	irq_time_count: Count;
}

/** What is measured around a handler. */
export type Kind = Exclude<IrqRow['kind'], 'irq_time'>;

/** What is summed up in one row. */
export interface Line {
	kind: Kind;
	irq: number | null;
	name: SafeText;
	cpu: number | 'all';
	unhandled: Count;
	interval: Distribution;
	total: { count: Count; time_ns: Ns };
	cpus: OfCpu[];
	late: { interval: Distribution; zones: Lateness['zones'] } | null;
}

/** What interrupts took from one process or control group. */
export function irqTimeRow(entry: IrqTime): IrqRow {
	const { interrupted, pid, start_time, cgroup, hard_ns, soft_ns, vector_ns } = entry;
	return {
		kind: 'irq_time',
		irq: null,
		name: entry.comm,
		cpu: 'all',
		count: entry.count,
		unhandled: 0,
		time_ns: entry.time_ns,
		p50_ns: 0,
		p99_ns: 0,
		max_ns: 0,
		buckets: [],
		count_total: entry.count_total,
		time_ns_total: entry.time_ns_total,
		device: null,
		affinity: null,
		effective_affinity: null,
		cpus: [],
		late: null,
		irq_time: { interrupted, pid, start_time, cgroup, hard_ns, soft_ns, vector_ns },
	};
}

function lateness({ interval, zones }: NonNullable<Line['late']>): Lateness {
	return {
		count: interval.count,
		p50_ns: interval.percentile(0.5),
		p99_ns: interval.percentile(0.99),
		max_ns: interval.max_ns,
		zones,
	};
}

/** One line, softirq or vector; `facts` of hard ones only. */
export function lineRow(
	{ kind, irq, name, cpu, unhandled, interval, total, cpus, late }: Line,
	facts?: LineFacts,
): IrqRow {
	return {
		kind,
		irq,
		name,
		cpu,
		count: interval.count,
		unhandled,
		time_ns: interval.sum_ns,
		p50_ns: interval.percentile(0.5),
		p99_ns: interval.percentile(0.99),
		max_ns: interval.max_ns,
		buckets: interval.buckets(),
		count_total: total.count,
		time_ns_total: total.time_ns,
		device: facts?.device ?? null,
		affinity: facts?.affinity ?? null,
		effective_affinity: facts?.effective_affinity ?? null,
		cpus,
		late: late && lateness(late),
		irq_time: null,
	};
}
