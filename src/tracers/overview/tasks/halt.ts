/** Whether a process that has halted is more likely to be stuck than done. Pure. */
import type { Ns } from '../../../lib/units.ts';
import type { SleepReason } from './reasons.ts';
import type { ProcessNow, TaskNow } from './walk.ts';

/** Waits that another thread has to end. */
const LOCKS: ReadonlySet<SleepReason> = new Set(['futex', 'semaphore', 'file lock', 'kernel lock']);
/** A thread with this part of the CPU time of the busiest one has worked. */
const WORKER = 0.25;
/** CPUs used or waited for on average over its whole life, until it halted: it has never rested. */
const LIFE = 0.5;

/** The threads that did the work so far. */
export function workers({ tasks }: ProcessNow): TaskNow[] {
	const most = tasks.reduce((max, { cpu_ns }) => Math.max(max, cpu_ns), 0);
	return tasks.filter(({ cpu_ns }) => cpu_ns >= most * WORKER);
}

/**
 * All threads that worked wait for a lock or condition, in a process that has worked since its start. One that rested
 * before has a pool of threads that waits for the next job in the same calls.
 * @param for_ns since when it does nothing
 * @param boot_ns CLOCK_BOOTTIME now
 */
export function isStuck(process: ProcessNow, for_ns: Ns, boot_ns: Ns): boolean {
	const worked = workers(process);
	const wanted = process.tasks.reduce((sum, { cpu_ns, delay_ns }) => sum + cpu_ns + delay_ns, 0);
	const lived = boot_ns - process.start - for_ns;
	return (
		lived > 0 &&
		wanted >= lived * LIFE &&
		worked.every(({ state, reason }) => state === 'S' && reason !== null && LOCKS.has(reason))
	);
}
