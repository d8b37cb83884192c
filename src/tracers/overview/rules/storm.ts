import { formatRate } from '../../../lib/format.ts';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { count, percent } from '../format.ts';
import { equals, missingTab, topByCpu } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { perSecond: 30, share: 0.1 };

/** Processes begin and end in masses: a storm of connections to a server that forks for each. */
export const storm = {
	id: 'storm',
	level: 'high',
	title: 'process storms',
	help: `A server starts ${limits.perSecond} processes a second or more, each of its own name and most often one for each connection, and they take ${percent(limits.share)} of all CPU time. Owner: the server, their parent.`,
	uncheckable: (interval) => missingTab(interval, 'energy') ?? interval.noTasks,
	check({ dt_ns, sources: { energy }, processes, boot_ns, rows }) {
		if (!energy || !processes) return [];
		const begun = boot_ns - dt_ns;
		const born = new Map<SafeText, number>();
		for (const { start_time, comm, pid } of energy.rows)
			if (pid > 0 && start_time >= begun) born.set(comm, (born.get(comm) ?? 0) + 1);
		const rateOf = (started: number) => (started * 1e9) / dt_ns;
		const many = [...born].filter(([, started]) => rateOf(started) >= limits.perSecond * 0.5);
		if (many.length === 0) return [];
		const all = rows.reduce((sum, { cpu_ns }) => sum + (cpu_ns ?? 0), 0);
		const [busiest] = topByCpu(rows);
		return many.flatMap(([comm, started]) => {
			const rate = rateOf(started);
			const kin = [...processes.values()].filter((one) => one.comm === comm);
			const server = kin.find((one) => one.start < begun && kin.some(({ parent }) => parent === one.pid));
			if (!server) return [];
			const cpu = rows.reduce((sum, row) => sum + (row.comm === comm ? (row.cpu_ns ?? 0) : 0), 0);
			const share = all > 0 ? cpu / all : 0;
			return {
				about: comm,
				excess: excessOf([rate, limits.perSecond], [share, limits.share]),
				subject: comm,
				text: safe`starts ${formatRate(rate) as SafeText} processes a second, most often one for each connection: ${count(kin.length)} live, ${percent(share)} of all CPU time is theirs`,
				figures: { started_per_s: rate, alive: kin.length, cpu_share: share },
				owner: { role: safe`all by`, pid: server.pid, start_time: server.start, comm, processes: 1 },
				link: { tab: 'overview' as const, group: 'command', filter: equals('comm', comm), sort: 'cpu' },
				// CPUs that are busy with its processes are busy with the storm
				touches: busiest?.comm === comm ? 1 : 0.5 + share / 2,
			};
		});
	},
} as const satisfies Rule;
