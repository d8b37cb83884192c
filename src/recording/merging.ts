/** Merged snapshots for the second tier: ten seconds as one interval. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Ns } from '../lib/units.ts';
import { mergeSnapshots } from './merge.ts';
import type { RecordedTab } from './validate.ts';

/** Length of a merged interval. */
const LENGTH: Ns = 10e9;

export class Merging {
	private readonly tabs: readonly RecordedTab[];
	private readonly waiting = new Map<string, Snapshot[]>();

	constructor(tabs: readonly RecordedTab[]) {
		this.tabs = tabs;
	}

	/** Returns the merged snapshot when this one completes it; intervals that are as long by themselves are merged ones. */
	add(snapshot: Snapshot): Snapshot[] {
		const tracer = this.tabs.find(({ id }) => id === snapshot.tab);
		if (!tracer) return [];
		const waiting = this.waiting.get(snapshot.tab) ?? [];
		// rows of another group are other things
		const same = waiting.every(({ group }) => group === snapshot.group);
		const parts = same ? [...waiting, snapshot] : [snapshot];
		const length = parts.reduce((sum, { dt_ns }) => sum + dt_ns, 0);
		const done = length > LENGTH - snapshot.dt_ns / 2;
		this.waiting.set(snapshot.tab, done ? [] : parts);
		return done ? [mergeSnapshots(parts as [Snapshot, ...Snapshot[]], tracer.rowKey)] : [];
	}
}
