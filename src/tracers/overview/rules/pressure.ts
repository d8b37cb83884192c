import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { cgroupName } from '../../../system/cgroup-name.ts';
import type { GroupStall } from '../../../system/group-pressure.ts';
import type { Link, Owner, Suspicion } from '../finding.ts';
import { equals, type Moment, ownerOf, processKey, topNames } from '../moment.ts';
import type { OverviewRow } from '../rows.ts';
import { excessOf, type Rule } from '../rule.ts';
import { percent } from '../words.ts';

const limits = { memory: 0.1, io: 0.3, cpu: 0.6 };
type Judged = keyof typeof limits;

/** CPUs are told about by rules that know more, where they can. */
function judged({ sources }: Moment): Judged[] {
	return sources.energy && sources.runqlat ? ['memory', 'io'] : ['memory', 'io', 'cpu'];
}

/** Who has most of what goes with such pressure: what memory has no room for is read again and again, or looked for by CPUs. */
function most(rows: readonly OverviewRow[], resource: Judged): { owner: Owner | null; sort: 'io_bytes' | 'cpu' } {
	const [io] = resource === 'cpu' ? [] : topNames(rows, ({ io_bytes }) => io_bytes);
	if (io || resource === 'io') return { owner: ownerOf(safe`most IO by`, io), sort: 'io_bytes' };
	return { owner: ownerOf(safe`most CPU by`, topNames(rows, ({ cpu_ns }) => cpu_ns)[0]), sort: 'cpu' };
}

/** The processes of the group, or that of the owner in the order that shows it; IO by device only where nobody has any. */
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

const words: Record<Judged, { subject: SafeText; want: SafeText }> = {
	memory: { subject: safe`memory pressure`, want: safe`memory` },
	io: { subject: safe`IO pressure`, want: safe`IO` },
	cpu: { subject: safe`CPU pressure`, want: safe`a CPU` },
};

/** Tasks stand still for want of memory or IO, as the kernel itself sees it. */
export const pressure: Rule = {
	id: 'pressure',
	level: 'high',
	title: 'pressure',
	help: `The kernel's pressure (PSI) of the interval: some task stood still for want of memory ${percent(limits.memory)} of the time, for IO ${percent(limits.io)}; for a CPU ${percent(limits.cpu)}, where energy or run queue do not work. Named with it: the control group that it comes from (cgroup v2). Owner: the name, in that group, with most IO, else with most CPU time.`,
	blind: ({ pressure }) => (pressure ? undefined : safe`no /proc/pressure: kernel without CONFIG_PSI, or psi=0`),
	look(moment) {
		const { dt_ns, pressure, stalled, rows } = moment;
		return judged(moment).flatMap((resource): Suspicion[] => {
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
					text: safe`tasks stood still for ${want} ${percent(Math.min(1, some))} of the time, all of them ${percent(Math.min(1, full))}${where}`,
					figures: { some_share: some, full_share: full, ...(group && { group_some_share: share }) },
					owner,
					link: linkTo(resource, group, owner, sort),
				},
			];
		});
	},
};
