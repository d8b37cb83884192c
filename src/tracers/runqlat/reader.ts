/** The kernel's side of the run-queue tracer, whichever BPF object provides it: records of tasks, counters of CPUs. */

import type { TaskFilter } from '../../bpf/task-filter.ts';
import type { BpfCost } from '../../core/tracer.ts';
import type { ForeignBytes } from '../../lib/decode.ts';
import type { Count, Ns } from '../../lib/units.ts';

/** Cumulative counters of waits, as the kernel has them. */
export interface KernelWaits {
	sum_ns: Ns;
	/** Longest waits of two intervals, see waits.ts. */
	longest: Uint32Array;
	slots: Uint32Array | Float64Array;
}

export interface CpuWaits extends KernelWaits {
	/** Waits whose begin is not known, since they have no stamp or one that is not valid: counted nowhere else. */
	unstamped: Count;
	/** Waits that count for the machine, but for no process. */
	untracked: Count;
	/** Last records of tasks that were lost. */
	ring_full: Count;
}

export interface ProcessRecord {
	kind: 'process';
	pid: number;
	/** CLOCK_BOOTTIME; 0: not known. */
	start: Ns;
	comm: ForeignBytes;
	waits: KernelWaits;
	/** Distinguishes counters that started over from those before. */
	created: number;
	/** Switches away since measuring began; may wrap at 2^32. */
	voluntary: Count;
	involuntary: Count;
	/** Idle periods of CPUs that ended with it, since measuring began; may wrap at 2^32. Missing: not counted. */
	wakes?: Count;
	cgroup?: number;
	pidns?: number;
	/** Name of the first process of the pid namespace; empty: not known. */
	pidnsComm?: ForeignBytes;
	/** See {@link WaitingRecord.moved_ns}; of all its threads. */
	moved_ns: Ns;
	/** As a {@link GoneRecord} that follows; null: the leader is alive. */
	gone: { whole: boolean } | null;
}

export interface ThreadRecord {
	kind: 'thread';
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

/** A process whose figures have not changed. */
export interface PresentRecord {
	kind: 'present';
	pid: number;
	start: Ns;
}

/** Newer switches than those of {@link ProcessRecord}, of the same counters. */
export interface SwitchesRecord {
	kind: 'switches';
	pid: number;
	start: Ns;
	created: number;
	voluntary: Count;
	involuntary: Count;
}

/** A task that is runnable and not running. */
export interface WaitingRecord {
	kind: 'waiting';
	pid: number;
	/** Of the process; 0: not known. */
	start: Ns;
	tid: number;
	threadStart: Ns;
	comm: ForeignBytes;
	cpu: number;
	age_ns: Ns;
	/** As in {@link Waiting}. */
	longer: boolean;
	runnable: boolean;
	throttled: boolean;
	/** The process that has the CPU meanwhile; 0: none, or not known. */
	running: number;
	/** Part of this wait on CPUs that the task has been moved away from. The kernel's run_delay includes it already. */
	moved_ns: Ns;
}

/** The leader with these counters has ended. */
export interface GoneRecord {
	kind: 'gone';
	pid: number;
	start: Ns;
	created: number;
	/** The process has ended too: it does not go on with another leader. */
	whole: boolean;
}

/** What a reader finds; bytes and arrays are valid until the next record. */
export type TaskRecord = ProcessRecord | ThreadRecord | PresentRecord | SwitchesRecord | WaitingRecord | GoneRecord;

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
	/** Can every task be measured by an own histogram? */
	readonly hasThreads: boolean;
	/**
	 * From now on waits belong to this interval. `all`: the next read is of all processes; `threads`: of threads too. Returns the
	 * counters that threads have from a time when they were asked for before; to be read to its end before the next call.
	 */
	begin(epoch: number, all: boolean, threads: boolean): Iterable<ThreadRecord>;
	/** Counters go on; those of tasks outside the filter stand still. */
	setFilter(filter: TaskFilter): void;
	cpus(): readonly CpuWaits[];
	/** Those that ended since the last call, without the living; absent: nothing is queued. */
	ended?(): Iterable<TaskRecord>;
	/** Tasks alive first, then those that ended. To be read to its end before the next call of any method. */
	tasks(): Iterable<TaskRecord>;
	cost(fresh?: boolean): BpfCost;
	close(): void;
}
