/**
 * All segments of a recording as one: where the frames of each tab are in time, and any of them decoded. Memory is bounded
 * by the index, about two hundred bytes a frame: two hours of seconds and a day of ten seconds take 20 MB, a day of seconds 110.
 */

import { closeSync, fstatSync, readFileSync, readSync } from 'node:fs';
import { systemReason } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Moment } from '../history/moments.ts';
import type { Mark } from '../history/store.ts';
import { firstIndex } from '../lib/bisect.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';
import { type Excerpt, fromText, inert } from './columns-text.ts';
import { Folder, indexName, parseSegmentName, type SegmentName } from './folder.ts';
import { CHAIN, dictionaryOf, type FrameHead, KINDS } from './frame.ts';
import { MAX_MARK } from './mark.ts';
import { Segment, type SegmentAbout, type Source } from './segment.ts';
import { checkedExcerpt, checkedSnapshot, isObject, type RecordedTab } from './validate.ts';

/** Where a frame is: its segment and position there. */
export interface Place {
	segment: OpenSegment;
	at: number;
	/** Position of the key frame that it needs; itself for a key frame, -1: it is missing. */
	key: number;
	/** Wall clock, ms. */
	wall: number;
	mono_ns: Ns;
}

/** A step of the wall clock. */
export interface ClockStep {
	wall: number;
	by_ms: number;
}

export interface OpenSegment {
	name: SegmentName;
	/** Position among the segments of its archive. */
	order: number;
	segment: Segment;
	/** Frames that {@link Archive} has taken over. */
	taken: Count;
	/** By tab number, the last key frame so far. */
	keys: Map<number, number>;
}

/** The last frame of a tab that was unpacked, and its key frame. */
interface Unpacked {
	segment: Segment;
	key: number;
	dictionary: Buffer;
	at: number;
	payload: Buffer;
}

/** A segment with its index, to be opened. */
export interface SegmentFile {
	name: string;
	source: Source;
	index?: Buffer | undefined;
}

/** Segments of an archive at most: three weeks of five minutes. */
const MAX_SEGMENTS = 10_000;
/** Bytes of an index file at most. */
const MAX_INDEX: Bytes = 256 * 2 ** 20;
const MAX_MARKS = 10_000;
const MAX_MARKS_BYTES: Bytes = 4 * 2 ** 20;
/** Bytes that are read at once where frames are read one after the other. */
const AHEAD: Bytes = 256 * 1024;
/** Length of a merged interval, ms. */
const MERGED_MS = 10_000;
/** Measured frames without a merged one that a recorder which was killed leaves. */
const FEW: Count = 60;
/** Name of the file with marks in a folder: JSON lines. */
export const MARKS = 'marks';

export class Archive {
	/** Of the newest segment. */
	about: SegmentAbout | undefined;
	/** Of a bundle: names in it are replaced by words of its own. */
	redacted = false;
	readonly marks: Mark[] = [];
	readonly steps: ClockStep[] = [];
	/** By tab, in the order of recording. */
	private readonly places = new Map<string, Place[]>();
	/** By tab, all merged ones, those that measured ones cover too. */
	private readonly merged = new Map<string, readonly Place[]>();
	private readonly axis: Moment[] = [];
	private readonly events: Moment[] = [];
	private readonly segments: OpenSegment[] = [];
	private readonly problems: SafeText[] = [];
	/** By number of the tab, what was unpacked last: neighbours need the same. */
	private readonly recent = new Map<number, Unpacked>();
	private readonly tabs: readonly RecordedTab[];
	private readonly ids: ReadonlySet<string>;
	private settled = false;
	/** Whose frames are read one after the other. */
	private sequential: Segment | undefined;

	constructor(tabs: readonly RecordedTab[]) {
		this.tabs = tabs;
		this.ids = new Set(tabs.map(({ id }) => id));
	}

	/** What could not be read, a sentence each. */
	get damage(): readonly SafeText[] {
		const torn = this.segments.flatMap(({ name, segment }) =>
			segment.damage === undefined ? [] : [safe`${sanitize(name.name)}: ${segment.damage}`],
		);
		return [...this.problems, ...torn];
	}

	/** Ids of the tabs with frames, in the order of the program's tabs. */
	recorded(): string[] {
		return this.tabs.map(({ id }) => id).filter((id) => (this.places.get(id)?.length ?? 0) > 0);
	}

	/** Frames of a tab in the order of recording. */
	of(tab: string): readonly Place[] {
		return this.places.get(tab) ?? [];
	}

