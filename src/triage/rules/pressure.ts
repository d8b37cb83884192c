import { safe } from '../../sanitize.ts';
import type { Link, Suspicion } from '../finding.ts';
import { type Moment, ownerOf, topNames } from '../moment.ts';
import type { Resource } from '../pressure.ts';
import { excessOf, type Rule } from '../rule.ts';
import { percent } from '../words.ts';

const limits = { memory: 0.1, io: 0.3, cpu: 0.6 };

const links: Record<keyof typeof limits, Link> = {
	memory: { tab: 'overview', filter: '', sort: 'io_bytes' },
	io: { tab: 'io', filter: '', sort: 'total_p99' },
	cpu: { tab: 'overview', filter: '', sort: 'cpu' },
};

/** CPUs are told about by rules that know more, where they can. */
function judged({ sources }: Moment): (keyof typeof limits)[] {
	return sources.energy && sources.runqlat ? ['memory', 'io'] : ['memory', 'io', 'cpu'];
}

function owner({ rows }: Moment, resource: Resource) {
	if (resource === 'io') return ownerOf(safe`most IO by`, topNames(rows, ({ io_bytes }) => io_bytes)[0]);
	if (resource === 'cpu') return ownerOf(safe`most CPU by`, topNames(rows, ({ cpu_ns }) => cpu_ns)[0]);
	return null;
}

/** Tasks stand still for want of memory or IO, as the kernel itself sees it. */
export const pressure: Rule = {
	id: 'pressure',
	level: 'high',
	title: 'pressure',
	help: `The kernel's pressure (PSI) of the interval: some task stood still for want of memory ${percent(limits.memory)} of the time, for IO ${percent(limits.io)}; for a CPU ${percent(limits.cpu)}, where energy or run queue do not work.`,
	blind: ({ pressure }) => (pressure ? undefined : safe`no /proc/pressure: kernel without CONFIG_PSI, or psi=0`),
	look(moment) {
		const { dt_ns, pressure } = moment;
		return judged(moment).flatMap((resource): Suspicion[] => {
			const stall = pressure?.[resource];
			if (!stall) return [];
			const [some, full] = [stall.some_ns / dt_ns, stall.full_ns / dt_ns];
			const want = { memory: safe`memory`, io: safe`IO`, cpu: safe`a CPU` }[resource];
			return [
				{
					about: resource,
					excess: excessOf([some, limits[resource]]),
					subject: { memory: safe`memory pressure`, io: safe`IO pressure`, cpu: safe`CPU pressure` }[resource],
					text: safe`tasks stood still for ${want} ${percent(Math.min(1, some))} of the time, all of them ${percent(Math.min(1, full))}`,
					figures: { some_share: some, full_share: full },
					owner: owner(moment, resource),
					link: links[resource],
				},
			];
		});
	},
};
