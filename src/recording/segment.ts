/** One segment as a reader sees it: its facts, and where each frame is. Its bytes may be anybody's. */
import { crc32 } from 'node:zlib';
import { type SafeText, sanitize } from '../lib/sanitize.ts';
import type { Bytes, Count } from '../lib/units.ts';
import { inert } from './columns-text.ts';
import {
	checkPreamble,
	type FrameHead,
	HEAD,
	headOf,
	KINDS,
	MAX_PAYLOAD,
	PREAMBLE,
	readHead,
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

export class Segment {
	readonly about: SegmentAbout;
	private readonly source: Source;
	/** Entries one after the other; of those that the index lacks, made from the segment itself. */
	private entries: Buffer[] = [];
	private counts: number[] = [];
	/** Where the next frame is expected. */
	private end: Bytes;
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
	head(at: number): FrameHead & { offset: Bytes } {
		const entry = this.entry(at);
		// checked when it was taken
		return { ...(headOf(entry.subarray(8, 8 + HEAD)) as FrameHead), offset: entry.readDoubleLE(0) };
	}

	/** @throws what is wrong with the frame */
	payload(at: number, dictionary: Buffer | undefined): Buffer {
		const head = this.head(at);
		return unpackFrame(head, this.source.read(head.offset + HEAD, head.stored), dictionary);
	}

	private entry(at: number): Buffer {
		let rest = at;
		for (const [index, count] of this.counts.entries()) {
			if (rest < count) return (this.entries[index] as Buffer).subarray(rest * ENTRY, (rest + 1) * ENTRY);
			rest -= count;
		}
		throw new RangeError('no such frame');
	}

	/** Entries that follow each other and are whole; the rest is found by walking the heads. */
	private takeIndex(index: Buffer): void {
		const most = Math.min(Math.floor(index.length / ENTRY), MAX_FRAMES);
		const { size } = this.source;
		let count = 0;
		for (; count < most; count++) {
			const entry = index.subarray(count * ENTRY, (count + 1) * ENTRY);
			if (entry.readUInt32LE(8 + HEAD) !== crc32(entry.subarray(0, 8 + HEAD))) break;
			const head = headOf(entry.subarray(8, 8 + HEAD));
			if (!head || head.stored > MAX_PAYLOAD || entry.readDoubleLE(0) !== this.end) break;
			if (this.end + HEAD + head.stored > size) break;
			this.end += HEAD + head.stored;
		}
		if (count === 0) return;
		this.entries.push(index.subarray(0, count * ENTRY));
		this.counts.push(count);
	}
}
