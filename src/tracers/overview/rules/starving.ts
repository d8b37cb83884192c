import { safe } from '../../../lib/sanitize.ts';
import { behind, equals, outOfQuota, processKey, ranMeanwhile, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { count, duration } from '../words.ts';

const limits = { age_ns: 2e9 };

/** A task is in a run queue and does not get the CPU: its wait has not ended, so no figure about waits has it. */
export const starving: Rule = {
	id: 'starving',
	level: 'severe',
	title: 'starving',
	help: `A task has waited for a CPU for ${duration(limits.age_ns)} or longer and still waits; who is out of its CPU quota is left out. Owner: who has that CPU at the moment.`,
	blind: (moment) => without(moment, 'runqlat'),
	look(moment) {
		const { sources, rows } = moment;
		// oldest first; of each process the oldest
		const tasks = (sources.runqlat?.waiting ?? []).filter(
			({ pid, age_ns }, index, all) =>
				age_ns >= limits.age_ns * 0.5 && all.findIndex((other) => other.pid === pid) === index,
		);
		const starved = tasks.filter(({ age_ns }) => age_ns >= limits.age_ns).length;
		return tasks.flatMap((task) => {
			const { pid, tid, comm, cpu, age_ns, running } = task;
			// who did nothing in the interval has no row of its own; a thread's name is not the process's
			const its = (row: { pid: number }) => row.pid === pid;
			const row = rows.find(its) ?? sources.energy?.rows.find(its);
			if (row && outOfQuota(moment, row)) return [];
			const others = starved > 1 ? safe`; so do ${count(starved - 1)} more processes` : safe``;
			return {
				about: `${pid} ${tid}`,
				excess: excessOf([age_ns, limits.age_ns]),
				subject: safe`${row?.comm ?? comm}[${pid}]`,
				text: safe`has waited ${duration(age_ns)} for cpu${cpu} and not run yet${others}`,
				figures: { age_ns, cpu, starved },
				owner: behind(moment, running) ?? ranMeanwhile(moment, task),
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
};
