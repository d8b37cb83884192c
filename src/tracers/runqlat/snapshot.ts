/** The run-queue tab's part of a snapshot. */
import type { InTree } from '../../core/fold.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Blamed } from './culprits.ts';
import type { WaitFigures } from './waits.ts';

export interface RunqlatKey {
	kind: 'all' | 'process' | 'thread' | 'cgroup' | 'pidns' | 'cpu' | 'user' | 'command' | 'service';
	/** pid, tid, cgroup id, namespace inode, CPU, user id; 0 for `all`, commands, and the sum of processes or threads without a row. */
	id: number;
	comm: SafeText;
	/** Of processes and threads, ns since boot. */
	start_time?: Ns;
	/** Process of a thread, and its start. */
	pid?: number;
	process_start?: Ns;
}

export interface RunqlatRow extends WaitFigures, InTree {
	key: RunqlatKey;
	/** Switches away from it because it slept; because another task was to run. Not for CPUs. */
	/** Idle periods of CPUs that ended with a switch to it; of processes and groups. */
	wakes?: Count;
	voluntary?: Count;
	involuntary?: Count;
	voluntary_total?: Count;
	involuntary_total?: Count;
}

/** A task that is runnable but not running at the read. */
export interface Waiting {
	pid: number;
	tid: number;
	comm: SafeText;
	cpu: number;
	age_ns: Ns;
	/** It has waited for longer than `age_ns`: that is since a read first found it, since the scheduler's stamp was not valid. */
	longer: boolean;
	/** Its state at the read was that of a runnable task, by the kernel's own list of tasks; false: not so, or not known. */
	runnable: boolean;
	/** In this wait it has used up its group's CPU quota or its own budget (SCHED_DEADLINE): it waited for a period, not for a CPU. */
	throttled: boolean;
	/** pid of the process that has the CPU meanwhile; 0: none, or not known. */
	running: number;
}

/** Details of the process in focus. */
export interface Focus {
	pid: number;
	/** Its figures, whatever the group of the rows; null: it has not waited yet. */
	process: RunqlatRow | null;
	/** Its threads, the longest waits first, at most 100; without histograms. */
	threads: RunqlatRow[];
}

export interface RunqlatExtra {
	/** Oldest first, at most 64; `waiting_count` is all of them. */
	waiting: Waiting[];
	waiting_count: Count;
	/** Each CPU's waits in the interval, whatever the group of the rows. */
	cpus: { cpu: number; count: Count; wait_ns: Ns; p99_ns: Ns }[];
	/** Limits between zones. */
	zones_ns: Ns[];
	/** All waits in 26 powers of two of `log2_unit_ns`, the first below two units, the last one open. */
	log2: Count[];
	log2_unit_ns: Ns;
	/** The filter of measured tasks, as text; empty: all. */
	filter: SafeText;
	/** Why the last change of the filter was refused, so that the one before it stays; empty: it was not. */
	refused: SafeText;
	/** Processes that ran while others waited, for the 64 that waited longest; empty unless requested. */
	culprits: Blamed[];
	focus: Focus | null;
}
