import { safe } from '../../../lib/sanitize.ts';
import type { EnergyRow } from '../../energy/snapshot.ts';
import { duration, percent } from '../format.ts';
import { type Interval, missingTab, ownerOf } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { idle: 0.8, shallow: 0.5, wakes: 50, halts: 500 };

/** Part of the time of all CPUs in which none of the processes ran. */
export function idleShare({ rows, dt_ns, cpus }: Pick<Interval, 'rows' | 'dt_ns' | 'cpus'>): number {
	const busy = rows.reduce((sum, { cpu_ns }) => sum + (cpu_ns ?? 0), 0);
	return cpus > 0 && dt_ns > 0 ? Math.max(0, 1 - busy / (dt_ns * cpus)) : 0;
}

/** The name with most wake-ups; null: they are not counted. */
function waker(rows: readonly EnergyRow[]): EnergyRow | undefined {
	return rows.reduce<EnergyRow | undefined>(
		(most, row) => ((row.wakes ?? 0) > (most?.wakes ?? 0) ? row : most),
		undefined,
	);
}

/** CPUs are idle and do not reach their deepest idle state. */
export const noRest = {
	id: 'no-rest',
	level: 'notice',
	title: 'idle states',
	help: `CPUs are idle for ${percent(limits.idle)} of the time, with at least ${limits.wakes} wake-ups per CPU and second, and spend less than ${percent(limits.shallow)} of the idle time in the deepest state (cpuidle); where there is a halt only, as in virtual machines, with at least ${limits.halts} wake-ups. Owner: the process with most wake-ups, while they are counted (key v on the energy tab).`,
	uncheckable: (interval) =>
		missingTab(interval, 'energy') ??
		(interval.sources.energy?.rest?.states.some(({ entries_per_s }) => entries_per_s !== null)
			? undefined
			: safe`no idle states (cpuidle)`),
	check(interval) {
		const { rest, rows } = interval.sources.energy ?? {};
		if (!rest || interval.cpus === 0) return [];
		const states = rest.states.filter(({ disabled }) => !disabled);
		const all = states.reduce((sum, { share }) => sum + share, 0);
		const perCpu = states.reduce((sum, { entries_per_s }) => sum + (entries_per_s ?? 0), 0) / interval.cpus;
		const deepest = states.at(-1);
		const halt = rest.virtual || states.length < 3;
		if (all <= 0 || !deepest || perCpu <= 0) return [];
		const shallow = 1 - deepest.share / all;
		const idle = idleShare(interval);
		const most = waker(rows ?? []);
		const mean = (all * 1e9) / perCpu;
		return [
			{
				about: '',
				excess: halt
					? excessOf([idle, limits.idle], [perCpu, limits.halts])
					: excessOf([idle, limits.idle], [shallow, limits.shallow], [perCpu, limits.wakes]),
				subject: safe`idle CPUs`,
				text: halt
					? safe`${Math.round(perCpu)} wake-ups per CPU and second, idle for ${duration(mean)} at a time`
					: safe`${percent(deepest.share / all)} of the idle time in the deepest state ${deepest.name}, ${Math.round(perCpu)} wake-ups per CPU and second`,
				figures: { wakes_per_s: perCpu * interval.cpus, idle_share: idle, deepest_share: deepest.share / all },
				owner: most ? ownerOf(safe`woken most`, { comm: most.comm, sum: 0, top: most as never, processes: 1 }) : null,
				link: { tab: 'energy', view: 'rest', filter: '' },
			},
		];
	},
} as const satisfies Rule;
