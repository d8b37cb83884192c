/** Facts that say the same as a finding, independent of the tab that it comes from. */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import { duration, percent } from './format.ts';
import type { Interval } from './interval.ts';
import { STILL } from './tasks/standstill/standstill.ts';

/** Pressure of the interval from which on it is a witness. */
const PRESSED = 0.3;

/** The kernel's pressure (PSI) of a resource. */
export function pressureWitness({ pressure, dt_ns }: Interval, resource: 'cpu' | 'memory' | 'io'): SafeText[] {
	const share = (pressure?.[resource]?.some_ns ?? 0) / dt_ns;
	return share >= PRESSED
		? [safe`PSI: some task was stalled on ${resource as SafeText} ${percent(Math.min(1, share))} of the time`]
		: [];
}

/** A thread of the process sleeps uninterruptibly for long, by the iterator over all tasks. */
export function blockedWitness({ processes }: Interval, pid: number): SafeText[] {
	const task = processes?.get(pid)?.tasks.find(({ state, asleep_ns }) => state === 'D' && asleep_ns >= STILL / 4);
	if (!task) return [];
	const at = task.wchan === '' ? safe`` : safe` in ${task.wchan}`;
	return [safe`the task iterator: thread ${task.tid} sleeps uninterruptibly${at} for ${duration(task.asleep_ns)}`];
}

/** The thread is runnable, by the iterator over all tasks. */
export function runnableWitness({ processes }: Interval, pid: number, tid: number): SafeText[] {
	const task = processes?.get(pid)?.tasks.find((one) => one.tid === tid);
	return task?.state === 'R' ? [safe`the task iterator: thread ${tid} is runnable at the end of the interval`] : [];
}
