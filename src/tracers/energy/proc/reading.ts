/** Options and results of the sampler of `/proc`. */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import type { MachineTimes } from './stat.ts';

export interface ProcSamplerOptions {
	/** Mount point of proc, or a tree with the same layout. */
	procRoot?: string;
	/** Period with which the owner calls `sample`; only for the badge. */
	period?: Ns;
	/** Clock ticks per second; by default the kernel's. */
	clockTicks?: number;
	/** Resolve the cgroup of every process; off: `cgroup` is empty. */
	cgroups?: boolean;
	/** Most files that are kept open between samples (see {@link maxOpenFiles}). */
	maxOpen?: number;
}

/** A process that was alive in the interval. */
export interface ProcRow {
	/** As `/proc` shows it: in the pid namespace of that mount. */
	pid: number;
	/** Start, ns since boot, rounded down to a clock tick: with the pid it identifies a process. */
	start_time: Ns;
	comm: SafeText;
	/** Path; empty: it ended before it was read. */
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
	/** Times of the whole machine in the interval, ns. */
	machine: MachineTimes;
	/**
	 * `machine.busy` − Σ rows, ns: processes that were never sampled, the last moments of ended ones, interrupts while idle.
	 * Negative by the rounding of clock ticks where nothing was missed.
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
	/** Processes that may not be read, each counted once. */
	denied: Count;
	/** Lines that do not parse. */
	garbled: Count;
	/** Other errors (too many open files, …). */
	failed: Count;
	/** Ended processes left out because an interval had too many of them. */
	overflow: Count;
}

/** The period of traditional monitors. */
export const SAMPLE_PERIOD: Ns = 100e6;
