/** The parts of an interval's power. */
import type { Snapshot } from '../../core/snapshot.ts';
import type { MicroJoules, Ns, Watts } from '../../lib/units.ts';
import type { EnergyExtra, EnergyRow } from './snapshot.ts';

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
		// not known, which is not 0 W
		const gap = Number.NaN;
		return { measured: gap, processes: gap, idle: gap, irq: gap, unattributed: gap };
	}
	return {
		measured: wattsOf(measured_uj, dt_ns),
		// the rest, whether or not the rows are still kept
		processes: wattsOf(measured_uj - idle_uj - irq_uj - unattributed_uj, dt_ns),
		idle: wattsOf(idle_uj, dt_ns),
		irq: wattsOf(irq_uj, dt_ns),
		unattributed: wattsOf(unattributed_uj, dt_ns),
	};
}
