/** What the calling thread has cost so far. */
import type { Ns } from '../lib/units.ts';

/**
 * CPU time of the calling thread, user and system, to the microsecond. Two calls around a piece of work give its cost.
 *
 * The kernel brings a running thread's own figure up to date at ticks and switches only, which would make anything
 * shorter than a tick cost nothing or a whole one. Asking for the process first brings the caller's up to date.
 */
export function threadCpu(): Ns {
	process.cpuUsage();
	const { user, system } = process.threadCpuUsage();
	return (user + system) * 1000;
}
