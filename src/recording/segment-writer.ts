/** Writes one segment and its index. A failed write leaves the whole frames before it. */
import { closeSync, readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Bytes, Count } from '../lib/units.ts';
import type { Folder } from './folder.ts';
import { indexName, parseSegmentName } from './folder.ts';
import { CHAIN, dictionaryOf, HEAD, KINDS, type NewFacts, packFrame, preamble } from './frame.ts';
import { indexEntry, packIndex, type SegmentAbout } from './segment.ts';

/** Frames of a tab from one key frame to the next. */
const KEY_EVERY = 64;

/** What one write adds to a segment. */
export interface Addition {
	facts: NewFacts;
	payload: Buffer;
}

/** What a head has room for. */
const MOST_BACK = 0xffff;

interface Chain {
	/** Payload of the last key frame. */
	key: Buffer;
	/** The last frame. */
	last: { at: Count; payload: Buffer };
	/** Frames since the key frame. */
	since: Count;
}

/** The dictionaries of a segment in the making, by tab. Pure but for what it keeps. */
export class Dictionaries {
	private readonly tabs = new Map<number, Chain>();
	private readonly seldom: boolean;
	/** Frames so far. */
	private position: Count = 0;

	/** @param seldom frames come once in ten seconds */
	constructor(seldom = false) {
		this.seldom = seldom;
	}

	/** The frame of an addition. Frames are to be written in this order, all of them. */
	pack({ facts, payload }: Addition): Buffer {
		const at = this.position++;
		if (facts.kind !== KINDS.snapshot) return packFrame(facts, payload, undefined);
		const chain = this.tabs.get(facts.tab);
		if (!chain || ++chain.since >= KEY_EVERY) {
			this.tabs.set(facts.tab, { key: payload, last: { at, payload }, since: 0 });
			return packFrame(facts, payload, undefined, 0, this.seldom);
		}
		// what is behind the key frame is in the dictionary already
		const last = chain.since % CHAIN === 0 || chain.since === 1 ? undefined : chain.last;
		const back = last ? at - last.at : 0;
		const follows = last !== undefined && back <= MOST_BACK;
		chain.last = { at, payload };
		const dictionary = dictionaryOf(chain.key, follows ? last.payload : undefined);
		return packFrame(facts, payload, dictionary, follows ? back : 0, this.seldom);
	}

	/** The next frame of every tab is a key frame: one may not have been written. */
	clear(): void {
		this.tabs.clear();
	}
}

/** The first frame of a segment. */
export function aboutFrame(about: SegmentAbout, wall: number, mono_ns: number): Buffer {
	const facts = { kind: KINDS.about, tab: 0, level: 0, findings: 0, busy: null, wall, mono_ns };
	return packFrame(facts, Buffer.from(JSON.stringify(about)), undefined);
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
	for (let from = 0; from < bytes.length; ) {
		const { bytesWritten } = await file.write(bytes, from, bytes.length - from, null);
		from += bytesWritten;
	}
}

export class SegmentWriter {
	readonly name: string;
	private readonly folder: Folder;
	private readonly file: FileHandle;
	private readonly index: FileHandle;
	private readonly dictionaries: Dictionaries;
	/** Bytes of whole frames. */
	private length: Bytes = 0;
	private indexed: Bytes = 0;

	private constructor(folder: Folder, name: string, file: FileHandle, index: FileHandle, seldom: boolean) {
		this.folder = folder;
		this.dictionaries = new Dictionaries(seldom);
		this.name = name;
		this.file = file;
		this.index = index;
	}

	static async create(
		folder: Folder,
		name: string,
		about: SegmentAbout,
		wall: number,
		mono_ns: number,
	): Promise<SegmentWriter> {
		const file = await folder.create(name);
		let index: FileHandle | undefined;
		try {
			index = await folder.create(indexName(name));
			const writer = new SegmentWriter(folder, name, file, index, parseSegmentName(name)?.tier === 'low');
			const head = Buffer.concat([preamble(), aboutFrame(about, wall, mono_ns)]);
			await writeAll(file, head);
			writer.length = head.length;
			return writer;
		} catch (error) {
			await Promise.allSettled([file.close(), index?.close()]);
			folder.remove(name);
			throw error;
		}
	}

	/** Of the segment and its index. */
	get bytes(): Bytes {
		return this.length + this.indexed;
	}

	/** Resolves when the kernel has the frames of these additions. Rejects, and takes back what it wrote, where it has not. */
	async add(additions: readonly Addition[]): Promise<void> {
		const frames = additions.map((addition) => this.dictionaries.pack(addition));
		let offset = this.length;
		const entries = frames.map((frame) => {
			offset += frame.length;
			return indexEntry(offset - frame.length, frame.subarray(0, HEAD));
		});
		try {
			await writeAll(this.file, Buffer.concat(frames));
			await writeAll(this.index, Buffer.concat(entries));
		} catch (error) {
			this.dictionaries.clear();
			// a reader would cut a torn frame off by itself, but the frames after it would be lost with it
			await Promise.allSettled([this.file.truncate(this.length), this.index.truncate(this.indexed)]);
			throw error;
		}
		this.length = offset;
		this.indexed += entries.length * (entries[0]?.length ?? 0);
	}

	/** Resolves when it is on the disk. */
	async close(): Promise<void> {
		try {
			await this.file.sync();
			await this.index.sync();
		} finally {
			await Promise.allSettled([this.file.close(), this.index.close()]);
		}
		await this.pack();
	}

	/** The index of what has ended takes a tenth of its bytes; where there is no room for it, it stays as it is. */
	private async pack(): Promise<void> {
		const name = indexName(this.name);
		try {
			const fd = this.folder.openRead(name);
			try {
				await this.folder.replace(name, packIndex(readFileSync(fd)));
			} finally {
				closeSync(fd);
			}
		} catch {
			// readers take either form, and none
		}
	}
}
