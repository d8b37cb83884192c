/** Whatever `--replay` and `export` are given: a folder of segments, one segment, a bundle, a file of the key `w`. */

import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { systemReason, UsageError } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Mark } from '../history/store.ts';
import { type SafeText, safe } from '../lib/sanitize.ts';
import { Archive, FolderArchive, inOrderOfRecording, type Place, tabOf } from './archive.ts';
import { EVERY_HEAD, type Excerpt } from './columns-text.ts';
import { MAGIC } from './frame.ts';
import { readRecording } from './read.ts';
import { bufferSource } from './segment.ts';
import type { RecordedTab } from './validate.ts';

/** The machine that was recorded. */
export interface RecordedMachine {
	host: SafeText;
	kernel: SafeText;
	cpus: number;
	/** Empty: not known, as in files of the key `w`. */
	boot: string;
}

/** A part of a recording by the wall clock, ms; both ends are in it. */
export interface Part {
	from: number;
	to: number;
}

/** What a reader needs of a recording, where it does not need all of it. */
export interface Choice {
	/** By tab; of another tab the first and the last snapshot are read, for what it lost. */
	excerpts: Readonly<Record<string, Excerpt>>;
	/** Intervals of ten seconds where there are any, see {@link Archive.coarse}. */
	coarse: boolean;
}

const WHOLE: Part = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** A recording of any form. */
export interface AnyRecording {
	machine: RecordedMachine;
	/** With random access; undefined: a file of the key `w`, which is read from its beginning. */
	archive: Archive | undefined;
	/** Of a folder: take what was written since; the number of new frames. */
	follow: (() => number) | undefined;
	/**
	 * In the order of recording. Frames that cannot be read are left out and reported by `damage`.
	 * @param part only those whose interval ends in it; others of an archive are not even read
	 * @param choice of an archive; what else a snapshot of another form has is there too
	 */
	snapshots(part?: Part, choice?: Choice): AsyncIterable<Snapshot>;
	marks: readonly Mark[];
	/** What could not be read, a sentence each; complete when all snapshots were read. */
	damage(): readonly SafeText[];
	close(): void;
}

/** Not a single interval. */
export class NothingRecorded extends Error {
	constructor() {
		super('nothing was recorded');
	}
}

/** Bytes of a single segment or bundle at most. */
const MAX_FILE = 2 ** 30;

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

function beginning(path: string): Buffer {
	const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
	try {
		if (!fstatSync(fd).isFile()) throw new Error('neither a file nor a folder');
		const bytes = Buffer.alloc(MAGIC.length);
		return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
	} finally {
		closeSync(fd);
	}
}

function wholeFile(path: string): Buffer {
	const { size } = statSync(path);
	if (size > MAX_FILE) throw new Error(`longer than ${MAX_FILE >> 20} MiB`);
	return readFileSync(path);
}

/** What every snapshot has. */
const LOSSES: Excerpt = { head: EVERY_HEAD };

/** Frames that a choice needs. */
function* chosen(archive: Archive, { from, to }: Part, { excerpts, coarse }: Choice): Generator<Place> {
	const lists = archive.recorded().map((tab) => {
		const places = (coarse ? archive.coarse(tab) : archive.of(tab)).filter(({ wall }) => wall >= from && wall <= to);
		return Object.hasOwn(excerpts, tab)
			? places
			: [...new Set([places[0], places.at(-1)])].filter((one) => one !== undefined);
	});
	yield* inOrderOfRecording(lists);
}

function ofArchive(archive: Archive, follow?: () => number, close = () => {}): AnyRecording {
	const { about } = archive;
	const unread = new Map<SafeText, number>();
	if (!about || archive.recorded().length === 0) {
		close();
		const [damage] = archive.damage;
		throw damage === undefined ? new NothingRecorded() : new Error(damage);
	}
	return {
		machine: { host: about.host, kernel: about.kernel, cpus: about.cpus, boot: about.boot },
		archive,
		follow,
		async *snapshots({ from, to } = WHOLE, choice) {
			for (const place of choice ? chosen(archive, { from, to }, choice) : archive.all()) {
				if (place.wall < from || place.wall > to) continue;
				try {
					yield choice ? archive.excerpt(place, choice.excerpts[tabOf(place)] ?? LOSSES) : archive.snapshot(place);
				} catch (error) {
					const text = systemReason(error) as SafeText;
					unread.set(text, (unread.get(text) ?? 0) + 1);
				}
			}
		},
		marks: archive.marks,
		damage: () => [...archive.damage, ...[...unread].map(([text, count]) => safe`${count} frames: ${text}`)],
		close,
	};
}

/** @throws where there is nothing to show, with the reason */
export async function openAny(path: string, tabs: readonly RecordedTab[]): Promise<AnyRecording> {
	if (statSync(path).isDirectory()) {
		// a reader may name a link; what is in the folder is not followed
		const folder = new FolderArchive(realpathSync(path), tabs);
		return ofArchive(
			folder.archive,
			() => folder.follow(),
			() => folder.close(),
		);
	}
	const first = beginning(path);
	if (first.equals(MAGIC)) {
		const archive = new Archive(tabs);
		archive.add({ name: asSegment(path), source: bufferSource(wholeFile(path)) });
		archive.settle();
		return ofArchive(archive);
	}
	if (first.subarray(0, ZSTD.length).equals(ZSTD)) {
		const { readBundle } = await import('./bundle.ts');
		return ofArchive(readBundle(wholeFile(path), tabs));
	}
	if (first.subarray(0, GZIP.length).equals(GZIP)) return ofFile(path, tabs);
	throw new Error('no recording of wattlag');
}

/**
 * A recording that the user named.
 * @throws {UsageError} where there is nothing to show, with its path and the reason
 */
export async function openNamed(path: string, tabs: readonly RecordedTab[]): Promise<AnyRecording> {
	try {
		return await openAny(path, tabs);
	} catch (error) {
		throw new UsageError(`${path}: ${systemReason(error)}`);
	}
}

/** A segment under another name is one all the same. */
function asSegment(path: string): string {
	const name = basename(path);
	return /^(seg|low)-.*\.wlr$/.test(name) ? name : 'seg-0-00000000-000001.wlr';
}

/** A file of the key `w`, whose facts come first. */
async function ofFile(path: string, tabs: readonly RecordedTab[]): Promise<AnyRecording> {
	const first = await readRecording(path, tabs, () => {}, 1);
	if (first.count === 0) throw first.damage === undefined ? new NothingRecorded() : new Error(first.damage);
	const { about } = first;
	let damage: SafeText | undefined;
	return {
		machine: { host: about.host, kernel: about.kernel, cpus: about.cpus, boot: '' },
		archive: undefined,
		follow: undefined,
		async *snapshots({ from, to } = WHOLE) {
			const all: Snapshot[] = [];
			({ damage } = await readRecording(path, tabs, (snapshot) => {
				const wall = Date.parse(snapshot.time);
				if (wall >= from && wall <= to) all.push(snapshot);
			}));
			yield* all;
		},
		marks: [],
		damage: () => (damage === undefined ? [] : [damage]),
		close: () => {},
	};
}
