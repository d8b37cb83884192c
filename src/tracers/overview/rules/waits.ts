import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import { duration, percent } from '../format.ts';
import { hottestText } from '../hot.ts';
import { competitorOf, equals, missingTab, processKey, topByCpu, uncountedCpus, waitsForBudget } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { waitShare: 0.1, p99_ns: 10e6, waitPerCpuTime: 0.5, ownCpu: 0.25 };

/** Waits count when they end, so long waits, and waits of several threads, may add up to more than the interval. */
function textOf(wait: Ns, dt_ns: Ns): SafeText {
	return wait > dt_ns
		? safe`waited ${duration(wait)} for a CPU in ${duration(dt_ns)}`
		: safe`waits ${percent(wait / dt_ns)} of the time for a CPU`;
}

/** A runnable process waits long for a CPU. Processes with much CPU time wait for each other and are left out. */
export const waits = {
	id: 'waits',
	level: 'high',
	title: 'waits',
	help: `A process waits for a CPU ${percent(limits.waitShare)} of the time, one wait in a hundred is over ${duration(limits.p99_ns)}, and it waits at least half as long as it runs. Left out: processes that use ${percent(limits.ownCpu)} of a CPU, names that use a quarter of all CPU time, tasks out of CPU quota, those with a budget of their own (SCHED_DEADLINE), and wattlag itself. Owner: the process that ran meanwhile (--culprits), else the name with most CPU time.`,
	uncheckable: (interval) => missingTab(interval, 'runqlat') ?? uncountedCpus(interval),
	check(interval) {
		const { dt_ns, cpus, own, rows } = interval;
		const hogs = new Set(
			topByCpu(rows)
				.filter(({ sum }) => sum >= dt_ns * cpus * 0.25)
				.map(({ comm }) => comm),
		);
		return rows
			.flatMap((row) => {
				const wait = row.wait_ns ?? 0;
				// most rows, of which there may be thousands
				if (wait < limits.waitShare * 0.5 * dt_ns) return [];
				const p99 = row.wait_p99_ns ?? 0;
				const excess = excessOf(
					[wait / dt_ns, limits.waitShare],
					[p99, limits.p99_ns],
					[wait / (row.cpu_ns ?? 0), limits.waitPerCpuTime],
				);
				const hog = hogs.has(row.comm) || (row.cpu_ns ?? 0) / dt_ns >= limits.ownCpu;
				const left = hog || row.pid === own || waitsForBudget(interval, row);
				return excess < 0.5 || left ? [] : [{ row, wait, p99, excess }];
			})
			.sort((a, b) => b.excess - a.excess)
			.slice(0, 8)
			.map(({ row, wait, p99, excess }) => ({
				about: processKey(row),
				excess,
				subject: safe`${row.comm}[${row.pid}]`,
				text: safe`${textOf(wait, dt_ns)} (p99 ${duration(p99)})${hottestText(interval.hot, { without: row.pid })}`,
				figures: { wait_share: wait / dt_ns, wait_p99_ns: p99 },
				owner: competitorOf(interval, row),
				touches: Math.min(1, wait / dt_ns) / 4,
				link: {
					tab: 'runqlat' as const,
					process: processKey(row),
					sort: 'wait_ns',
					group: 'process',
					filter: equals('comm', row.comm),
				},
			}));
	},
} as const satisfies Rule;
