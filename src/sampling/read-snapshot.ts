/** One read of one tracer, as a snapshot. */
import type { Cost, Snapshot } from '../core/snapshot.ts';
import type { Tick } from '../core/tracer.ts';
import { monotonicNs } from '../lib/clock.ts';
import type { Ns } from '../lib/units.ts';
import type { ProcessFacts } from '../rows/grouping/facts.ts';
import { regroup } from '../rows/grouping/regroup.ts';
import type { Running } from './running.ts';

export interface ReadOptions {
	/** Group of the rows. */
	group: string;
	/** Snapshots of the tracers that were read before in this tick. */
	tick: Tick;
	facts: ProcessFacts;
	/** Runs of the tracer's programs that the kernel skipped, since start. */
	recursionMisses: number;
	/** Durations below 0 in them, since start. */
	negative: number;
	/** Cost in an interval of `dt`. */
	cost(dt: Ns): Cost;
}

export interface ReadResult {
	snapshot: Snapshot;
	/** Rows of the tracer's first group, whatever the group of the snapshot; to be called before the next read. */
	ungrouped(): Pick<Snapshot, 'group' | 'rows'>;
}

export function readSnapshot(
	entry: Running,
	{ group, tick, facts, recursionMisses, negative, cost }: ReadOptions,
): ReadResult {
	const { tracer, session } = entry;
	// a tracer made of others ends its interval with theirs, however long their reading took
	const at = Math.min(monotonicNs(), ...(tracer.from ? [...tick.values()].map(({ mono_ns }) => mono_ns) : []));
	const dt_ns = at - entry.readAt;
	const derived = tracer.fold?.groups.find((one) => one === group);
	const measured = derived ? 'process' : group;
	const reading = session.read(dt_ns, measured, tick);
	entry.readAt = at;
	const rows =
		derived && tracer.fold && tracer.processOf
			? regroup(reading.rows, derived, tracer.fold, tracer.processOf, facts)
			: reading.rows;
	return {
		snapshot: {
			schema: 1,
			tab: tracer.id,
			time: new Date().toISOString(),
			mono_ns: at,
			dt_ns,
			group,
			source: reading.source,
			lost: { ...reading.lost, recursion: recursionMisses, negative },
			cost: { ...cost(dt_ns), ...(tracer.from && costOf(tick)) },
			...reading.extra,
			rows,
		},
		ungrouped() {
			const first = tracer.groups[0] as string;
			if (measured === first) return { group: first, rows: reading.rows };
			return reading.ungrouped ? { group: first, rows: reading.ungrouped() } : { group, rows };
		},
	};
}

/** A tracer made of others costs what they cost. */
function costOf(tick: Tick): Pick<Cost, 'bpf_ns' | 'bpf_runs'> {
	const costs = [...tick.values()].map(({ cost }) => cost);
	return {
		bpf_ns: costs.reduce((sum, cost) => sum + cost.bpf_ns, 0),
		bpf_runs: costs.reduce((sum, cost) => sum + cost.bpf_runs, 0),
	};
}
