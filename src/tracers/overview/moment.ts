/** One interval as rules see it. */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Stalled } from '../../system/group-pressure.ts';
import type { Pressure } from '../../system/pressure.ts';
import type { Throttled } from '../../system/quota.ts';
import type { Owner } from './finding.ts';
import type { OverviewRow } from './rows.ts';
import type { Sources, SourceTab } from './sources.ts';

export interface Moment {
	dt_ns: Ns;
	/** Online CPUs. */
	cpus: Count;
	/** pid of this program. */
	own: number;
	sources: Sources;
	/** By process. */
	rows: readonly OverviewRow[];
	pressure: Pressure | null;
	/** The control groups that stand still for want of memory and IO, while somebody does. */
	stalled: Stalled;
	throttled: readonly Throttled[];
	/** Events lost in this interval, by tab. */
	lost: Readonly<Partial<Record<SourceTab, Count>>>;
}

/** Σ of a figure over the processes of one name. */
export interface NameSum {
	comm: SafeText;
	sum: number;
	/** The one with most of it. */
	top: OverviewRow;
	processes: Count;
}

/** Names by a figure, most first: a program is often many processes. */
export function topNames(rows: readonly OverviewRow[], figure: (row: OverviewRow) => number | null): NameSum[] {
	const names = new Map<SafeText, NameSum & { most: number }>();
	for (const row of rows) {
		const value = figure(row);
		if (value === null || !(value > 0)) continue;
		const name = names.get(row.comm);
		if (!name) {
			names.set(row.comm, { comm: row.comm, sum: value, most: value, top: row, processes: 1 });
			continue;
		}
		name.sum += value;
		name.processes++;
		if (value > name.most) [name.most, name.top] = [value, row];
	}
	return [...names.values()].sort((a, b) => b.sum - a.sum);
}

/** The processes of a name as owner. */
export function ownerOf(role: SafeText, name: NameSum | undefined): Owner | null {
	if (!name) return null;
	const { pid, start_time } = name.top;
	return { role, pid, start_time, comm: name.comm, processes: name.processes };
}

export function processKey({ pid, start_time }: { pid: number; start_time: Ns }): string {
	return `${pid}:${start_time}`;
}

/** Did a CPU quota make it wait? Then nobody else is to blame. */
export function outOfQuota({ throttled }: Moment, row: Pick<OverviewRow, 'cgroup'>): boolean {
	return throttled.some(({ cgroup }) => row.cgroup === cgroup || row.cgroup.startsWith(`${cgroup}/`));
}

/** One process that another one stands behind. */
export function behind({ rows }: Moment, running: number | undefined): Owner | null {
	const row = rows.find(({ pid }) => pid === running);
	return row ? ownerOf(safe`behind`, { comm: row.comm, sum: 0, top: row, processes: 1 }) : null;
}

/** Who ran while it waited: as the run queue saw it where it looks (`--culprits`), else who used most CPU. */
export function ranMeanwhile(moment: Moment, victim: Pick<OverviewRow, 'pid' | 'comm'>): Owner | null {
	const { sources, rows } = moment;
	const others = rows.filter(({ comm }) => comm !== victim.comm);
	const seen = sources.runqlat?.culprits.find(({ pid }) => pid === victim.pid)?.culprits.find(({ pid }) => pid > 0);
	const owner = behind(moment, seen?.pid);
	return owner ?? ownerOf(safe`most CPU by`, topNames(others, ({ cpu_ns }) => cpu_ns)[0]);
}

/** `comm = name`, quoted as the filter language needs it. */
export function equals(column: string, value: string): string {
	return /^[^\s"'()\\]+$/.test(value) ? `${column} = ${value}` : `${column} = "${value.replaceAll('"', '\\"')}"`;
}

/** `tab energy does not work here`, for rules that need it. */
export function without(moment: Moment, ...tabs: readonly SourceTab[]): SafeText | undefined {
	const missing = tabs.find((tab) => moment.sources[tab] === undefined);
	return missing === undefined ? undefined : safe`tab ${missing as SafeText} does not work here`;
}

/** For rules about single block requests. */
export function notFollowed({ sources: { io } }: Moment): SafeText | undefined {
	const deviceOnly = io?.slow_threshold_ns === 0 && io.full_path.state === 'unavailable';
	return deviceOnly ? safe`requests are not followed one by one (--device-only)` : undefined;
}

/** CPU time that was used, interrupts included. */
export function busyTime(energy: NonNullable<Sources['energy']>, rows: readonly OverviewRow[]): Ns {
	const used = rows.reduce((sum, { cpu_ns }) => sum + (cpu_ns ?? 0), 0);
	return used + energy.irq_ns - energy.irq_in_rows_ns;
}

/** Part of the CPUs' time that was used, interrupts included, 0–1. */
export function busyShare({ sources: { energy }, rows, dt_ns, cpus }: Moment): number {
	if (!energy) return Number.NaN;
	return busyTime(energy, rows) / (dt_ns * cpus);
}
