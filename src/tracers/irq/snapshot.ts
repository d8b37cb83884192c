/** Snapshots of the interrupt tab: the contract with screen and batch output (docs/batch.md). */

import type { InTree } from '../../core/fold.ts';
import type { Buckets } from '../../lib/histogram.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';

/** Lateness of softirqs: from the first raise while not pending to the entry. Softirqs without a seen raise are left out. */
export interface Lateness {
	count: Count;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	/** Softirqs per zone: below the first bound of `late_zones_ns`, …, from the last one on. Exact. */
	zones: [Count, Count, Count, Count];
}

/** Part of a row on one CPU. */
export interface OfCpu {
	cpu: number;
	count: Count;
	time_ns: Ns;
	/** See {@link StormBounds}. */
	storm: boolean;
	/** Of `soft` with a seen raise: as in {@link Lateness}. */
	late_zones?: Lateness['zones'];
}

/** The interrupted task: of a process, a kernel thread, or the idle task. */
export type Interrupted = 'process' | 'kernel' | 'idle';

/** IRQ time of one process, of a group of processes, or of all idle CPUs. */
export interface IrqTime {
	interrupted: Interrupted | 'cgroup' | 'user' | 'command' | 'service';
	/** 0 for idle CPUs and groups. */
	pid: number;
	/** ns since boot; 0 for idle CPUs and groups. */
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	count: Count;
	/** `hard_ns` + `soft_ns` + `vector_ns`. */
	time_ns: Ns;
	hard_ns: Ns;
	soft_ns: Ns;
	vector_ns: Ns;
	count_total: Count;
	time_ns_total: Ns;
}

export interface IrqRow extends InTree {
	/** `irq_time`: time in interrupts of any kind while a process or group had the CPU (groups of processes). */
	kind: 'hard' | 'soft' | 'vector' | 'irq_time';
	/** IRQ number for `hard`; vector number for `soft`; else null. */
	irq: number | null;
	/** Handler (action) name, softirq or vector name; for `irq_time` the name of the process or group. */
	name: SafeText;
	cpu: number | 'all';
	count: Count;
	/** Calls of a hard handler that returned IRQ_NONE, as on shared lines; neither in `count` nor in `time_ns`. */
	unhandled: Count;
	time_ns: Ns;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	/** Empty for `irq_time`, whose percentiles and maximum are 0: only sums are kept. */
	buckets: Buckets;
	count_total: Count;
	time_ns_total: Ns;
	/** Of `hard`: the device of the line, the CPUs in its affinity and in its effective affinity; null: not known, or other kind. */
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
	/** Time in interrupts as a share of the interval, 0–1, one entry per CPU. */
	cpu_share: { cpu: number; hard: number; soft: number; vector: number }[];
	/** Bounds of the zones of {@link Lateness}. */
	late_zones_ns: [Ns, Ns, Ns];
	/** Lines at or above `storm_bounds`, by CPU. */
	storms: Storm[];
	storm_bounds: StormBounds;
	/** Processes with most IRQ time, at most 64; `irq_time_count` is the number of all that were interrupted. */
	irq_time: IrqTime[];
	irq_time_count: Count;
}
