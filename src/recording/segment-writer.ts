/** Writes one segment and its index. A failed write leaves the whole frames before it. */
import type { FileHandle } from 'node:fs/promises';
import type { Bytes, Count } from '../lib/units.ts';
import type { Folder } from './folder.ts';
import { indexName } from './folder.ts';
import { type FrameFacts, HEAD, KINDS, packFrame, preamble } from './frame.ts';
import { indexEntry, type SegmentAbout } from './segment.ts';

/** Frames of a tab from one key frame to the next. */
const KEY_EVERY = 64;

/** What one write adds to a segment. */
export interface Addition {
	facts: Omit<FrameFacts, 'key'>;
	payload: Buffer;
}

/** The dictionaries of a segment in the making, by tab. Pure but for what it keeps. */
export class Dictionaries {
	private readonly keys = new Map<number, { payload: Buffer; since: Count }>();

	/** The frame of an addition, whose dictionary is the last key frame of its tab. */
	pack({ facts, payload }: Addition): Buffer {
		if (facts.kind !== KINDS.snapshot) return packFrame(facts, payload, undefined);
		const known = this.keys.get(facts.tab);
		if (known && ++known.since < KEY_EVERY) return packFrame(facts, payload, known.payload);
		this.keys.set(facts.tab, { payload, since: 0 });
		return packFrame(facts, payload, undefined);
	}

	/** The next frame of every tab is a key frame: one may not have been written. */
	clear(): void {
		this.keys.clear();
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
	private readonly file: FileHandle;
	private readonly index: FileHandle;
	private readonly dictionaries = new Dictionaries();
	/** Bytes of whole frames. */
	private length: Bytes = 0;
	private indexed: Bytes = 0;

	private constructor(name: string, file: FileHandle, index: FileHandle) {
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
			const writer = new SegmentWriter(name, file, index);
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
	}
}