	/**
	 * Frames of a tab by intervals of ten seconds as far as there are any, then as they were measured: a tenth of the frames
	 * for the same sums and distributions. Those of {@link of} where merged ones lack a part that was measured.
	 */
	coarse(tab: string): readonly Place[] {
		const merged = this.merged.get(tab) ?? [];
		const last = merged.at(-1);
		const measured = this.of(tab).filter(({ segment }) => segment.name.tier === 'seg');
		if (!last) return measured;
		const found = measured.findIndex((place) => isLater(place, last));
		const after = found < 0 ? measured.length : found;
		return uncovered(measured.slice(0, after), merged) > FEW ? this.of(tab) : [...merged, ...measured.slice(after)];
	}

	/** All frames with snapshots, in the order in which they were recorded. */
	all(): Generator<Place> {
		return inOrderOfRecording([...this.places.values()]);
	}

	/** Moments of the overview, else of the tab with most frames. */
	moments(): readonly Moment[] {
		return this.axis;
	}

	/** Intervals with events that are worth knowing. */
	eventMoments(): readonly Moment[] {
		return this.events;
	}

	get lastSegment(): OpenSegment | undefined {
		return this.segments.at(-1);
	}

	/** Add segments in the order of recording; one that cannot be read is a problem, not an end. */
	add(file: SegmentFile): void {
		const name = parseSegmentName(file.name);
		if (!name) return;
		if (this.segments.length >= MAX_SEGMENTS) {
			if (this.segments.length === MAX_SEGMENTS) this.problems.push(safe`more than ${MAX_SEGMENTS} segments`);
			return;
		}
		try {
			const segment = new Segment(file.source, file.index);
			const opened: OpenSegment = { name, order: this.segments.length, segment, taken: 0, keys: new Map() };
			this.segments.push(opened);
			this.about = opened.segment.about;
			this.take(opened);
		} catch (error) {
			this.problem(file.name, error);
		}
	}

	problem(name: string, error: unknown): void {
		if (this.problems.length < 100) this.problems.push(sanitize(`${name}: ${systemReason(error)}`));
	}

	/** Frames that were written to the newest segment since. */
	extend(opened: OpenSegment): Count {
		const added = opened.segment.extend();
		if (added > 0) this.take(opened);
		return added;
	}

	/**
	 * The snapshot of a frame.
	 * @throws what is wrong with it
	 */
	snapshot(place: Place): Snapshot {
		return checkedSnapshot(fromText(this.payload(place)), this.tabs);
	}

	/**
	 * A part of the snapshots of frames that follow each other, at a fifth of what whole ones take.
	 * @throws what is wrong with it
	 */
	excerpt(place: Place, excerpt: Excerpt): Snapshot {
		const { segment } = place.segment;
		if (this.sequential !== segment) this.sequential?.dropChunk();
		this.sequential = segment;
		return checkedExcerpt(fromText(this.payload(place, AHEAD), excerpt));
	}

	private payload({ segment: { segment }, at, key }: Place, ahead: Bytes = 0): Buffer {
		if (key < 0) throw new Error('its key frame is missing');
		const { tab } = segment.head(at);
		let recent = this.recent.get(tab);
		if (recent?.segment !== segment || recent.key !== key) {
			const payload = segment.payload(key, undefined, ahead);
			recent = { segment, key, dictionary: payload, at: key, payload };
			this.recent.set(tab, recent);
		}
		// from the frame back to one that is known, or follows none
		const chain: number[] = [];
		for (let next = at; next !== recent.at && next !== key; ) {
			const { back, tab: of } = segment.head(next);
			if (of !== tab || chain.length >= CHAIN || next - back <= key) throw new Error('the frame before it is missing');
			chain.push(next);
			if (back === 0) break;
			next -= back;
		}
		if (at === key) return recent.dictionary;
		let before = recent.payload;
		for (const next of chain.reverse()) {
			const follows = segment.head(next).back > 0;
			before = segment.payload(next, dictionaryOf(recent.dictionary, follows ? before : undefined), ahead);
			recent.at = next;
			recent.payload = before;
		}
		return before;
	}

	/** Merged frames that measured ones cover are left out. To be called when all segments are there. */
	settle(): void {
		this.leaveOutCovered();
		this.settled = true;
		this.drawAxis();
	}

