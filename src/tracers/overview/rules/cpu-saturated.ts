import { safe } from '../../../lib/sanitize.ts';
import { busyShare, equals, outOfQuota, ownerOf, topNames, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { duration, number, percent } from '../words.ts';

const limits = { busy: 0.9, waitingPerCpu: 0.25 };

/** All CPUs are in use and there is more to run. */
export const cpuSaturated: Rule = {
	id: 'cpu-saturated',
	level: 'high',
	title: 'CPUs',
	help: `CPUs are ${percent(limits.busy)} busy and, on average, a task for every ${1 / limits.waitingPerCpu} CPUs waits for one (who is out of its CPU quota does not count). Owner: the name with most CPU time.`,
	blind: (moment) =>
		without(moment, 'energy', 'runqlat') ??
		(moment.sources.runqlat?.filter ? safe`run queue is narrowed to ${moment.sources.runqlat.filter}` : undefined),
	look(moment) {
		const { dt_ns, cpus, rows, sources } = moment;
		const all = sources.runqlat?.rows.find(({ key }) => key.kind === 'all');
		if (!all) return [];
		const busy = busyShare(moment);
		const stopped = rows.reduce((sum, row) => sum + (outOfQuota(moment, row) ? (row.wait_ns ?? 0) : 0), 0);
		const waiting = Math.max(0, all.wait_ns - stopped) / dt_ns;
		const [top] = topNames(rows, ({ cpu_ns }) => cpu_ns);
		return [
			{
				about: 'all',
				excess: excessOf([busy, limits.busy], [waiting / cpus, limits.waitingPerCpu]),
				subject: safe`CPUs`,
				text: safe`${percent(Math.min(1, busy))} busy, ${number(waiting)} tasks wait for one (p99 ${duration(all.p99_ns)})`,
				figures: { busy_share: busy, waiting_tasks: waiting, wait_p99_ns: all.p99_ns, owner_cpu_ns: top?.sum ?? 0 },
				owner: ownerOf(safe`most CPU by`, top),
				link: { tab: 'energy', sort: 'cpu', group: 'process', filter: top ? equals('comm', top.comm) : '' },
			},
		];
	},
};
