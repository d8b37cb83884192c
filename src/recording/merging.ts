/** Merged snapshots for the second tier: ten seconds as one interval. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Description } from '../core/tracer.ts';
import type { Ns } from '../lib/units.ts';
import { mergeSnapshots } from './merge.ts';
import type { RecordedTab } from './validate.ts';

/** Length of a merged interval. */
const LENGTH: Ns = 10e9;

/** A tab whose intervals are merged. */
type MergedTab = RecordedTab & Pick<Description<object>, 'fold'>;

type Parts = [Snapshot, ...Snapshot[]];

export class Merging {
	private readonly tabs: readonly MergedTab[];
	private readonly waiting = new Map<string, Snapshot[]>();
	/** Complete ones by tab. They are merged one by one with the intervals that follow: all at once would delay a reading. */
	private readonly complete = new Map<string, Parts>();
	private mergedAt: Ns = Number.NEGATIVE_INFINITY;

	constructor(tabs: readonly MergedTab[]) {
		this.tabs = tabs;
	}

	/** Returns a merged snapshot where one is due; intervals that are as long by themselves are merged ones. */
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
		// one that is still there is not to be overtaken
		const overdue = done ? this.take(snapshot.tab) : [];
		if (done) this.complete.set(snapshot.tab, parts as Parts);
		const first = this.complete.keys().next().value;
		if (first !== snapshot.tab || snapshot.mono_ns - this.mergedAt < snapshot.dt_ns / 2) return overdue;
		this.mergedAt = snapshot.mono_ns;
		return [...overdue, ...this.take(first)];
	}

	/** What is not merged yet, intervals of less than ten seconds too: nothing follows. */
	end(): Snapshot[] {
		const complete = [...this.complete.keys()].flatMap((tab) => this.take(tab));
		for (const [tab, parts] of this.waiting) if (parts.length > 0) this.complete.set(tab, parts as Parts);
		this.waiting.clear();
		return [...complete, ...[...this.complete.keys()].flatMap((tab) => this.take(tab))];
	}

	private take(tab: string): Snapshot[] {
		const parts = this.complete.get(tab);
		const tracer = this.tabs.find(({ id }) => id === tab);
		this.complete.delete(tab);
		return parts && tracer ? [mergeSnapshots(parts, tracer.rowKey, tracer.fold)] : [];
	}
}
