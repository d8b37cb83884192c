import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import { equals, outOfQuota, processKey, ranMeanwhile, topNames, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { duration, percent } from '../words.ts';

const limits = { waitShare: 0.1, p99_ns: 10e6, waitPerCpuTime: 0.5, ownCpu: 0.25 };

/** Waits count when they end: long ones, and those of several threads, are more than the interval. */
function textOf(wait: Ns, dt_ns: Ns): SafeText {
	return wait > dt_ns
		? safe`waits for a CPU that ended add up to ${duration(wait)} in ${duration(dt_ns)}`
		: safe`waits ${percent(wait / dt_ns)} of the time for a CPU`;
}

/** A process that would run waits for a CPU, and long. Those that use much CPU themselves wait for each other: no news. */
export const waits: Rule = {
	id: 'waits',
	level: 'high',
	title: 'waits',
	help: `A process waits ${percent(limits.waitShare)} of the time for a CPU, one wait in a hundred is over ${duration(limits.p99_ns)}, and it waits at least half as long as it runs; who uses ${percent(limits.ownCpu)} of a CPU, names that use a quarter of all CPU time, who is out of its CPU quota, and wattlag itself are left out. Owner: who ran meanwhile (--culprits), else who used most CPU.`,
	blind: (moment) => without(moment, 'runqlat'),
	look(moment) {
		const { dt_ns, cpus, own, rows } = moment;
		const hogs = new Set(
			topNames(rows, ({ cpu_ns }) => cpu_ns)
				.filter(({ sum }) => sum >= dt_ns * cpus * 0.25)
				.map(({ comm }) => comm),
		);
		return rows
			.flatMap((row) => {
				const wait = row.wait_ns ?? 0;
				const p99 = row.wait_p99_ns ?? 0;
				const excess = excessOf(
					[wait / dt_ns, limits.waitShare],
					[p99, limits.p99_ns],
					[wait / (row.cpu_ns ?? 0), limits.waitPerCpuTime],
				);
				const hog = hogs.has(row.comm) || (row.cpu_ns ?? 0) / dt_ns >= limits.ownCpu;
				return excess < 0.5 || hog || row.pid === own || outOfQuota(moment, row) ? [] : [{ row, wait, p99, excess }];
			})
			.sort((a, b) => b.excess - a.excess)
			.slice(0, 8)
			.map(({ row, wait, p99, excess }) => ({
				about: processKey(row),
				excess,
				subject: safe`${row.comm}[${row.pid}]`,
				text: safe`${textOf(wait, dt_ns)} (p99 ${duration(p99)})`,
				figures: { wait_share: wait / dt_ns, wait_p99_ns: p99 },
				owner: ranMeanwhile(moment, row),
				link: {
					tab: 'runqlat' as const,
					process: processKey(row),
					sort: 'wait_ns',
					group: 'process',
					filter: equals('comm', row.comm),
				},
			}));
	},
};
