import { safe } from '../../../lib/sanitize.ts';
import { duration, number, percent } from '../format.ts';
import { hottestText } from '../hot.ts';
import { busyShare, equals, missingTab, ownerOf, topByCpu, uncountedCpus, waitsForBudget } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

/** Waits shorter than `short_ns` delay nobody, however many tasks take turns. */
const limits = { busy: 0.9, waitingPerCpu: 0.25, short_ns: 1e6 };

/** All CPUs are busy and more tasks are runnable. */
export const cpuSaturated = {
	id: 'cpu-saturated',
	level: 'high',
	title: 'CPUs',
	help: `CPUs are ${percent(limits.busy)} busy and, on average, one task per ${1 / limits.waitingPerCpu} CPUs waits for a CPU (tasks out of CPU quota, and those with a budget of their own, are not counted). A notice where 99% of the waits are shorter than ${duration(limits.short_ns)}. Owner: the name with most CPU time.`,
	uncheckable: (interval) =>
		missingTab(interval, 'energy', 'runqlat') ??
		uncountedCpus(interval) ??
		(interval.sources.runqlat?.filter ? safe`run queue is filtered: ${interval.sources.runqlat.filter}` : undefined),
	check(interval) {
		const { dt_ns, cpus, rows, sources } = interval;
		const all = sources.runqlat?.rows.find(({ key }) => key.kind === 'all');
		if (!all) return [];
		const busy = busyShare(interval);
		const stopped = rows.reduce(
			(sum, row) => sum + (row.wait_ns && waitsForBudget(interval, row) ? row.wait_ns : 0),
			0,
		);
		const waiting = Math.max(0, all.wait_ns - stopped) / dt_ns;
		const [top] = topByCpu(rows);
		return [
			{
				about: 'all',
				...(all.p99_ns < limits.short_ns && { level: 'notice' as const }),
				excess: excessOf([busy, limits.busy], [waiting / cpus, limits.waitingPerCpu]),
				subject: safe`CPUs`,
				text: safe`${percent(busy)} busy, ${number(waiting)} tasks wait for one (p99 ${duration(all.p99_ns)})${hottestText(interval.hot)}`,
				figures: { busy_share: busy, waiting_tasks: waiting, wait_p99_ns: all.p99_ns, owner_cpu_ns: top?.sum ?? 0 },
				owner: ownerOf(safe`most CPU by`, top),
				touches: Math.min(1, waiting / (waiting + cpus)),
				link: { tab: 'energy', sort: 'cpu', group: 'process', filter: top ? equals('comm', top.comm) : '' },
			},
		];
	},
} as const satisfies Rule;
