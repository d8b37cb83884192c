/** Merged snapshots for the second tier: ten seconds as one interval. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Description } from '../core/tracer.ts';
import type { Ns } from '../lib/units.ts';
import { SnapshotSum } from './merge.ts';
import type { RecordedTab } from './validate.ts';

/** Length of a merged interval. */
const LENGTH: Ns = 10e9;

/** A tab whose intervals are merged. */
type MergedTab = RecordedTab & Pick<Description<object>, 'fold'>;

export class Merging {
	private readonly tabs: ReadonlyMap<string, MergedTab>;
	private readonly waiting = new Map<string, SnapshotSum>();
	/** Complete ones by tab. They are finished one by one with the intervals that follow: all at once would delay a reading. */
	private readonly complete = new Map<string, SnapshotSum>();
	private mergedAt: Ns = Number.NEGATIVE_INFINITY;

	constructor(tabs: readonly MergedTab[]) {
		this.tabs = new Map(tabs.map((tab) => [tab.id, tab]));
	}

	/** Returns a merged snapshot where one is due; intervals that are as long by themselves are merged ones. */
	add(snapshot: Snapshot): Snapshot[] {
		const { tab, dt_ns, mono_ns } = snapshot;
		const rules = this.tabs.get(tab);
		if (!rules) return [];
		let sum = this.waiting.get(tab);
		// rows of another group are other things
		if (!sum || sum.group !== snapshot.group) {
			sum = new SnapshotSum(rules);
			this.waiting.set(tab, sum);
		}
		sum.add(snapshot);
		const done = sum.dt_ns > LENGTH - dt_ns / 2;
		// one that is still there is not to be overtaken
		const overdue = done ? this.take(tab) : [];
		if (done) {
			this.waiting.delete(tab);
			this.complete.set(tab, sum);
		}
		const first = this.complete.keys().next().value;
		if (first !== tab || mono_ns - this.mergedAt < dt_ns / 2) return overdue;
		this.mergedAt = mono_ns;
		return [...overdue, ...this.take(first)];
	}

	/** What is not merged yet, intervals of less than ten seconds too: nothing follows. */
	end(): Snapshot[] {
		const complete = [...this.complete.keys()].flatMap((tab) => this.take(tab));
		for (const [tab, sum] of this.waiting) this.complete.set(tab, sum);
		this.waiting.clear();
		return [...complete, ...[...this.complete.keys()].flatMap((tab) => this.take(tab))];
	}

	private take(tab: string): Snapshot[] {
		const merged = this.complete.get(tab)?.merged();
		this.complete.delete(tab);
		return merged ? [merged] : [];
	}
}
