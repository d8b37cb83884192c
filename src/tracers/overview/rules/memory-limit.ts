import { formatBytes } from '../../../lib/format.ts';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { AtLimit } from '../../../system/memory-limits.ts';
import { count, percent, perSecond } from '../format.ts';
import { type Interval, ownerOf, processKey, topByCpu, topNames } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { hits: 5, stalled: 0.1, faults: 500 };

/** The share of the time in which the group's tasks are stalled: its own PSI, else that of the machine, which one that is at its limit causes. */
function stalledShare({ stalled_ns }: AtLimit, { pressure, dt_ns }: Interval): number {
	return (stalled_ns ?? pressure?.memory?.some_ns ?? 0) / dt_ns;
}

/** A control group has no room within its memory limit, and its tasks stall. */
export const memoryLimit = {
	id: 'memory-limit',
	level: 'high',
	title: 'memory limits',
	help: `A control group has reached its memory limit ${limits.hits} times a second or more (memory.events, memory.failcnt), and tasks are stalled on memory ${percent(limits.stalled)} of the time (its own PSI, in cgroup v1 that of the machine), or its processes wait for a device in ${limits.faults} page faults a second. Owner: the name in it with most major faults, else with most memory.`,
	check(interval) {
		const { dt_ns, rows, atLimit } = interval;
		const [busiest] = atLimit.length > 0 ? topByCpu(rows) : [];
		return atLimit.map((group) => {
			const { cgroup, limit_bytes, used_bytes, hits, members } = group;
			const stalled = Math.min(1, stalledShare(group, interval));
			const rate = (hits * 1e9) / dt_ns;
			const inside = rows.filter((row) => members.includes(processKey(row)));
			const [faulting] = topNames(inside, ({ major_faults }) => major_faults);
			const [largest] = topNames(inside, ({ rss_bytes }) => rss_bytes);
			const faults = (inside.reduce((sum, { major_faults }) => sum + (major_faults ?? 0), 0) * 1e9) / dt_ns;
			const by = group.stalled_ns === null ? safe`of the machine` : safe`of the group`;
			return {
				about: cgroup,
				excess: excessOf([rate, limits.hits], [Math.max(stalled / limits.stalled, faults / limits.faults), 1]),
				subject: cgroup,
				text: safe`is at its memory limit of ${formatBytes(limit_bytes, 'full') as SafeText}, reached ${perSecond(rate)}; ${perSecond(faults)} page faults wait for a device; tasks are stalled on memory ${percent(stalled)} of the time`,
				figures: { used_bytes, limit_bytes, hits_per_s: rate, stalled_share: stalled, major_faults_per_s: faults },
				witnesses: [
					...(faulting
						? [safe`the task iterator: ${count(faulting.sum)} major faults of ${faulting.comm} in the interval`]
						: []),
					safe`control group: its limit was reached ${perSecond(rate)}, ${formatBytes(used_bytes, 'full') as SafeText} are in use`,
					safe`PSI ${by}: some task was stalled on memory ${percent(stalled)} of the time`,
				],
				unowned: safe`which of its processes needs the memory is not known`,
				owner: faulting ? ownerOf(safe`most major faults by`, faulting) : ownerOf(safe`most memory in it by`, largest),
				// CPUs that are busy with its processes are busy with reclaim
				touches: inside.some(({ comm }) => comm === busiest?.comm) ? 1 : Math.min(1, stalled + 0.5),
				link: {
					tab: 'overview' as const,
					group: 'process',
					filter: '',
					sort: 'major_faults',
					...(faulting && { process: processKey(faulting.top) }),
				},
			};
		});
	},
} as const satisfies Rule;
