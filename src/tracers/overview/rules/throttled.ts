import { safe } from '../../../lib/sanitize.ts';
import { cgroupName } from '../../../system/cgroup-name.ts';
import { count, counted, percent } from '../format.ts';
import { equals, isInside, missingTab, ownerOf, topNames } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { periods: 0.1, time: 0.05 };

/** A control group used up its CPU quota and is throttled. */
export const throttled = {
	id: 'throttled',
	level: 'high',
	title: 'CPU quotas',
	help: `A control group was throttled by its CPU quota in ${percent(limits.periods)} of its periods, for ${percent(limits.time)} of the time (cpu.stat of active groups and their ancestors, in cgroup v2 and v1). Owner: the name in it with most CPU time.`,
	uncheckable: (interval) => missingTab(interval, 'energy'),
	check({ dt_ns, rows, throttled }) {
		return throttled.map((group) => {
			const { cgroup, periods, throttled: stopped, throttled_ns, members } = group;
			const inside = rows.filter((row) => isInside(group, row));
			const [top] = topNames(inside, ({ cpu_ns }) => cpu_ns);
			return {
				about: cgroup,
				excess: excessOf([stopped / Math.max(1, periods), limits.periods], [throttled_ns / dt_ns, limits.time]),
				subject: cgroupName(cgroup),
				text: safe`throttled by its CPU quota in ${count(stopped)} of ${counted(periods, safe`period`)}, ${percent(throttled_ns / dt_ns)} of the time`,
				figures: { periods, throttled: stopped, throttled_ns },
				unowned: safe`no active process is known in it`,
				owner: ownerOf(safe`most CPU by`, top),
				link: {
					tab: 'energy' as const,
					sort: 'cpu',
					group: 'process',
					filter: members ? equals('comm', top?.comm ?? '') : equals('cgroup', cgroup),
				},
			};
		});
	},
} as const satisfies Rule;
