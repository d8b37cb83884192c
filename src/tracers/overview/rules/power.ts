import { safe } from '../../../lib/sanitize.ts';
import { percent, watts } from '../format.ts';
import { equals, missingTab, ownerOf, topNames } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { share: 0.5, cpus: 0.5 };

/** The processes of one name draw most of the power, with a minimum of CPU use. */
export const power = {
	id: 'power',
	level: 'notice',
	title: 'power',
	help: `All processes of one name draw ${percent(limits.share)} of the power of all processes, with at least ${limits.cpus} CPUs in use. wattlag itself is left to “own cost”.`,
	uncheckable: (interval) =>
		missingTab(interval, 'energy') ??
		(interval.sources.energy?.source.kind === 'time' ? safe`no source of power (--source time)` : undefined),
	check({ dt_ns, rows, own }) {
		const sum = rows.reduce((total, row) => total + (row.watts ?? 0), 0);
		const [top] = topNames(rows, (row) => row.watts);
		if (!top || top.top.pid === own) return [];
		const cpu = rows.reduce((total, row) => total + (row.comm === top.comm ? (row.cpu_ns ?? 0) : 0), 0) / dt_ns;
		return [
			{
				about: top.comm,
				excess: excessOf([top.sum / sum, limits.share], [cpu, limits.cpus]),
				subject: safe`power`,
				text: safe`${watts(top.sum)}, ${percent(top.sum / sum)} of process power`,
				figures: { watts: top.sum, share: top.sum / sum, cpus: cpu },
				owner: ownerOf(safe`by`, top),
				link: { tab: 'energy', sort: 'watts', group: 'process', filter: equals('comm', top.comm) },
			},
		];
	},
} as const satisfies Rule;
