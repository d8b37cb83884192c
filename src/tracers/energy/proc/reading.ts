/** What the sampler of `/proc` is given and gives. */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import type { MachineTimes } from './stat.ts';

export interface ProcSamplerOptions {
	/** Where proc is mounted, or a tree that looks like it. */
	procRoot?: string;
	/** How often the owner means to call `sample`; only said in its badge. */
	period?: Ns;
	/** Clock ticks per second; asked of the kernel by default. */
	clockTicks?: number;
	/** Resolve the cgroup of every process; off: `cgroup` is empty. */
	cgroups?: boolean;
	/** How many files are held open between samples (see {@link maxOpenFiles}). */
	maxOpen?: number;
}

/** A process that was alive in the interval. */
export interface ProcRow {
	/** As `/proc` shows it: in the pid namespace of that mount. */
	pid: number;
	/** Start, ns since boot, rounded down to a clock tick: with the pid it names a process for good. */
	start_time: Ns;
	comm: SafeText;
	/** Path; empty where it ended before anybody asked. */
	cgroup: SafeText;
	/** User and system time in the interval, all threads; a multiple of the clock tick. */
	cpu_ns: Ns;
	/** Since the sampler's start. */
	cpu_ns_total: Ns;
	/** Threads alive; 0: the process has ended. */
	threads: Count;
}

export interface ProcReading {
	rows: ProcRow[];
	/** Processes alive at the end / ended in this interval after they had been seen. */
	alive: Count;
	ended: Count;
	/** What the whole machine did in the interval, ns. */
	machine: MachineTimes;
	/**
	 * `machine.busy` − Σ rows, ns: processes never seen, last moments of those that ended, interrupts while idle. Below
	 * 0 by the clock ticks' rounding where nothing was missed.
	 */
	missed_ns: Ns;
	/** Measured length of the interval. */
	dt_ns: Ns;
	/** Samples taken in it, the closing one included. */
	samples: Count;
	/** CPU time they took, of the calling thread. */
	cost_ns: Ns;
	/** Since start, by cause. */
	lost: ProcLost;
}

/** What could not be read, counts since start. */
export interface ProcLost extends Record<string, Count> {
	/** Ended between being listed and being read. */
	vanished: Count;
	/** Processes that may not be looked at, each counted once. */
	denied: Count;
	/** Lines that make no sense. */
	garbled: Count;
	/** Other errors (too many open files, …). */
	failed: Count;
	/** Ended processes left out because an interval had too many of them. */
	overflow: Count;
}

/** What the traditional monitors use. */
export const SAMPLE_PERIOD: Ns = 100e6;
