/** What the run-queue tracer needs of the kernel's side, whichever BPF object does it. */

import type { TaskFilter } from '../../bpf/task-filter.ts';
import type { BpfCost } from '../../core/tracer.ts';
import type { ForeignBytes } from '../../lib/decode.ts';
import type { Count, Ns } from '../../lib/units.ts';

/** Counters of waits that count up for ever, as the kernel has them. */
export interface KernelWaits {
	sum_ns: Ns;
	/** See {@link ./waits.ts}. */
	longest: Uint32Array;
	slots: Uint32Array | Float64Array;
}

export interface CpuWaits extends KernelWaits {
	/** Waits whose beginning is unknown: counted nowhere else. */
	unstamped: Count;
	/** Waits that count for the machine, but for no process. */
	untracked: Count;
	/** Last records of tasks that were lost. */
	ring_full: Count;
}

export interface ProcessSeen {
	pid: number;
	/** CLOCK_BOOTTIME; 0 where the kernel's side does not know it. */
	start: Ns;
	comm: ForeignBytes;
	waits: KernelWaits;
	/** Tells counters that began anew from those before. */
	created: number;
	/** Switches away since we look at it; may wrap at 2^32. */
	voluntary: Count;
	involuntary: Count;
	cgroup?: number;
	pidns?: number;
	/** Name of the first process of the pid namespace; empty: not known. */
	pidnsComm?: ForeignBytes;
}

export interface ThreadSeen {
	pid: number;
	/** Of the process. */
	start: Ns;
	tid: number;
	threadStart: Ns;
	comm: ForeignBytes;
	waits: KernelWaits;
	voluntary: Count;
	involuntary: Count;
}

export interface TaskWaiting {
	pid: number;
	tid: number;
	comm: ForeignBytes;
	cpu: number;
	age_ns: Ns;
	/** The process that has the CPU meanwhile; 0: none, or not known. */
	running: number;
}

/** Told what a reader finds. */
export interface Sink {
	process(seen: ProcessSeen): void;
	thread(seen: ThreadSeen): void;
	/** A process of which nothing is new. */
	present(pid: number, start: Ns): void;
	/** Newer switches than those of {@link ProcessSeen}, of the same counters. */
	switches(pid: number, start: Ns, created: number, voluntary: Count, involuntary: Count): void;
	waiting(task: TaskWaiting): void;
	/**
	 * Of the waits of a process that have not ended, `ns` were on CPUs that their tasks have been moved away from. The
	 * kernel's run_delay has them already. With `thread`: of this one of its threads.
	 */
	moved(pid: number, start: Ns, ns: Ns, thread?: { tid: number; start: Ns }): void;
	/** A leader with these counters has gone; `whole`: the process has, and does not go on with another leader. */
	gone(pid: number, start: Ns, created: number, whole: boolean): void;
}

export interface Reader {
	readonly kind: string;
	readonly description: string;
	readonly uncertainty: string;
	/** As in {@link Source}. */
	readonly lacks?: string;
	readonly hooks: readonly string[];
	/** As in `Source`. */
	readonly missing: readonly string[];
	readonly possibleCpus: number;
	/** Is every task measured by its own histogram when that is asked for? */
	readonly hasThreads: boolean;
	/** From now on waits belong to this interval. `all`: the next read is of all processes; `threads`: of threads too. */
	begin(epoch: number, all: boolean, threads: boolean): void;
	/** Counters go on; those of tasks that pass no longer stand still. */
	setFilter(filter: TaskFilter): void;
	cpus(): readonly CpuWaits[];
	/** First the living, then what has ended. */
	tasks(sink: Sink): void;
	cost(): BpfCost;
	close(): void;
}
