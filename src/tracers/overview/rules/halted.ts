import { duration } from '../format.ts';
import type { Rule } from '../rule.ts';
import { limits } from '../tasks/progress.ts';
import { progressSuspicions } from './slowed.ts';

/** A process that was busy does nothing, with all its threads in locks: a deadlock, or a pool without work. */
export const halted = {
	id: 'halted',
	level: 'high',
	title: 'halted',
	help: `A process that used half a CPU or more does nothing for ${duration(limits.halted_ns)}, and most of its threads are in futex or semaphore waits, or it is stopped by a signal, and no client is known to wait for it: a deadlock, a pause, or a pool of threads without work. High only if it has worked since its start, and every thread that worked is in such a wait; else notice. Of one that halted before the first interval, or worked for less than 12 s, its whole life is compared: notice.`,
	uncheckable: ({ noTasks }) => noTasks,
	check: (interval) => progressSuspicions(interval, 'halted', limits.halted_ns),
} as const satisfies Rule;
