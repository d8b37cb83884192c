import { safe } from '../../../lib/sanitize.ts';
import { count, duration } from '../format.ts';
import { hottestText } from '../hot.ts';
import { competitorOf, equals, isThrottled, missingTab, processKey, rowOf, runningOwner } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import { pressureWitness, runnableWitness } from '../witnesses.ts';

const limits = { age_ns: 2e9 };

/**
 * A task is in a run queue and does not get the CPU. Its wait has not ended, so the figures of waits do not contain it.
 * A stamp alone is no evidence: the kernel's list of tasks must show it runnable in the same read.
 */
export const starving = {
	id: 'starving',
	level: 'severe',
	title: 'starving',
	endsAfter: 0,
	help: `A task has waited for a CPU for ${duration(limits.age_ns)} or longer and is runnable on its queue at the read; tasks out of CPU quota or of their own budget (SCHED_DEADLINE) are left out. Severe only with a second witness beside the task iterator: PSI; else high. Owner: the process that has that CPU at the moment.`,
	uncheckable: (interval) => missingTab(interval, 'runqlat'),
	check(interval) {
		const { sources, rows } = interval;
		// oldest first, one task per process
		const tasks = (sources.runqlat?.waiting ?? []).filter(
			({ pid, age_ns, runnable, throttled }, index, all) =>
				runnable &&
				!throttled &&
				age_ns >= limits.age_ns * 0.5 &&
				all.findIndex((other) => other.pid === pid && other.runnable && !other.throttled) === index,
		);
		const starved = tasks.filter(({ age_ns }) => age_ns >= limits.age_ns).length;
		return tasks.flatMap((task) => {
			const { pid, tid, comm, cpu, age_ns, longer, running } = task;
			// a process without activity has no row here; the name of a thread may differ from its process's
			const row = rowOf(rows, pid) ?? sources.energy?.rows.find((one) => one.pid === pid);
			if (row && isThrottled(interval, row)) return [];
			const others =
				starved > 1
					? safe`; so ${starved === 2 ? safe`has` : safe`have`} ${count(starved - 1)} more ${starved === 2 ? safe`process` : safe`processes`}`
					: safe``;
			return {
				about: `${pid} ${tid}`,
				excess: excessOf([age_ns, limits.age_ns]),
				subject: safe`${row?.comm ?? comm}[${pid}]`,
				text: safe`has waited ${longer ? safe`more than ` : safe``}${duration(age_ns)} for cpu${cpu} and not run yet${others}${hottestText(interval.hot, running ? { pid: running } : { without: pid })}`,
				figures: { age_ns, cpu, starved },
				witnesses: [runnableWitness(interval, tid, pid), ...pressureWitness(interval, 'cpu')],
				owner: runningOwner(interval, running) ?? competitorOf(interval, task),
				link: {
					tab: 'runqlat' as const,
					...(row && { process: processKey(row) }),
					sort: 'wait_ns',
					group: 'process',
					filter: equals('comm', row?.comm ?? comm),
				},
			};
		});
	},
} as const satisfies Rule;
