/** Figures that follow from snapshots and that the screen shows beside tables. Pure. */

import type { EnergyExtra, EnergyRow } from './energy/rows.ts';
import type { Buckets } from './histogram.ts';
import type { IoExtra, IoRow, SlowRequest } from './io/snapshot.ts';
import type { IrqExtra, IrqRow } from './irq/rows.ts';
import type { Snapshot } from './snapshot.ts';
import type { MicroJoules, Ns, Watts } from './units.ts';

/** Length of the snapshot's interval, s. */
export function secondsOf(snapshot: Pick<Snapshot, 'dt_ns'>): number {
	return snapshot.dt_ns / 1e9;
}

/** Mean power over an interval. NaN for an interval of no length. */
export function wattsOf(energy: MicroJoules, dt: Ns): Watts {
	return dt > 0 ? (energy * 1e3) / dt : Number.NaN;
}

export interface EnergyParts {
	measured: Watts;
	processes: Watts;
	idle: Watts;
	irq: Watts;
	unattributed: Watts;
}

export function energyParts(snapshot: Snapshot<EnergyRow, EnergyExtra>): EnergyParts {
	const { measured, measured_uj, idle_uj, irq_uj, unattributed_uj, dt_ns } = snapshot;
	if (!measured) {
		// a gap, which is not 0 W
		const gap = Number.NaN;
		return { measured: gap, processes: gap, idle: gap, irq: gap, unattributed: gap };
	}
	return {
		measured: wattsOf(measured_uj, dt_ns),
		// What is left for the rows, whether or not they are still kept.
		processes: wattsOf(measured_uj - idle_uj - irq_uj - unattributed_uj, dt_ns),
		idle: wattsOf(idle_uj, dt_ns),
		irq: wattsOf(irq_uj, dt_ns),
		unattributed: wattsOf(unattributed_uj, dt_ns),
	};
}

/** One value of one row over time; NaN where the row is not there. */
export function historyOf<Row, Extra extends object>(
	history: readonly Snapshot<Row, Extra>[],
	key: string,
	rowKey: (row: Row) => string,
	value: (row: Row, snapshot: Snapshot<Row, Extra>) => number,
	last = 300,
): number[] {
	return history.slice(-last).map((snapshot) => {
		const row = snapshot.rows.find((candidate) => rowKey(candidate) === key);
		return row === undefined ? Number.NaN : value(row, snapshot);
	});
}

export interface IrqShares {
	hard: number;
	soft: number;
	vector: number;
	total: number;
}

/** Time in interrupts summed over CPUs; 1 is one whole CPU. */
export function irqShares(snapshot: Snapshot<IrqRow, IrqExtra>): IrqShares {
	const shares = { hard: 0, soft: 0, vector: 0, total: 0 };
	for (const cpu of snapshot.cpu_share) {
		shares.hard += cpu.hard;
		shares.soft += cpu.soft;
		shares.vector += cpu.vector;
	}
	shares.total = shares.hard + shares.soft + shares.vector;
	return shares;
}

export function mergeBuckets(all: readonly Buckets[]): Buckets {
	const [only] = all;
	if (only && all.length === 1) return only;
	const counts = new Map<number, number>();
	for (const buckets of all) for (const [upper, count] of buckets) counts.set(upper, (counts.get(upper) ?? 0) + count);
	return [...counts].sort(([a], [b]) => a - b);
}

/** The newest slow requests of all that is remembered, newest first. */
export function recentSlow(history: readonly Snapshot<IoRow, IoExtra>[], limit: number): SlowRequest[] {
	const slow: SlowRequest[] = [];
	for (let i = history.length - 1; i >= 0 && slow.length < limit; i--) {
		const newest = [...(history[i]?.slow ?? [])].sort((a, b) => b.mono_ns - a.mono_ns);
		slow.push(...newest.slice(0, limit - slow.length));
	}
	return slow;
}
