/** Snapshots as a segment in memory, for bundles. */
import type { Snapshot } from '../core/snapshot.ts';
import { MomentReader } from '../history/moments.ts';
import { sanitize } from '../lib/sanitize.ts';
import { toText } from './columns-text.ts';
import { KINDS, preamble } from './frame.ts';
import type { SegmentAbout } from './segment.ts';
import { aboutFrame, Dictionaries } from './segment-writer.ts';

/** What a segment's first frame says, but for what follows from the snapshots. */
export type SegmentFacts = Omit<SegmentAbout, 'tabs' | 'schemas' | 'over'>;

/** Gives way to other work after each snapshot. */
export async function segmentOf(
	facts: SegmentFacts,
	tabs: readonly string[],
	snapshots: AsyncIterable<Snapshot> | Iterable<Snapshot>,
): Promise<Buffer> {
	const dictionaries = new Dictionaries();
	const moments = new MomentReader();
	const parts: Buffer[] = [];
	for await (const snapshot of snapshots) {
		const tab = tabs.indexOf(snapshot.tab);
		if (tab < 0) continue;
		if (parts.length === 0) {
			const about = { ...facts, tabs: tabs.map((id) => sanitize(id)), schemas: tabs.map(() => 1), over: 0 };
			parts.push(preamble(), aboutFrame(about, Date.parse(snapshot.time), snapshot.mono_ns));
		}
		const moment = { ...moments.of(snapshot), kind: KINDS.snapshot, tab, mono_ns: snapshot.mono_ns };
		parts.push(dictionaries.pack({ facts: moment, payload: toText(snapshot) }));
		await new Promise((resolve) => setImmediate(resolve));
	}
	if (parts.length === 0) throw new Error('there is nothing to write yet');
	return Buffer.concat(parts);
}
