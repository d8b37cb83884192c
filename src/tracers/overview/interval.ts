/** One interval as input of the rules, and what several rules need of it. */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Space } from '../../system/disk-space.ts';
import type { Stalled } from '../../system/group-pressure.ts';
import type { AtLimit } from '../../system/memory-limits.ts';
import type { Pressure } from '../../system/pressure.ts';
import type { Throttled } from '../../system/quota.ts';
import type { Owner } from './finding.ts';
import type { Hot } from './hot.ts';
import type { OverviewRow } from './snapshot.ts';
import type { Sources, SourceTab } from './sources.ts';
import type { Collecting } from './tasks/collectors.ts';
import type { Deadlock } from './tasks/deadlock.ts';
import type { Slowed } from './tasks/progress.ts';
import type { Processes } from './tasks/reader.ts';
import type { Standstill } from './tasks/standstill/standstill.ts';

export interface Interval {
	dt_ns: Ns;
	/** Online CPUs; 0: not known. */
	cpus: Count;
	/** pid of this program. */
	own: number;
	sources: Sources;
	/** Processes. */
	rows: readonly OverviewRow[];
	pressure: Pressure | null;
	/** Why `pressure` is null. */
	noPressure?: SafeText | undefined;
	/** Control groups with most of the memory and IO pressure, while there is pressure. */
	stalled: Stalled;
	throttled: readonly Throttled[];
	/** Processes at the end of the interval; null: not known. */
	processes: Processes | null;
	/** Why not; undefined: known. */
	noTasks?: SafeText | undefined;
	/** CLOCK_BOOTTIME at the end of the interval. */
	boot_ns: Ns;
	/** Processes that do much less than in their last minute. */
	slowed: readonly Slowed[];
	/** Threads that wait for each other. */
	deadlocks: readonly Deadlock[];
	/** Processes whose runtime collects garbage. */
	collecting: readonly Collecting[];
	/** Control groups at their memory limit. */
	atLimit: readonly AtLimit[];
	/** File systems on disks. */
	spaces: readonly Space[];
	/** Processes that stand still within a request. */
	standstills: readonly Standstill[];
	/** A profile that was taken on demand; null: there is none. */
	hot: Hot | null;
	/** Events lost in this interval, by tab. */
	lost: Readonly<Partial<Record<SourceTab, Count>>>;
}

/** Σ of a figure over the processes of one name. */
export interface NameSum {
	comm: SafeText;
	sum: number;
	/** The process with the highest figure. */
	top: OverviewRow;
	processes: Count;
}

/** Sums of a figure by process name, highest first: a program often has many processes. */
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

const byCpu = new WeakMap<readonly OverviewRow[], NameSum[]>();

/** {@link topNames} by CPU time, which most rules ask for: made once for the rows of an interval. */
export function topByCpu(rows: readonly OverviewRow[]): readonly NameSum[] {
	let names = byCpu.get(rows);
	if (!names) {
		names = topNames(rows, ({ cpu_ns }) => cpu_ns);
		byCpu.set(rows, names);
	}
	return names;
}

const byPid = new WeakMap<readonly OverviewRow[], Map<number, OverviewRow>>();

/** The first row of a process; undefined: it has none. Found by a table, made once for the rows of an interval. */
export function rowOf(rows: readonly OverviewRow[], pid: number | undefined): OverviewRow | undefined {
	if (pid === undefined) return undefined;
	let table = byPid.get(rows);
	if (!table) {
		table = new Map();
		for (const row of rows) if (!table.has(row.pid)) table.set(row.pid, row);
		byPid.set(rows, table);
	}
	return table.get(pid);
}

/** The processes of one name as owner. */
export function ownerOf(role: SafeText, name: NameSum | undefined): Owner | null {
	if (!name) return null;
	const { pid, start_time } = name.top;
	return { role, pid, start_time, comm: name.comm, processes: name.processes };
}

/** The process that a request belongs to as owner; null: not known. */
export function submitter(
	role: SafeText,
	{ pid, comm }: { pid: number; comm: SafeText },
	rows: readonly OverviewRow[],
	processes: Count = 1,
): Owner | null {
	if (pid === 0 || comm === '') return null;
	return { role, pid, start_time: rowOf(rows, pid)?.start_time ?? 0, comm, processes };
}

