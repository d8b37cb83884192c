/**
 * CPU time of tasks in an interval, independent of its counter: the kernel's counters read through BPF, or `/proc`. A task
 * is a thread where threads are distinguished, else a whole process.
 */

import type { Source } from '../../../core/snapshot.ts';
import type { BpfCost } from '../../../core/tracer.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';

/** A process; one object per process. */
export interface ProcessInfo {
	readonly pid: number;
	/** ns since boot. */
	readonly start: Ns;
	readonly comm: SafeText;
	/** Path of its control group. */
	readonly cgroup: SafeText;
	/** Effective user id; -1: not known. */
	readonly uid: number;
	/** Threads alive; 0: it has ended. */
	readonly threads: Count;
}

/** A thread, or a process where threads are not distinguished; one object per task. */
export interface TaskInfo {
	readonly process: ProcessInfo;
	readonly tid: number;
	/** ns since boot. */
	readonly start: Ns;
	readonly comm: SafeText;
	readonly alive: boolean;
}

/** CPU time as a weight for energy. */
export interface PackageWork {
	/** Time without interrupts, weighted by the speed of the CPU. */
	work: number;
	/** Index of the package where it was spent; null: not known, so a part in each of them. */
	packageIndex: number | null;
}

/** A task that used CPU time in the interval, in one package. */
export interface TaskTime extends PackageWork {
	task: TaskInfo;
	cpu_ns: Ns;
	/** CPU cycles of its finished slices, and their time; only where cycles are counted. */
	cycles?: Count;
	cycles_ns?: Ns;
}

/** One interval. */
export interface CpuUse {
	/** One entry for each package that a task ran in. */
	used: TaskTime[];
	/** Time in interrupts, by package. */
	irq: PackageWork[];
	/** All processes to be listed: alive, just ended, or with CPU time. May be computed on access. */
	readonly processes: readonly ProcessInfo[];
	/** At least those that have changed since the interval before, apart from CPU time. */
	changed: readonly ProcessInfo[];
	/** All threads alive; only called for the group `thread`. */
	threads(): Iterable<TaskInfo>;
	/** CPU time without a known task. */
	unattributed_ns: Ns;
	/** Time in interrupts, not weighted. */
	irq_ns: Ns;
	/** Part of `irq_ns` that is in the CPU time of tasks too. */
	irq_in_tasks_ns: Ns;
	alive: Count;
	ended: Count;
	/** When the times were read, ns since boot; undefined: not known. */
	at_ns?: Ns;
	lost: Record<string, Count>;
}

/** A counter of CPU time. */
export interface CpuCounter {
	/** Its part of the badge, beside that of the power. */
	readonly about: Pick<Source, 'description' | 'uncertainty' | 'hooks' | 'missing'>;
	/** Are threads distinguished? */
	readonly threads: boolean;
	read(): CpuUse;
	/** As `Session.drain`. */
	drain?(): void;
	/** Of the BPF programs it uses. */
	cost?(fresh?: boolean): BpfCost;
	close(): void;
}
