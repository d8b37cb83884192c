/** One segment as a reader sees it: its facts, and where each frame is. Its bytes may be anybody's. */
import { crc32, constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { type SafeText, sanitize } from '../lib/sanitize.ts';
import type { Bytes, Count } from '../lib/units.ts';
import { inert } from './columns-text.ts';
import {
	checkPreamble,
	type FrameHead,
	HEAD,
	headAt,
	isHead,
	KINDS,
	PREAMBLE,
	readHead,
	storedAt,
	unpackFrame,
} from './frame.ts';

/** The first frame of every segment. */
export interface SegmentAbout {
	host: SafeText;
	kernel: SafeText;
	/** Online CPUs. */
	cpus: Count;
	/** Boot id of the kernel; the same in two segments: their monotonic clocks are one. */
	boot: SafeText;
	/** Version of the recording program. */
	version: SafeText;
	/** Length of an interval, seconds. */
	step: number;
	/** Ids of the tabs by their numbers in heads, and the schema number of each. */
	tabs: readonly SafeText[];
	schemas: readonly number[];
	/** Number of the `seg` segment that was written when this one began. */
	over: number;
}

/** The bytes of a file, wherever they are. */
export interface Source {
	size: Bytes;
	/** Fewer bytes than asked for at the end only. */
	read(offset: Bytes, length: Bytes): Buffer;
}

export function bufferSource(bytes: Buffer): Source {
	return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Bytes of an entry: offset of the frame, the frame's head, CRC of both, 0. */
export const ENTRY = 8 + HEAD + 8;

export function indexEntry(offset: Bytes, head: Buffer): Buffer {
	const entry = Buffer.alloc(ENTRY);
	entry.writeDoubleLE(offset, 0);
	head.copy(entry, 8, 0, HEAD);
	entry.writeUInt32LE(crc32(entry.subarray(0, 8 + HEAD)), 8 + HEAD);
	return entry;
}

/** First bytes of a packed index, followed by the unpacked length as u32. An entry of another one begins with an offset. */
const PACKED = Buffer.from('WATTLAG INDEX 1 ');
/** Unpacked bytes of an entry without its checksums: what the frame's own head has is checked when it is read. */
const FACTS = HEAD - 8;
/** Column of a byte of the facts: equal bytes of all entries stand together, as differences to the entry before. */
const PACK = { [zlib.ZSTD_c_compressionLevel]: 12, [zlib.ZSTD_c_checksumFlag]: 1 };

/**
 * The index of a segment that has ended: a tenth of the bytes of its entries. Offsets follow from lengths, the checksum of a
 * payload from its frame.
 */
export function packIndex(entries: Buffer): Buffer {
	const count = Math.floor(entries.length / ENTRY);
	const columns = Buffer.alloc(count * FACTS);
	for (let column = 0; column < FACTS; column++) {
		let before = 0;
		for (let at = 0; at < count; at++) {
			const fact = entries[at * ENTRY + offsetOf(column)] as number;
			columns[column * count + at] = fact - before;
			before = fact;
		}
	}
	const head = Buffer.alloc(PACKED.length + 4);
	PACKED.copy(head);
	head.writeUInt32LE(columns.length, PACKED.length);
	return Buffer.concat([head, zstdCompressSync(columns, { params: PACK })]);
}

/** Of a byte of a head's facts in its entry: those before its payload's checksum, then those between the two checksums. */
const offsetOf = (column: number): Bytes => 8 + (column < 36 ? column : column + 4);

/** Entries as {@link indexEntry} makes them, without checksums. @throws what is wrong with it @param first offset of the first frame */
function unpackIndex(packed: Buffer, first: Bytes): Buffer {
	const length = packed.readUInt32LE(PACKED.length);
	if (length % FACTS !== 0 || length > MAX_FRAMES * FACTS) throw new Error('an index of another length');
	const columns = zstdDecompressSync(packed.subarray(PACKED.length + 4), { maxOutputLength: Math.max(1, length) });
	if (columns.length !== length) throw new Error('an index of another length');
	const count = length / FACTS;
	const entries = Buffer.alloc(count * ENTRY);
	for (let column = 0; column < FACTS; column++) {
		let fact = 0;
		for (let at = 0; at < count; at++) {
			fact = (fact + (columns[column * count + at] as number)) & 0xff;
			entries[at * ENTRY + offsetOf(column)] = fact;
		}
	}
	let offset = first;
	for (let at = 0; at < entries.length; at += ENTRY) {
		entries.writeDoubleLE(offset, at);
		offset += HEAD + storedAt(entries, at + 8);
	}
	return entries;
}

/** Frames of a segment at most: an hour of 1,000 intervals a second. */
const MAX_FRAMES = 4e6;
/** Bytes that are read at once where heads are searched. */
const CHUNK = 2 ** 20;
const MAX_TABS = 64;

function aboutOf(payload: Buffer): SegmentAbout {
	const value = inert(JSON.parse(payload.toString('utf8'))) as Record<string, unknown>;
	const text = (name: string): SafeText => {
		if (typeof value[name] !== 'string') throw new Error(`its first frame has no ${name}`);
		return value[name] as SafeText;
	};
	const number = (name: string): number => (Number.isFinite(value[name]) ? (value[name] as number) : 0);
	const { tabs, schemas } = value;
	if (!Array.isArray(tabs) || tabs.length > MAX_TABS || !tabs.every((tab) => typeof tab === 'string'))
		throw new Error('its first frame has no tabs');
	return {
		host: text('host'),
		kernel: text('kernel'),
		boot: text('boot'),
		version: text('version'),
		cpus: number('cpus'),
		step: number('step') || 1,
		over: number('over'),
		tabs: tabs as SafeText[],
		schemas: tabs.map((_, at) => (Array.isArray(schemas) && Number.isInteger(schemas[at]) ? schemas[at] : 1)),
	};
}

const noChunk: { from: Bytes; bytes: Buffer } = { from: 0, bytes: Buffer.alloc(0) };

export class Segment {
	readonly about: SegmentAbout;
	private readonly source: Source;
	/** Entries one after the other; of those that the index lacks, made from the segment itself. */
	private entries: Buffer[] = [];
	private counts: number[] = [];
	/** Where the next frame is expected. */
	private end: Bytes;
	/** What was read ahead. */
	private chunk = noChunk;
	/** Why it ends before its last byte; undefined: it does not. */
	private broken: SafeText | undefined;

	/** @throws where this is no segment at all */
	constructor(source: Source, index?: Buffer) {
		this.source = source;
		checkPreamble(source.read(0, PREAMBLE));
		const head = readHead(source.read(PREAMBLE, HEAD));
		if (!head || head.kind !== KINDS.about) throw new Error('its first frame is damaged');
		this.about = aboutOf(unpackFrame(head, source.read(PREAMBLE + HEAD, head.stored), undefined));
		this.end = PREAMBLE + HEAD + head.stored;
		if (index) this.takeIndex(index);
		this.extend();
	}

	/** Number of frames, the first one not counted. */
	get length(): Count {
		return this.counts.reduce((sum, count) => sum + count, 0);
	}

	get damage(): SafeText | undefined {
		return this.broken;
	}

	/** Bytes up to the end of its last whole frame. */
	get bytes(): Bytes {
		return this.end;
	}

	/** Read what was written since: of a file that grows. Returns the number of new frames. */
	extend(size: Bytes = this.source.size): Count {
		const before = this.length;
		const added: Buffer[] = [];
		let chunk: Buffer = Buffer.alloc(0);
		let from = 0;
		while (this.end + HEAD <= size && this.length + added.length < MAX_FRAMES) {
			const at = this.end - from;
			if (at < 0 || at + HEAD > chunk.length) {
				chunk = this.source.read(this.end, CHUNK);
				from = this.end;
				if (chunk.length < HEAD) break;
			}
			const head = chunk.subarray(this.end - from, this.end - from + HEAD);
			const facts = readHead(head);
			if (!facts || this.end + HEAD + facts.stored > size) break;
			added.push(indexEntry(this.end, head));
			this.end += HEAD + facts.stored;
		}
		this.broken = this.end < size ? sanitize(`${size - this.end} bytes at its end are no whole frame`) : undefined;
		if (added.length > 0) {
			this.entries.push(Buffer.concat(added));
			this.counts.push(added.length);
		}
		return this.length - before;
	}

	/** @param at from 0 on */
	head(at: number): FrameHead {
		// checked when it was taken
		return this.entryOf(at, (entries, from) => headAt(entries, from + 8));
	}

	/** Of its head in the file. */
	offset(at: number): Bytes {
		return this.entryOf(at, (entries, from) => entries.readDoubleLE(from));
	}

	/**
	 * @param ahead bytes that are read at once where frames are read one after the other
	 * @throws what is wrong with the frame
	 */
	payload(at: number, dictionary: Buffer | undefined, ahead: Bytes = 0): Buffer {
		const { stored } = this.head(at);
		const bytes = this.read(this.offset(at), HEAD + stored, ahead);
		const head = readHead(bytes);
		if (head?.stored !== stored) throw new Error('a frame is damaged');
		return unpackFrame(head, bytes.subarray(HEAD), dictionary);
	}

	/** Bytes of whole frames: these do not change. */
	private read(offset: Bytes, length: Bytes, ahead: Bytes): Buffer {
		const from = offset - this.chunk.from;
		if (from >= 0 && from + length <= this.chunk.bytes.length) return this.chunk.bytes.subarray(from, from + length);
		if (ahead <= length) return this.source.read(offset, length);
		const bytes = this.source.read(offset, Math.min(ahead, this.end - offset));
		this.chunk = { from: offset, bytes };
		return bytes.subarray(0, length);
	}

	/** Frames are no longer read one after the other. */
	dropChunk(): void {
		this.chunk = noChunk;
	}

	/** @param read gets the entries with this one, and its offset in them */
	private entryOf<T>(at: number, read: (entries: Buffer, from: Bytes) => T): T {
		let rest = at;
		for (let part = 0; part < this.counts.length; part++) {
			const count = this.counts[part] as number;
			if (rest < count) return read(this.entries[part] as Buffer, rest * ENTRY);
			rest -= count;
		}
		throw new RangeError('no such frame');
	}

	/** Entries that follow each other and are whole; the rest is found by walking the heads. */
	private takeIndex(index: Buffer): void {
		const isPacked = index.length > PACKED.length + 4 && index.subarray(0, PACKED.length).equals(PACKED);
		let entries = index;
		try {
			if (isPacked) entries = unpackIndex(index, this.end);
		} catch {
			// damaged: the heads themselves have the same
			return;
		}
		const most = Math.min(Math.floor(entries.length / ENTRY), MAX_FRAMES);
		const { size } = this.source;
		let count = 0;
		for (; count < most; count++) {
			const at = count * ENTRY;
			if (!isPacked && entries.readUInt32LE(at + 8 + HEAD) !== crc32(entries.subarray(at, at + 8 + HEAD))) break;
			if (!isHead(entries, at + 8) || entries.readDoubleLE(at) !== this.end) break;
			const end = this.end + HEAD + storedAt(entries, at + 8);
			if (end > size) break;
			this.end = end;
		}
		if (count === 0) return;
		this.entries.push(entries.subarray(0, count * ENTRY));
		this.counts.push(count);
	}
}
