/** Rows of the overview: joins the figures that the tabs have for one process. Pure. */

import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { OverviewRow } from './snapshot.ts';
import { IO_LISTED, type Sources } from './sources.ts';

interface Named {
	pid: number;
	start_time?: Ns;
	comm: SafeText;
	cgroup?: SafeText;
	user?: SafeText;
}

/** Processes that were active in the interval: used a CPU, waited for one, were interrupted or had IO. */
export function joinProcesses(sources: Sources): OverviewRow[] {
	const { energy, runqlat, irq, io, events } = sources;
	const byPid = new Map<number, OverviewRow>();
	const reused = new Map<string, OverviewRow>();
	const blank = blankOf(sources);
	const rowOf = ({ pid, start_time = 0, comm, cgroup, user }: Named): OverviewRow => {
		let row = byPid.get(pid);
		if (row && start_time !== 0 && row.start_time !== start_time) row = reused.get(`${pid}:${start_time}`);
		if (!row) {
			row = { ...blank };
			row.pid = pid;
			row.start_time = start_time;
			row.comm = comm;
			if (cgroup) row.cgroup = cgroup;
			if (user) row.user = user;
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
	// with own stamps, a start time is the moment when the tab first saw the process
	const starts = runqlat?.source.kind !== 'own stamps';
	for (const { key, count, wait_ns, p99_ns, wakes } of runqlat?.rows ?? []) {
		if (key.kind !== 'process' || count === 0) continue;
		const row = rowOf({ pid: key.id, start_time: starts ? (key.start_time ?? 0) : 0, comm: key.comm });
		row.wait_ns = wait_ns;
		row.wait_p99_ns = p99_ns;
		if (wakes) row.wakes = wakes;
	}
	for (const one of irq?.irq_time ?? []) {
		if (one.interrupted !== 'idle' && one.pid > 0) rowOf(one).irq_time_ns = one.time_ns;
	}
	for (const one of io?.processes ?? []) {
		if (one.count === 0) continue;
		const row = rowOf(one);
		row.io_count = one.count;
		row.io_bytes = one.bytes_read + one.bytes_written;
		const discarded = (one.bytes_discarded ?? 0) + (one.bytes_zeroed ?? 0);
		if (discarded > 0) row.io_discarded_bytes = discarded;
		if (one.errors) row.io_errors = one.errors;
		row.io_p99_ns = one.p99_ns;
	}
	for (const one of events?.rows ?? []) {
		if (one.kind !== 'drop' || one.pid === 0 || one.count === 0) continue;
		const row = rowOf(one);
		row.drops = (row.drops ?? 0) + one.count;
	}
	return [...byPid.values(), ...reused.values()];
}

function listsAll(io: Sources['io']): boolean {
	return io !== undefined && io.processes.length < IO_LISTED;
}

/** Whether the energy of the interval is known. */
function known({ measured, source }: NonNullable<Sources['energy']>): boolean {
	return measured && source.kind !== 'time';
}

/** A process that no tab lists. Rows are copies of it as a whole, which are much faster than those of parts. */
function blankOf({ energy, runqlat, irq, io }: Sources): OverviewRow {
	// an unlisted process has 0 if the tab lists all active ones; else its figure is not known
	return {
		pid: 0,
		start_time: 0,
		comm: safe``,
		cgroup: safe``,
		user: safe``,
		processes: 1,
		watts: energy && known(energy) ? 0 : null,
		energy_uj: energy && known(energy) ? 0 : null,
		cpu_ns: energy ? 0 : null,
		wait_ns: runqlat ? 0 : null,
		wait_p99_ns: null,
		irq_time_ns: irq && irq.irq_time_count <= irq.irq_time.length ? 0 : null,
		io_count: listsAll(io) ? 0 : null,
		io_bytes: listsAll(io) ? 0 : null,
		io_p99_ns: null,
		state: null,
		reason: null,
		wchan: safe``,
		rss_bytes: null,
		swap_bytes: null,
		minor_faults: null,
		major_faults: null,
		threads: null,
		nice: null,
		time_ns: null,
		wakeups: null,
		started: 0,
		container: safe``,
		command: safe``,
	};
}

/** A row for a process that did nothing in the interval. */
export function idleRow(
	sources: Sources,
	{ pid, start, comm }: { pid: number; start: Ns; comm: SafeText },
): OverviewRow {
	return { ...blankOf(sources), pid, start_time: start, comm };
}
