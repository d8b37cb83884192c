/** What is read of threads and what becomes of it: the words in which the ledger and its readers talk. */
import type { ForeignBytes } from '../../../lib/decode.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';

/** One thread's counter as the kernel gives it (`struct thread_record` with its identity in one number). */
export interface ThreadSample {
	/** Identity of the kernel's task, never that of two tasks at once. */
	task: number;
	tgid: number;
	tid: number;
	/** ns since boot; the leader's is that of the process. */
	start: Ns;
	/** 0: not known any more. */
	process_start: Ns;
	/** CPU time since the thread's start. */
	cpu_ns: Ns;
	cgroup: number;
	/** Effective user id. */
	uid: number;
	/** CPU that it is on, or was on last. */
	cpu: number;
	comm: ForeignBytes;
	/** Part of `cpu_ns` that was interrupts; 0 where they are not in it, or not counted. */
	irq_ns: Ns;
	/** CPU cycles, and the time for which they were counted: `cpu_ns` but for slices that are not over yet; 0: not counted. */
	cycles: Count;
	cycles_ns: Ns;
}

/** Where CPU time is spent: by package, so that each package's energy goes to those who ran there. */
export interface Placement {
	/** Number of the package that a CPU belongs to, from 0. */
	packageOf(cpu: number): number;
	/**
	 * What a nanosecond on this CPU weighs: below 1 where it is clocked below its maximum.
	 * @param ghz cycles per ns of the thread it is about, where they were counted
	 */
	speedOf(cpu: number, ghz?: number): number;
}

/** What a thread used in one package. */
export interface PartOfUse {
	readonly packageIndex: number;
	readonly used_ns: Ns;
	/** The same without interrupts, weighed by {@link Placement.speedOf}. */
	readonly work: number;
	/** Cycles, and the time for which they were counted. */
	readonly cycles: Count;
	readonly cycles_ns: Ns;
}

/** A thread that has used CPU time, or is alive. Always the same object for one thread. */
export interface ThreadUse {
	readonly process: ProcessUse;
	readonly tid: number;
	/** ns since boot. */
	readonly start: Ns;
	/**
	 * CPU time of the interval by package, mostly one. What was used between two readings counts for the package of the
	 * later one, moves between packages being readings.
	 */
	readonly parts: readonly PartOfUse[];
	readonly alive: boolean;
	/** Its own name, as it was when it last used CPU time. */
	readonly rawComm: Uint8Array;
}

/** A process, alive or just ended. Always the same object for one process; its figures are valid until the next look. */
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

/** What one interval brought. */
export interface LedgerInterval {
	/** Part of the threads' CPU time that interrupts took from them, where we count it. */
	interrupted_ns: Ns;
	/**
	 * All processes alive, and those ended that had something left to be charged or have not been shown as ended. Made when
	 * asked for, since there are many that rest.
	 */
	readonly processes: ProcessUse[];
	/** Those that are not as they were an interval ago, but for their CPU time: new, ended, renamed, more or fewer threads. */
	changed: ProcessUse[];
	/** The threads that used CPU time in the interval, alive or not: Σ their `parts` is that of the processes. */
	threads: ThreadUse[];
	/** CPU time of threads whose last record was lost. */
	unattributed_ns: Ns;
	alive: Count;
	ended: Count;
	/** Threads whose last record never came though none is known to be lost; since start. */
	unfinished: Count;
}

/** ns. Longer than a grace period of RCU takes on a busy machine. */
export const GRACE: Ns = 2e9;
