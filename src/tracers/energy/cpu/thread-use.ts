/** Types between the ledger and its users: samples of threads in, use of CPU time out. */
import type { ForeignBytes } from '../../../lib/decode.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { TaskName } from '../../../lib/task-names.ts';
import type { Count, Ns } from '../../../lib/units.ts';

/** One thread's counter as the kernel gives it (`struct thread_record` with its identity in one number). */
export interface ThreadSample {
	/** Identity of the kernel's task, unique at any moment. */
	task: number;
	tgid: number;
	tid: number;
	/** ns since boot; the leader's is that of the process. */
	start: Ns;
	/** 0: no longer known. */
	process_start: Ns;
	/** CPU time since the thread's start. */
	cpu_ns: Ns;
	cgroup: number;
	/** Effective user id. */
	uid: number;
	/** Its current or last CPU. */
	cpu: number;
	comm: ForeignBytes;
	/** Interrupts in `cpu_ns`; 0 where it excludes them, or they are not counted. */
	irq_ns: Ns;
	/** CPU cycles, and the time for which they were counted: `cpu_ns` without unfinished slices; 0: not counted. */
	cycles: Count;
	cycles_ns: Ns;
}

/** Packages and speeds of CPUs, so that each package's energy is divided among the tasks that ran there. */
export interface Placement {
	/** Index of the package of a CPU, from 0. */
	packageOf(cpu: number): number;
	/**
	 * Weight of a nanosecond on this CPU: below 1 at a clock below its maximum.
	 * @param ghz cycles per ns of the thread, where they were counted
	 */
	speedOf(cpu: number, ghz?: number): number;
}

/** CPU time of a thread in one package. */
export interface PartOfUse {
	readonly packageIndex: number;
	readonly used_ns: Ns;
	/** The same without interrupts, weighted by {@link Placement.speedOf}. */
	readonly work: number;
	/** Cycles, and the time for which they were counted. */
	readonly cycles: Count;
	readonly cycles_ns: Ns;
}

/** A thread that has used CPU time, or is alive; one object per thread. */
export interface ThreadUse {
	readonly process: ProcessUse;
	readonly tid: number;
	/** ns since boot. */
	readonly start: Ns;
	/**
	 * CPU time of the interval by package, mostly one. Time between two samples counts for the package of the later one;
	 * moves between packages are samples too.
	 */
	readonly parts: readonly PartOfUse[];
	readonly alive: boolean;
	/** Its own name when it last used CPU time. */
	readonly name: TaskName;
}

/** A process, alive or just ended; one object per process, with figures that are valid until the next scan. */
export interface ProcessUse {
	readonly pid: number;
	/** ns since boot. */
	readonly start: Ns;
	comm: SafeText;
	/** Id of its cgroup in the unified hierarchy. */
	cgroup: number;
	/** Effective user id of its leader. */
	uid: number;
	/** CPU time of the interval. */
	cpu_ns: Ns;
	/** Since the ledger's start. */
	cpu_ns_total: Ns;
	/** Threads alive; 0: it has ended. */
	threads: Count;
}

/** The result of one interval. */
export interface LedgerInterval {
	/** Interrupts in the threads' CPU time, where they are counted. */
	interrupted_ns: Ns;
	/**
	 * All processes alive, and ended ones with CPU time in this interval or not yet reported as ended. Computed on access,
	 * since many are idle.
	 */
	readonly processes: ProcessUse[];
	/** Those that changed in this interval, apart from CPU time: new, ended, renamed, more or fewer threads. */
	changed: ProcessUse[];
	/** The threads that used CPU time in the interval, alive or not: Σ of their `parts` is that of the processes. */
	threads: ThreadUse[];
	/** CPU time of threads whose last record was lost. */
	unattributed_ns: Ns;
	alive: Count;
	ended: Count;
	/** Threads without a last record although none is known to be lost; since start. */
	unfinished: Count;
}

/** ns. Longer than an RCU grace period on a busy machine. */
export const GRACE: Ns = 2e9;
