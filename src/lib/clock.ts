/** Clocks of the machine and of the calling thread. */
import type { Ns } from './units.ts';

/** CLOCK_MONOTONIC, the clock of BPF programs; exact to 1 ns up to 104 days of uptime. */
export function monotonicNs(): Ns {
	return Number(process.hrtime.bigint());
}

/**
 * CPU time of the calling thread, user and system, to the microsecond. Two calls around a piece of work give its cost.
 *
 * The kernel updates a running thread's own figure at ticks and switches only, so that anything shorter than a tick
 * would cost nothing or a whole one. Reading the process's figure first updates the caller's.
 */
export function threadCpu(): Ns {
	process.cpuUsage();
	const { user, system } = process.threadCpuUsage();
	return (user + system) * 1000;
}
