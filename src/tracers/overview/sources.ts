/** The tabs that the overview is made of. */

import type { Snapshot } from '../../core/snapshot.ts';
import type { Tick } from '../../core/tracer.ts';
import type { EnergyExtra, EnergyRow } from '../energy/snapshot.ts';
import type { EventRow, EventsExtra } from '../events/snapshot.ts';
import type { IoExtra, IoRow } from '../io/snapshot.ts';
import type { IrqExtra, IrqRow } from '../irq/snapshot.ts';
import type { RunqlatExtra, RunqlatRow } from '../runqlat/snapshot.ts';

/** The type of a tab's snapshot is that of its tracer, which only the registry knows. */
const source =
	<Row, Extra extends object>() =>
	(snapshot: Snapshot) =>
		snapshot as Snapshot<Row, Extra>;

/** The table of sources, by id of the tab. Rows of `energy` and `runqlat` are processes. */
const table = {
	energy: source<EnergyRow, EnergyExtra>(),
	runqlat: source<RunqlatRow, RunqlatExtra>(),
	irq: source<IrqRow, IrqExtra>(),
	io: source<IoRow, IoExtra>(),
	events: source<EventRow, EventsExtra>(),
} as const;

export type SourceTab = keyof typeof table;
export const sourceTabs = Object.keys(table) as readonly SourceTab[];

/** Snapshots of one tick; tabs that do not work here are missing. */
export type Sources = { [Tab in SourceTab]?: ReturnType<(typeof table)[Tab]> };

/** Most processes that the IO tab lists. */
export const IO_LISTED = 1000;

export function sourcesOf(tick: Tick): Sources {
	return Object.fromEntries(
		sourceTabs.flatMap((id) => {
			const snapshot = tick.get(id);
			return snapshot ? [[id, table[id](snapshot)]] : [];
		}),
	);
}
