/** Rows of accounts. Each is one literal: thousands are made in an interval, and a copy of properties costs as much as the rest. Pure. */
import type { Ns } from '../../lib/units.ts';
import type { Account } from './account.ts';
import type { RunqlatKey, RunqlatRow } from './snapshot.ts';
import type { Waits } from './waits.ts';

export type TaskKind = 'process' | 'thread' | 'cgroup' | 'pidns';

/** @param zones limits between zones, ns */
export function waitRow(key: RunqlatKey, waits: Waits, zones: readonly Ns[]): RunqlatRow {
	return { key, ...waits.waitFigures(zones) };
}

/** @param switched switches and wake-ups are counted */
export function taskRow(kind: TaskKind, account: Account, zones: readonly Ns[], switched: boolean): RunqlatRow {
	const { waits, switches, switchesTotal, wakes } = account;
	const key = keyOf(kind, account);
	if (!switched) return waitRow(key, waits, zones);
	const figures = waits.waitFigures(zones);
	const row: RunqlatRow = {
		key,
		count: figures.count,
		wait_ns: figures.wait_ns,
		mean_ns: figures.mean_ns,
		p50_ns: figures.p50_ns,
		p90_ns: figures.p90_ns,
		p99_ns: figures.p99_ns,
		max_ns: figures.max_ns,
		buckets: figures.buckets,
		zones: figures.zones,
		count_total: figures.count_total,
		wait_ns_total: figures.wait_ns_total,
		voluntary: switches.voluntary,
		involuntary: switches.involuntary,
		voluntary_total: switchesTotal.voluntary,
		involuntary_total: switchesTotal.involuntary,
	};
	if (kind !== 'thread') row.wakes = wakes;
	return row;
}

function keyOf(kind: TaskKind, { id, start, comm, pid, processStart }: Account): RunqlatKey {
	if (kind !== 'thread') return start > 0 ? { kind, id, comm, start_time: start } : { kind, id, comm };
	const process = { pid, process_start: processStart };
	return start > 0 ? { kind, id, comm, start_time: start, ...process } : { kind, id, comm, ...process };
}
