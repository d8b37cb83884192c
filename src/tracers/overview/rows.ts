/** Rows of the overview: what each tab found about one process in the same interval, side by side. Pure. */

import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Bytes, Count, MicroJoules, Ns, Watts } from '../../lib/units.ts';
import { cgroupName } from '../../system/cgroup-name.ts';
import { IO_LISTED, type Sources } from './sources.ts';

/** Figures of the interval; null: not known, because that tab does not work here or does not list this process. */
export interface OverviewRow {
	/** 0: the row is a group of processes. */
	pid: number;
	/** ns since boot: with the pid it names a process for good. */
	start_time: Ns;
	/** Name of the process or group. */
	comm: SafeText;
	cgroup: SafeText;
	user: SafeText;
	/** In the group that had anything in the interval. */
	processes: Count;
	watts: Watts | null;
	energy_uj: MicroJoules | null;
	cpu_ns: Ns | null;
	/** Σ of the waits for a CPU that ended. */
	wait_ns: Ns | null;
	/** Of a group: the highest of its processes. null: it never waited. */
	wait_p99_ns: Ns | null;
	/** What interrupts took from it. */
	irq_time_ns: Ns | null;
	io_count: Count | null;
	io_bytes: Bytes | null;
	/** From queueing to completion; of a group the highest of its processes. null: no request. */
	io_p99_ns: Ns | null;
}

export const groups = ['process', 'cgroup', 'user', 'command'] as const;
export type Group = (typeof groups)[number];

const sums = ['watts', 'energy_uj', 'cpu_ns', 'wait_ns', 'irq_time_ns', 'io_count', 'io_bytes'] as const;
const highest = ['wait_p99_ns', 'io_p99_ns'] as const;

interface Named {
	pid: number;
	start_time?: Ns;
	comm: SafeText;
	cgroup?: SafeText;
	user?: SafeText;
}

/** The processes that did anything in the interval: used a CPU, waited for one, lost time to interrupts, had IO. */
export function joinProcesses(sources: Sources): OverviewRow[] {
	const { energy, runqlat, irq, io } = sources;
	const byPid = new Map<number, OverviewRow>();
	const reused = new Map<string, OverviewRow>();
	// what a tab does not list is 0 where it lists everybody who had any, else not known
	const blank = {
		watts: energy && known(energy) ? 0 : null,
		energy_uj: energy && known(energy) ? 0 : null,
		cpu_ns: energy ? 0 : null,
		wait_ns: runqlat ? 0 : null,
		wait_p99_ns: null,
		irq_time_ns: irq && irq.irq_time_count <= irq.irq_time.length ? 0 : null,
		io_count: listsAll(io) ? 0 : null,
		io_bytes: listsAll(io) ? 0 : null,
		io_p99_ns: null,
	};
	const rowOf = ({ pid, start_time = 0, comm, cgroup, user }: Named): OverviewRow => {
		let row = byPid.get(pid);
		if (row && start_time !== 0 && row.start_time !== start_time) row = reused.get(`${pid}:${start_time}`);
		if (!row) {
			row = {
				pid,
				start_time,
				comm,
				cgroup: cgroup ?? safe``,
				user: user ?? safe``,
				processes: 1,
				...blank,
			};
			if (byPid.has(pid)) reused.set(`${pid}:${start_time}`, row);
			else byPid.set(pid, row);
		}
		if (row.cgroup === '' && cgroup) row.cgroup = cgroup;
		return row;
	};

	for (const one of energy?.rows ?? []) {
		if (one.cpu_ns === 0 && one.energy_uj === 0) continue;
		const row = rowOf(one);
		row.cpu_ns = one.cpu_ns;
		row.watts = one.unmeasured ? null : one.watts;
		row.energy_uj = one.unmeasured ? null : one.energy_uj;
	}
	// where the tab has stamps of its own only, a start is when it first saw the process
	const starts = runqlat?.source.kind !== 'own stamps';
	for (const { key, count, wait_ns, p99_ns } of runqlat?.rows ?? []) {
		if (key.kind !== 'process' || count === 0) continue;
		const row = rowOf({ pid: key.id, start_time: starts ? (key.start_time ?? 0) : 0, comm: key.comm });
		row.wait_ns = wait_ns;
		row.wait_p99_ns = p99_ns;
	}
	for (const one of irq?.irq_time ?? []) {
		if (one.interrupted !== 'idle' && one.pid > 0) rowOf(one).irq_time_ns = one.time_ns;
	}
	for (const one of io?.processes ?? []) {
		if (one.count === 0) continue;
		const row = rowOf(one);
		row.io_count = one.count;
		row.io_bytes = one.bytes_read + one.bytes_written;
		row.io_p99_ns = one.p99_ns;
	}
	return [...byPid.values(), ...reused.values()];
}

function listsAll(io: Sources['io']): boolean {
	return io !== undefined && io.processes.length < IO_LISTED;
}

/** Is it known how much energy the interval took? */
function known({ measured, source }: NonNullable<Sources['energy']>): boolean {
	return measured && source.kind !== 'time';
}

function keyOf(row: OverviewRow, group: Exclude<Group, 'process'>): SafeText {
	return group === 'cgroup' ? row.cgroup : group === 'user' ? row.user : row.comm;
}

/** A row for each control group, user or name. */
export function groupRows(rows: readonly OverviewRow[], group: Group): readonly OverviewRow[] {
	if (group === 'process') return rows;
	const found = new Map<SafeText, OverviewRow>();
	for (const row of rows) {
		const key = keyOf(row, group);
		const sum = found.get(key);
		if (sum) add(sum, row);
		else {
			found.set(key, {
				...row,
				pid: 0,
				start_time: 0,
				comm: group === 'cgroup' ? cgroupName(key) : key,
				cgroup: group === 'cgroup' ? key : safe``,
				user: group === 'user' ? key : safe``,
			});
		}
	}
	return [...found.values()];
}

function add(sum: OverviewRow, row: OverviewRow): void {
	sum.processes += row.processes;
	for (const field of sums) sum[field] = either(sum[field], row[field], (a, b) => a + b);
	for (const field of highest) sum[field] = either(sum[field], row[field], Math.max);
}

function either(a: number | null, b: number | null, both: (a: number, b: number) => number): number | null {
	return a === null ? b : b === null ? a : both(a, b);
}