	private leaveOutCovered(): void {
		for (const [tab, places] of this.places) {
			const merged = places.filter(({ segment }) => segment.name.tier === 'low');
			if (merged.length > 0) this.merged.set(tab, merged);
		}
		const first = this.segments.find(({ name }) => name.tier === 'seg');
		if (!first || !this.segments.some(({ name }) => name.tier === 'low')) return;
		const oldest = first.segment.length > 0 ? first.segment.head(0).mono_ns : Number.POSITIVE_INFINITY;
		for (const [tab, places] of this.places) {
			const kept = places.filter(({ segment: { name, segment }, mono_ns }) => {
				if (name.tier === 'seg') return true;
				const { boot } = segment.about;
				return boot === first.segment.about.boot ? mono_ns < oldest : segment.about.over < first.name.number;
			});
			this.places.set(tab, kept);
		}
	}

	private take(opened: OpenSegment): void {
		const { segment } = opened;
		const { length } = segment;
		for (let at = opened.taken; at < length; at++) {
			const head = segment.head(at);
			if (head.kind === KINDS.snapshot) this.takeSnapshot(opened, at, head);
			else if (head.kind === KINDS.note) this.takeNote(segment, at, head);
		}
		opened.taken = length;
	}

	private takeSnapshot(opened: OpenSegment, at: number, head: FrameHead): void {
		const tab = opened.segment.about.tabs[head.tab];
		// tabs of other versions of the program
		if (tab === undefined || !this.ids.has(tab)) return;
		if (head.key) opened.keys.set(head.tab, at);
		const place = { segment: opened, at, key: opened.keys.get(head.tab) ?? -1, wall: head.wall, mono_ns: head.mono_ns };
		const places = this.places.get(tab);
		if (places) places.push(place);
		else this.places.set(tab, [place]);
		// before, the axis may turn out to be another tab's
		if (this.settled) this.takeMoment(tab, head);
	}

	private takeNote(segment: Segment, at: number, { wall }: FrameHead): void {
		try {
			const value = JSON.parse(segment.payload(at, undefined).toString('utf8')) as unknown;
			if (isObject(value) && value['note'] === 'clock' && Number.isFinite(value['by_ms']))
				this.steps.push({ wall, by_ms: value['by_ms'] as number });
		} catch {
			// a note of another version
		}
	}

	private axisTab(): string | undefined {
		return this.places.has('overview') ? 'overview' : this.places.keys().next().value;
	}

	private drawAxis(): void {
		this.axis.length = 0;
		this.events.length = 0;
		for (const tab of new Set([this.axisTab() ?? '', 'events']))
			for (const { segment, at } of this.of(tab)) this.takeMoment(tab, segment.segment.head(at));
	}

	private takeMoment(tab: string, head: FrameHead): void {
		if (tab === this.axisTab()) this.axis.push(momentOf(head));
		if (tab === 'events' && head.findings > 0) this.events.push(momentOf(head));
	}

	/** Lines of the file of marks. */
	takeMarks(text: string): void {
		this.marks.length = 0;
		for (const line of text.split('\n')) {
			if (line === '' || this.marks.length >= MAX_MARKS) continue;
			try {
				const value = inert(JSON.parse(line)) as unknown;
				if (!isObject(value)) continue;
				const { wall, text: words } = value;
				if (typeof wall === 'number' && Math.abs(wall) < 8.64e15 && typeof words === 'string')
					this.marks.push({ wall, text: sanitize(words.slice(0, MAX_MARK)) });
			} catch {
				// a torn line
			}
		}
	}
}

/** The frame whose wall clock is nearest; of a time that a clock which was set shows twice, the earlier recording. */
export function nearest(places: readonly Place[], wall: number): Place | undefined {
	let best: Place | undefined;
	const begins = risesOf(places);
	for (const [index, begin] of begins.entries()) {
		const end = begins[index + 1] ?? places.length;
		const next = begin + firstIndex(end - begin, (at) => (places[begin + at] as Place).wall >= wall);
		for (const place of [places[Math.max(begin, next - 1)], places[Math.min(end - 1, next)]])
			if (place && (!best || Math.abs(place.wall - wall) < Math.abs(best.wall - wall))) best = place;
	}
	return best;
}

interface Rises {
	begins: number[];
	/** Places that were searched. */
	length: Count;
}
/** By list of places, which only grow. */
const rises = new WeakMap<readonly Place[], Rises>();

/** Where the wall clock rises from: once, and again wherever it was set back. */
function risesOf(places: readonly Place[]): readonly number[] {
	const known = rises.get(places) ?? { begins: [], length: 0 };
	rises.set(places, known);
	for (let at = known.length; at < places.length; at++)
		if (at === 0 || (places[at] as Place).wall < (places[at - 1] as Place).wall) known.begins.push(at);
	known.length = places.length;
	return known.begins;
}

