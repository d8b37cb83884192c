/**
 * Who used how much CPU time in an interval, whoever counted it: the kernel's counters read through BPF, or `/proc`.
 * A task is a thread where threads are told apart, otherwise a whole process.
 */

import type { Source } from '../../../core/snapshot.ts';
import type { BpfCost } from '../../../core/tracer.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';

/** A process. Always the same object for one process. */
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

/** A thread, or a process where its threads are not told apart. Always the same object for one task. */
export interface TaskInfo {
	readonly process: ProcessInfo;
	readonly tid: number;
	/** ns since boot. */
	readonly start: Ns;
	readonly comm: SafeText;
	readonly alive: boolean;
}

/** CPU time as energy is shared out by it. */
export interface PackageWork {
	/** Time without interrupts, weighed by the speed at which it ran. */
	work: number;
	/** Index of the package where it was spent; null: not known, so a part in each of them. */
	packageIndex: number | null;
}

/** A task that used CPU time in the interval, in one package. */
export interface TaskTime extends PackageWork {
	task: TaskInfo;
	cpu_ns: Ns;
	/** CPU cycles of its slices that are over, and the time of those; only where they are counted. */
	cycles?: Count;
	cycles_ns?: Ns;
}

/** One interval. */
export interface CpuUse {
	/** A task that ran in several packages is in here for each of them. */
	used: TaskTime[];
	/** Time in interrupts, by package. */
	irq: PackageWork[];
	/** All processes to be listed: alive, just ended, or with CPU time. May be made when asked for. */
	readonly processes: readonly ProcessInfo[];
	/** At least those of them that are not as they were in the interval before, but for their CPU time. */
	changed: readonly ProcessInfo[];
	/** All threads alive, for a view by thread; asked for only then. */
	threads(): Iterable<TaskInfo>;
	/** CPU time that belongs to nobody we know by name. */
	unattributed_ns: Ns;
	/** Time in interrupts, not weighed. */
	irq_ns: Ns;
	/** Part of `irq_ns` that is in the CPU time of tasks too. */
	irq_in_tasks_ns: Ns;
	alive: Count;
	ended: Count;
	lost: Record<string, Count>;
}

/** A way to count CPU time. */
export interface CpuCounter {
	/** What it is, in words that go beside those about the power. */
	readonly about: Pick<Source, 'description' | 'uncertainty' | 'hooks' | 'missing'>;
	/** Whether threads are told apart. */
	readonly threads: boolean;
	read(): CpuUse;
	/** As `Session.drain`. */
	drain?(): void;
	/** Of the BPF programs it uses. */
	cost?(): BpfCost;
	close(): void;
}
