import { safe } from '../../../lib/sanitize.ts';
import { counted, percent } from '../format.ts';
import { equals } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { cpus: 0.3, share: 0.5 };

/** A runtime collects garbage instead of working. */
export const garbage = {
	id: 'garbage',
	level: 'high',
	title: 'garbage collection',
	help: `Threads that collect garbage take ${percent(limits.share)} of a process's CPU time, and ${percent(limits.cpus)} of a CPU: its heap is nearly full. They are known by their names (HotSpot from Java 9 on, .NET); Go and JavaScript have no such threads.`,
	uncheckable: ({ noTasks }) => noTasks,
	check: ({ collecting, dt_ns, cpus }) =>
		collecting.map(({ pid, start_time, comm, collector_ns, cpu_ns, threads }) => {
			const share = collector_ns / cpu_ns;
			const used = collector_ns / dt_ns;
			return {
				about: `${pid}:${start_time}`,
				excess: excessOf([share, limits.share], [used, limits.cpus]),
				subject: safe`${comm}[${pid}]`,
				text: safe`collects garbage ${percent(share)} of its CPU time: ${counted(threads, safe`thread`)} ${threads === 1 ? safe`takes` : safe`take`} ${percent(used)} of a CPU; its heap is nearly full`,
				figures: { collector_share: share, collector_cpus: used, threads },
				witnesses: [safe`the task iterator: CPU time of threads that are named as collectors`],
				owner: null,
				// more than the CPUs that it takes: its own work waits meanwhile
				touches: Math.min(1, 0.5 + used / Math.max(1, cpus)),
				link: {
					tab: 'energy' as const,
					sort: 'cpu',
					group: 'process',
					filter: equals('comm', comm),
					process: `${pid}:${start_time}`,
				},
			};
		}),
} as const satisfies Rule;
