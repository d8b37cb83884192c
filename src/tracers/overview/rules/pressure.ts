import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { cgroupName } from '../../../system/cgroup-name.ts';
import type { GroupStall } from '../../../system/group-pressure.ts';
import type { Link, Owner, Suspicion } from '../finding.ts';
import { percent } from '../format.ts';
import { equals, type Interval, ownerOf, processKey, topByCpu, topNames, withoutPressure } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import type { OverviewRow } from '../snapshot.ts';

const limits = { memory: 0.1, io: 0.3, cpu: 0.6 };
type Judged = keyof typeof limits;

/** CPU pressure is left to cpu-saturated and waits while their tabs work. */
function judged({ sources }: Interval): Judged[] {
	return sources.energy && sources.runqlat ? ['memory', 'io'] : ['memory', 'io', 'cpu'];
}

/** The name with most of the related load: lack of memory causes repeated reads, or CPU time for reclaim. */
function most(
	rows: readonly OverviewRow[],
	resource: Judged,
): { owner: Owner | null; sort: 'io_bytes' | 'cpu' | 'major_faults' } {
	const [faulting] = resource === 'memory' ? topNames(rows, ({ major_faults }) => major_faults) : [];
	if (faulting) return { owner: ownerOf(safe`most major faults by`, faulting), sort: 'major_faults' };
	const [io] = resource === 'cpu' ? [] : topNames(rows, ({ io_bytes }) => io_bytes);
	if (io || resource === 'io') return { owner: ownerOf(safe`most IO by`, io), sort: 'io_bytes' };
	return { owner: ownerOf(safe`most CPU by`, topByCpu(rows)[0]), sort: 'cpu' };
}

/** The processes of the group, sorted so that the owner is visible; IO by device if no process has IO. */
function linkTo(resource: Judged, group: GroupStall | undefined, owner: Owner | null, sort: string): Link {
	if (resource === 'io' && !owner) return { tab: 'io', group: 'operation', filter: '', sort: 'total_p99' };
	return {
		tab: 'overview',
		group: 'process',
		filter: group ? equals('cgroup', group.cgroup) : '',
		sort,
		...(owner && { process: processKey(owner) }),
	};
}

/** Lack of memory makes everything else slow; where those that lack it use most of the CPUs, that is reclaim. */
function touched(resource: Judged, some: number, owner: Owner | null, rows: readonly OverviewRow[]): number {
	if (resource !== 'memory') return Math.min(1, some);
	const [busiest] = topByCpu(rows);
	return busiest && busiest.comm === owner?.comm ? 0.99 : Math.min(0.99, some + 0.5);
}

const words: Record<Judged, { subject: SafeText; want: SafeText }> = {
	memory: { subject: safe`memory pressure`, want: safe`memory` },
	io: { subject: safe`IO pressure`, want: safe`IO` },
	cpu: { subject: safe`CPU pressure`, want: safe`CPU` },
};

/** Tasks are stalled on memory or IO, by the kernel's own account. */
export const pressure = {
	id: 'pressure',
	level: 'high',
	title: 'pressure',
	help: `The kernel's pressure (PSI) of the interval: some task was stalled on memory ${percent(limits.memory)} of the time, or on IO ${percent(limits.io)}; on CPU ${percent(limits.cpu)}, only if energy or run queue do not work. The text names the control group with most of it (cgroup v2). Owner: the name in that group with most major faults (memory) or IO, else with most CPU time.`,
	uncheckable: withoutPressure,
	check(interval) {
		const { dt_ns, pressure, stalled, rows } = interval;
		return judged(interval).flatMap((resource): Suspicion[] => {
			const stall = pressure?.[resource];
			if (!stall) return [];
			const [some, full] = [stall.some_ns / dt_ns, stall.full_ns / dt_ns];
			const group = resource === 'cpu' ? undefined : stalled[resource];
			const share = group ? group.some_ns / dt_ns : 0;
			const where = group ? safe`; in ${cgroupName(group.cgroup)} ${percent(Math.min(1, share))}` : safe``;
			const inside = group ? rows.filter(({ cgroup }) => `${cgroup}/`.startsWith(`${group.cgroup}/`)) : rows;
			const { owner, sort } = most(inside, resource);
			const { subject, want } = words[resource];
			return [
				{
					about: resource,
					excess: excessOf([some, limits[resource]]),
					subject,
					text: safe`tasks stalled on ${want} ${percent(Math.min(1, some))} of the time, all of them ${percent(Math.min(1, full))}${where}`,
					figures: { some_share: some, full_share: full, ...(group && { group_some_share: share }) },
					owner,
					unowned: safe`no active process is known that lacks it`,
					touches: touched(resource, some, owner, rows),
					link: linkTo(resource, group, owner, sort),
				},
			];
		});
	},
} as const satisfies Rule;
