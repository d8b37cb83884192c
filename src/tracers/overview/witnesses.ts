/** Facts that say the same as a finding, independent of the tab that it comes from. */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { WaitChain } from '../events/snapshot.ts';
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

/** The thread is runnable: by the run queue tab's iterator, and by that of the overview, which reads the same state a moment later. */
export function runnableWitness({ processes }: Interval, tid: number, pid: number): SafeText {
	const task = processes?.get(pid)?.tasks.find((one) => one.tid === tid);
	const again = task?.state === 'R' ? safe` and again at the end of the interval` : safe``;
	return safe`the task iterator: thread ${tid} is runnable at the read of the run queue tab${again}`;
}

/** A lock's own word names the task that has it, and the chain ends there. */
export function lockWitness({ steps }: WaitChain): SafeText[] {
	const [first] = steps;
	return first?.what === 'task' && first.tid > 0 ? [safe`memory of the kernel: the lock belongs to ${first.name}`] : [];
}

/** Requests in flight for long on the device that a chain ends at, by the kernel's own count. */
export function deviceWitness({ sources: { io } }: Interval, device: string, age_ns: Ns): SafeText[] {
	const stuck = io?.inflight.find((one) => one.device === device && one.witness === 'kernel' && one.age_ns >= age_ns);
	return stuck ? [safe`sysfs: ${stuck.device} counts a ${stuck.op} in flight for ${duration(stuck.age_ns)}`] : [];
}
