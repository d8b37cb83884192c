/** One read of one tracer, as a snapshot. */
import { type ProgramsCost, summedError } from '../core/cost.ts';
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
	/** Cost of the BPF programs in an interval of `dt`. */
	bpfCost(dt: Ns): ProgramsCost;
	/** Cost of the whole process in it. */
	own: Omit<Cost, keyof ProgramsCost>;
}

export interface ReadResult {
	snapshot: Snapshot;
	/** Rows of the tracer's first group, whatever the group of the snapshot; to be called before the next read. */
	ungrouped(): Pick<Snapshot, 'group' | 'rows'>;
}

export function readSnapshot(
	entry: Running,
	{ group, tick, facts, recursionMisses, negative, bpfCost, own }: ReadOptions,
): ReadResult {
	const { tracer, session } = entry;
	// a tracer made of others ends its interval with theirs, however long their reading took
	const at = Math.min(monotonicNs(), ...(tracer.from ? [...tick.values()].map(({ mono_ns }) => mono_ns) : []));
	const dt_ns = at - entry.readAt;
	const derived = tracer.fold?.groups.find((one) => one === group);
	const measured = derived ? 'process' : group;
	const programs = bpfCost(dt_ns);
	session.takeCost?.(programs.bpf_ns === null || dt_ns <= 0 ? undefined : programs.bpf_ns / dt_ns);
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
			cost: { ...(tracer.from ? costOf(tick, programs) : programs), ...own },
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

/** Part of all runs that may be of tabs whose price is not known yet: a few requests to a disk that rested before. */
const FEW = 0.1;

/** Exported for tests. Costs of tabs; where few runs have no price, with the mean price of the others, which may be off by all of it. */
export function completed(costs: readonly ProgramsCost[]): readonly ProgramsCost[] {
	const known = costs.filter(({ bpf_ns }) => bpf_ns !== null);
	const [ns, runs, all] = [
		known.reduce((sum, { bpf_ns }) => sum + (bpf_ns ?? 0), 0),
		known.reduce((sum, { bpf_runs }) => sum + bpf_runs, 0),
		costs.reduce((sum, { bpf_runs }) => sum + bpf_runs, 0),
	];
	if (all - runs > FEW * all || runs === 0) return costs;
	return costs.map((cost) => {
		if (cost.bpf_ns !== null) return cost;
		const { bpf_why, ...rest } = cost;
		return { ...rest, bpf_ns: Math.round((cost.bpf_runs * ns) / runs), bpf_uncertainty: 1 };
	});
}

/** A tracer made of others costs what they cost, and its own programs; not known where that of many runs is not. */
function costOf(tick: Tick, own: ProgramsCost): ProgramsCost {
	const costs = completed([...Array.from(tick.values(), ({ cost }) => cost), own]);
	const sum = (figure: (cost: ProgramsCost) => number | null) =>
		costs.reduce<number | null>((total, cost) => {
			const value = figure(cost);
			return total === null || value === null ? null : total + value;
		}, 0);
	const ns = sum(({ bpf_ns }) => bpf_ns);
	const error = summedError(
		costs.map(({ bpf_ns, bpf_uncertainty }) => ({ value: bpf_ns, uncertainty: bpf_uncertainty })),
	);
	const ages = costs.flatMap(({ bpf_price_age_ns }) => bpf_price_age_ns ?? []);
	const why = costs.find(({ bpf_why }) => bpf_why)?.bpf_why;
	return {
		bpf_ns: ns,
		bpf_runs: sum(({ bpf_runs }) => bpf_runs) ?? 0,
		bpf_measured_ns: own.bpf_measured_ns,
		bpf_price_age_ns: ages.length > 0 ? Math.max(...ages) : null,
		bpf_uncertainty: ns !== null && error !== null ? (ns > 0 ? Math.round((error / ns) * 1000) / 1000 : 0) : null,
		...(why && { bpf_why: why }),
	};
}