export function processKey({ pid, start_time }: { pid: number; start_time: Ns }): string {
	return `${pid}:${start_time}`;
}

/** Whether a CPU quota made it wait; then no other process is the cause. */
export function isThrottled({ throttled }: Interval, row: Pick<OverviewRow, 'cgroup' | 'pid' | 'start_time'>): boolean {
	return throttled.some((one) => isInside(one, row));
}

/** Whether it may have waited for its next period instead of for a CPU: after a quota, or a budget of its own. */
export function waitsForBudget(interval: Interval, row: Pick<OverviewRow, 'cgroup' | 'pid' | 'start_time'>): boolean {
	return isThrottled(interval, row) || interval.processes?.get(row.pid)?.deadline === true;
}

/** Is a process in the group? Rows name groups of the unified hierarchy only. */
export function isInside(
	{ cgroup, members }: Throttled,
	row: Pick<OverviewRow, 'cgroup' | 'pid' | 'start_time'>,
): boolean {
	if (members) return members.includes(processKey(row));
	return row.cgroup === cgroup || row.cgroup.startsWith(`${cgroup}/`);
}

/** The process `running`, which has the CPU that a task waits for, as owner. */
export function runningOwner({ rows }: Interval, running: number | undefined): Owner | null {
	const row = rowOf(rows, running);
	return row ? ownerOf(safe`behind`, { comm: row.comm, sum: 0, top: row, processes: 1 }) : null;
}

/** The process that ran while `victim` waited, if the run queue measures it (`--culprits`); else the name with most CPU time. */
export function competitorOf(interval: Interval, victim: Pick<OverviewRow, 'pid' | 'comm'>): Owner | null {
	const { sources, rows } = interval;
	const culprit = sources.runqlat?.culprits.find(({ pid }) => pid === victim.pid)?.culprits.find(({ pid }) => pid > 0);
	const owner = runningOwner(interval, culprit?.pid);
	const other = topByCpu(rows).find(({ comm }) => comm !== victim.comm);
	return owner ?? ownerOf(safe`most CPU by`, other);
}

/** A filter `column = value`, quoted for the filter language. */
export function equals(column: string, value: string): string {
	// a backslash before the closing quote would make it part of the text
	return /^[^\s"'()][^\s()]*$/.test(value) ? `${column} = ${value}` : `${column} = "${value.replaceAll('"', '\\"')}"`;
}

/** For rules that need `tabs`: `tab energy does not work here`; undefined: all work. */
export function missingTab(interval: Interval, ...tabs: readonly SourceTab[]): SafeText | undefined {
	const missing = tabs.find((tab) => interval.sources[tab] === undefined);
	return missing === undefined ? undefined : safe`tab ${missing as SafeText} does not work here`;
}

/** For rules about the kernel's pressure: why it is not known; undefined: it is. */
export function withoutPressure({ pressure, noPressure }: Interval): SafeText | undefined {
	return pressure ? undefined : (noPressure ?? safe`no /proc/pressure: kernel without CONFIG_PSI, or psi=0`);
}

/** For rules about the load of all CPUs: their number is not known; undefined: it is. */
export function uncountedCpus({ cpus }: Interval): SafeText | undefined {
	return cpus > 0 ? undefined : safe`the number of online CPUs is not known (neither sysfs nor proc has it)`;
}

/** For rules about single block requests: why there are none; undefined: there are. */
export function untracked({ sources: { io } }: Interval): SafeText | undefined {
	const deviceOnly = io?.slow_threshold_ns === 0 && io.full_path.state === 'unavailable';
	return deviceOnly ? safe`single requests are not traced (--device-only)` : undefined;
}

/** CPU time used, interrupts included. */
export function busyTime(energy: NonNullable<Sources['energy']>, rows: readonly OverviewRow[]): Ns {
	const used = rows.reduce((sum, { cpu_ns }) => sum + (cpu_ns ?? 0), 0);
	return used + energy.irq_ns - energy.irq_in_rows_ns;
}

/** Used share of the CPUs' time, interrupts included, 0–1; NaN: not known. */
export function busyShare({ sources: { energy }, rows, dt_ns, cpus }: Interval): number {
	if (!energy || cpus === 0) return Number.NaN;
	// processes are read one after the other, so that their sum may be a little more than the interval has
	return Math.min(1, busyTime(energy, rows) / (dt_ns * cpus));
}
