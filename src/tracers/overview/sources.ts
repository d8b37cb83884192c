/** The tabs that the overview is made of, by id. */

import type { Snapshot } from '../../core/snapshot.ts';
import type { Tick } from '../../core/tracer.ts';
import type { EnergyExtra, EnergyRow } from '../energy/snapshot.ts';
import type { IoExtra, IoRow } from '../io/snapshot.ts';
import type { IrqExtra, IrqRow } from '../irq/snapshot.ts';
import type { RunqlatExtra, RunqlatRow } from '../runqlat/snapshot.ts';

/** What one tick brought; a tab that does not work here is missing. Rows of `energy` and `runqlat` are processes. */
export interface Sources {
	energy?: Snapshot<EnergyRow, EnergyExtra>;
	runqlat?: Snapshot<RunqlatRow, RunqlatExtra>;
	irq?: Snapshot<IrqRow, IrqExtra>;
	io?: Snapshot<IoRow, IoExtra>;
}

/** The IO tab lists so many processes at most. */
export const IO_LISTED = 1000;

export const sourceTabs = ['energy', 'runqlat', 'irq', 'io'] as const satisfies readonly (keyof Sources)[];
export type SourceTab = (typeof sourceTabs)[number];

/** The snapshots by tab: each id's type is that of its tracer, which the registry holds. */
export function sourcesOf(tick: Tick): Sources {
	return Object.fromEntries(
		sourceTabs.flatMap((id) => {
			const snapshot = tick.get(id);
			return snapshot ? [[id, snapshot]] : [];
		}),
	);
}
