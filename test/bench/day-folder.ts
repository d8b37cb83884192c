/**
 * A day of recording, made in minutes: real frames again and again with later clocks, by the recorder's own writer.
 * FIXTURE: what is in the frames was measured; that a machine repeats it all day was not.
 */
import type { Snapshot } from '../../src/core/snapshot.ts';
import { MomentReader } from '../../src/history/moments.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { toText } from '../../src/recording/columns-text.ts';
import { Folder, segmentName, type Tier } from '../../src/recording/folder.ts';
import { KINDS } from '../../src/recording/frame.ts';
import type { SegmentAbout } from '../../src/recording/segment.ts';
import { type Addition, SegmentWriter } from '../../src/recording/segment-writer.ts';

/** Lengths of a segment as the recorder has them, seconds. */
const SEGMENT_S = { seg: 300, low: 3600 } as const;
const SEGMENT_BYTES = 16 * 2 ** 20;

const BOOT = '0123456789abcdef0123456789abcdef';

/** One tab's frame: its text around both clocks. */
interface Form {
	snapshot: Snapshot;
	parts: [string, string, string];
}

function formOf(snapshot: Snapshot): Form {
	const text = toText({ ...snapshot, time: '@time', mono_ns: -1 }).toString();
	const [before, rest] = text.split('"@time"') as [string, string];
	const [between, after] = rest.split('"mono_ns":-1') as [string, string];
	return { snapshot, parts: [before, between, after] };
}

const textAt = ({ parts: [before, between, after] }: Form, time: string, mono_ns: number): Buffer =>
	Buffer.from(`${before}"${time}"${between}"mono_ns":${mono_ns}${after}`);

/** A part of the day in one tier. */
export interface Span {
	tier: Tier;
	/** Of the first interval, ms since the epoch. */
	from: number;
	/** Seconds, and those of an interval. */
	seconds: number;
	step: number;
}

/**
 * @param moments snapshots of one moment each, in the order of time, of this tier
 * @returns frames
 */
export async function writeSpan(
	path: string,
	moments: readonly (readonly Snapshot[])[],
	tabs: readonly string[],
	{ tier, from, seconds, step }: Span,
): Promise<number> {
	const folder = new Folder(path);
	const forms = moments.map((moment) => moment.map(formOf));
	const about = {
		host: sanitize('day'),
		kernel: sanitize('6.1.0'),
		cpus: 2,
		boot: sanitize(BOOT),
		version: sanitize('0.0.0'),
		step,
		tabs: tabs.map((tab) => sanitize(tab)),
		schemas: tabs.map(() => 1),
		over: 0,
	} satisfies SegmentAbout;
	const reader = new MomentReader();
	let writer: SegmentWriter | undefined;
	let [number, began, frames] = [0, 0, 0];
	for (let at = 0; at * step < seconds; at++) {
		const wall = from + at * step * 1000;
		// the same for all tiers and spans: the monotonic clock of one boot
		const mono_ns = wall * 1e6;
		const time = new Date(wall).toISOString();
		if (writer && (wall - began >= SEGMENT_S[tier] * 1000 || writer.bytes >= SEGMENT_BYTES)) {
			await writer.close();
			writer = undefined;
		}
		if (!writer) {
			began = wall;
			writer = await SegmentWriter.create(folder, segmentName(tier, wall, BOOT, ++number), about, wall, mono_ns);
		}
		const moment = forms[at % forms.length] as Form[];
		const additions = moment.map((form): Addition => {
			const facts = { ...reader.of({ ...form.snapshot, time }), kind: KINDS.snapshot, mono_ns };
			return {
				facts: { ...facts, tab: tabs.indexOf(form.snapshot.tab) },
				payload: textAt(form, time, mono_ns),
			};
		});
		await writer.add(additions);
		frames += additions.length;
	}
	await writer?.close();
	folder.close();
	return frames;
}
