/** Whether a process that has halted is more likely to be stuck than done. Pure. */
import type { Count, Ns } from '../../../lib/units.ts';
import { limits, type Slowed } from './progress.ts';
import type { SleepReason } from './reasons.ts';
import type { ProcessNow, TaskNow } from './walk.ts';

/** Waits that another thread has to end. */
const LOCKS: ReadonlySet<SleepReason> = new Set(['futex', 'semaphore', 'file lock', 'kernel lock']);
/** A thread with this part of the CPU time and waits of the busiest one has worked. */
const WORKER = 0.25;
/** CPUs used or waited for on average over its whole life, until it halted: it has never rested. */
const LIFE = 0.5;

const wantedOf = ({ cpu_ns, delay_ns }: TaskNow): Ns => cpu_ns + delay_ns;

/** The threads that did the work so far, or waited for a CPU to do it: on a busy machine the thread that started them used as much. */
export function workers({ tasks }: ProcessNow): TaskNow[] {
	const most = tasks.reduce((max, task) => Math.max(max, wantedOf(task)), 0);
	return tasks.filter((task) => wantedOf(task) >= most * WORKER);
}

const waitsForLock = ({ state, reason }: TaskNow): boolean => state === 'S' && reason !== null && LOCKS.has(reason);

/**
 * All threads that worked wait for a lock or condition, in a process that has worked since its start. One that rested
 * before has a pool of threads that waits for the next job in the same calls.
 * @param for_ns since when it does nothing
 * @param boot_ns CLOCK_BOOTTIME now
 */
export function isStuck(process: ProcessNow, for_ns: Ns, boot_ns: Ns): boolean {
	const worked = workers(process);
	const wanted = process.tasks.reduce((sum, task) => sum + wantedOf(task), 0);
	const lived = boot_ns - process.start - for_ns;
	return lived > 0 && wanted >= lived * LIFE && worked.every(waitsForLock);
}

/** It has worked for so long before it halted, and halted so long ago at most, to be found by its life alone, ns. */
const WORKED: Ns = 8e9;
const RECENT: Ns = 300e9;
/** All its threads have slept for so long at least, ns. */
const QUIET: Ns = 2e9;

/**
 * One whose last minutes are not known, or too few, since it halted before this program began or soon after its own start: its whole
 * life stands for them. What is said of it is worth less.
 * @param boot_ns CLOCK_BOOTTIME now
 */
export function haltedByLife(process: ProcessNow, boot_ns: Ns): Slowed | undefined {
	const { pid, start, comm, tasks } = process;
	if (tasks.length < 2 || tasks.some(({ asleep_ns }) => asleep_ns < QUIET)) return undefined;
	const worked = workers(process);
	const for_ns = worked.reduce((least, { asleep_ns }) => Math.min(least, asleep_ns), Number.POSITIVE_INFINITY);
	const lived = boot_ns - start - for_ns;
	if (for_ns < limits.halted_ns || for_ns > RECENT || lived < WORKED || !isStuck(process, for_ns, boot_ns))
		return undefined;
	const per = (value: (task: TaskNow) => Count) => tasks.reduce((sum, task) => sum + value(task), 0) / lived;
	const unknown = { requests: null, bytes: null, packets: null };
	return {
		...{ pid, start_time: start, comm, kind: 'halted', less: 'work', for_ns, stuck: worked.length, by: 'life' },
		part: worked[0]?.reason ?? 'other',
		share: tasks.filter(waitsForLock).length / tasks.length,
		share_before: 0,
		now: { rate: 0, cpu: 0, ...unknown },
		before: { rate: per(({ switches }) => switches) * 1e9, cpu: per(({ cpu_ns }) => cpu_ns), ...unknown },
	};
}
