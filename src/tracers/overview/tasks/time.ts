/** Where the time of threads went between two walks: exact on and for a CPU, the sleep by the reason at the end. Pure but for its memory. */
import type { Count, Ns } from '../../../lib/units.ts';
import type { TimePart } from '../snapshot.ts';
import { collects } from './collectors.ts';
import type { SleepReason } from './reasons.ts';
import { hasEnded, type ProcessNow, type TaskNow } from './walk.ts';

interface Before {
	cpu_ns: Ns;
	delay_ns: Ns;
	sleeps: Count;
	start: Ns;
	reason: SleepReason | null;
}

export interface Spent {
	/** Absent: 0. */
	parts: Partial<Record<TimePart, Ns>>;
	/** Sleeps that ended. */
	wakeups: Count;
	/** CPU time of threads that collect garbage, and their number; absent: 0. */
	collector_ns?: Ns;
	collectors?: Count;
}

export class ThreadTime {
	/** By tid; of threads that rest as of their last run. */
	private readonly before = new Map<number, Before>();

	/**
	 * By pid, of processes that do not rest. Threads that began in the interval are left out. The parts of a thread add up to `dt_ns`.
	 * @param dt_ns length of the interval
	 */
	take(processes: Iterable<ProcessNow>, dt_ns: Ns): Map<number, Spent> {
		const found = new Map<number, Spent>();
		// gone through twice, and an iterator can be only once
		const all = [...processes];
		let threads = 0;
		for (const process of all) {
			threads += process.tasks.length;
			if (process.rests) continue;
			const { pid, start, tasks } = process;
			let spent: Spent | undefined;
			for (const task of tasks) {
				const before = this.before.get(task.tid);
				if (before?.start !== start) {
					const { tid, cpu_ns, delay_ns, sleeps } = task;
					this.before.set(tid, { cpu_ns, delay_ns, sleeps, start, reason: task.reason ?? before?.reason ?? null });
					continue;
				}
				if (!hasEnded(task)) {
					spent ??= { parts: {}, wakeups: 0 };
					add(spent, task, before, dt_ns);
				}
				if (task.rests) continue;
				before.cpu_ns = task.cpu_ns;
				before.delay_ns = task.delay_ns;
				before.sleeps = task.sleeps;
				before.reason = task.reason ?? before.reason;
			}
			if (spent) found.set(pid, spent);
		}
		if (this.before.size > 2 * threads + 1000) this.forget(all);
		return found;
	}

	/** Of a process that rests: all its threads slept. */
	resting(process: ProcessNow, dt_ns: Ns): Spent | undefined {
		const spent: Spent = { parts: {}, wakeups: 0 };
		return this.addResting(spent, process, dt_ns) ? spent : undefined;
	}

	/** As {@link resting}, to what others spent. False: none of its threads is known. */
	addResting(spent: Pick<Spent, 'parts'>, { start, tasks }: Pick<ProcessNow, 'start' | 'tasks'>, dt_ns: Ns): boolean {
		let found = false;
		for (const task of tasks) {
			if (this.before.get(task.tid)?.start !== start || hasEnded(task)) continue;
			put(spent, task.reason ?? 'other', dt_ns);
			found = dt_ns > 0;
		}
		return found;
	}

	private forget(processes: Iterable<ProcessNow>): void {
		const live = new Set<number>();
		for (const { tasks } of processes) for (const { tid } of tasks) live.add(tid);
		for (const tid of this.before.keys()) if (!live.has(tid)) this.before.delete(tid);
	}
}

function put({ parts }: Pick<Spent, 'parts'>, part: TimePart, ns: Ns): void {
	if (ns > 0) parts[part] = (parts[part] ?? 0) + ns;
}

function add(spent: Spent, task: TaskNow, before: Before, dt_ns: Ns): void {
	const cpu = Math.min(dt_ns, Math.max(0, task.cpu_ns - before.cpu_ns));
	const runnable = Math.min(dt_ns - cpu, Math.max(0, task.delay_ns - before.delay_ns));
	put(spent, 'cpu', cpu);
	put(spent, 'runnable', runnable);
	// one that is runnable now has slept for the reason of its last known sleep; one that never slept waits for a CPU
	put(spent, task.reason ?? before.reason ?? 'runnable', dt_ns - cpu - runnable);
	spent.wakeups += Math.max(0, task.sleeps - before.sleeps);
	if (cpu > 0 && collects(task.comm)) {
		spent.collector_ns = (spent.collector_ns ?? 0) + cpu;
		spent.collectors = (spent.collectors ?? 0) + 1;
	}
}