/** Id of the tab of a frame. */
export function tabOf({ segment: { segment }, at }: Place): SafeText {
	return segment.about.tabs[segment.head(at).tab] ?? safe``;
}

/** Whether a frame was recorded after another one, of whatever tier: by the monotonic clock of one boot. */
function isLater(a: Place, b: Place): boolean {
	const [one, other] = [a.segment.segment.about, b.segment.segment.about];
	return one.boot === other.boot ? a.mono_ns > b.mono_ns : a.wall > b.wall;
}

/** Measured frames in no merged one. Both in the order of recording. */
function uncovered(measured: readonly Place[], merged: readonly Place[]): Count {
	let next = 0;
	let count = 0;
	for (const place of measured) {
		while (next < merged.length && isLater(place, merged[next] as Place)) next++;
		const by = merged[next];
		// it begins up to one interval earlier
		if (!by || by.segment.segment.about.boot !== place.segment.segment.about.boot) count++;
		else if (by.mono_ns - place.mono_ns > 1.5e6 * MERGED_MS) count++;
	}
	return count;
}

/** Frames of several tabs, each in the order of recording, as one. */
export function* inOrderOfRecording(lists: readonly (readonly Place[])[]): Generator<Place> {
	const next = lists.map(() => 0);
	for (;;) {
		let first = -1;
		let best: Place | undefined;
		for (let index = 0; index < lists.length; index++) {
			const place = lists[index]?.[next[index] as number];
			if (!place || (best && !isBefore(place, best))) continue;
			[first, best] = [index, place];
		}
		if (!best) return;
		next[first] = (next[first] as number) + 1;
		yield best;
	}
}

/** In the order of recording. */
export function isBefore(a: Place, b: Place): boolean {
	return a.segment.order === b.segment.order ? a.at < b.at : a.segment.order < b.segment.order;
}

function momentOf({ wall, busy, level, findings, begins }: FrameHead): Moment {
	return { wall, busy, level, findings, begins };
}

/**
 * A file that may grow. It is opened for each read: an archive of weeks has more segments than a process may have files open.
 */
function fileSource(folder: Folder, name: string): Source {
	return {
		get size() {
			const size = folder.size(name);
			if (size === undefined) throw new Error('it is no longer there');
			return size;
		},
		read(offset, length) {
			const fd = folder.openRead(name);
			try {
				const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, fstatSync(fd).size - offset)));
				let filled = 0;
				while (filled < bytes.length) {
					const count = readSync(fd, bytes, filled, bytes.length - filled, offset + filled);
					if (count === 0) break;
					filled += count;
				}
				return bytes.subarray(0, filled);
			} finally {
				closeSync(fd);
			}
		},
	};
}

/** An archive of the segments in a folder, which may be written meanwhile. */
export class FolderArchive {
	readonly archive: Archive;
	private readonly folder: Folder;
	private readonly known = new Set<string>();

	/** @throws where the folder cannot be read */
	constructor(path: string, tabs: readonly RecordedTab[]) {
		this.archive = new Archive(tabs);
		this.folder = new Folder(path);
		this.open();
		this.archive.settle();
	}

	/** Take what was written since. Returns the number of new frames. */
	follow(): Count {
		const last = this.archive.lastSegment;
		let added = last ? this.archive.extend(last) : 0;
		const before = this.known.size;
		this.open();
		if (this.known.size > before) added += this.known.size - before;
		return added;
	}

	close(): void {
		this.folder.close();
	}

	private open(): void {
		for (const { name, tier } of this.folder.segments()) {
			// what is merged while somebody follows is measured too
			if (
				this.known.has(name) ||
				(tier === 'low' && this.known.size > 0 && this.archive.lastSegment?.name.tier === 'seg')
			)
				continue;
			try {
				this.known.add(name);
				const index = this.read(indexName(name), MAX_INDEX);
				this.archive.add({ name, source: fileSource(this.folder, name), index });
			} catch (error) {
				this.archive.problem(name, error);
			}
		}
		const marks = this.read(MARKS, MAX_MARKS_BYTES);
		if (marks) this.archive.takeMarks(marks.toString('utf8'));
	}

	/** undefined: there is no such file, or it is too long. */
	private read(name: string, most: Bytes): Buffer | undefined {
		if ((this.folder.size(name) ?? Number.POSITIVE_INFINITY) > most) return undefined;
		let fd: number | undefined;
		try {
			fd = this.folder.openRead(name);
			return readFileSync(fd);
		} catch {
			return undefined;
		} finally {
			if (fd !== undefined) closeSync(fd);
		}
	}
}
