/**
 * A frame: the unit of a recording on disk. A head of fixed length, which describes and protects it, and a payload. Frames
 * of one file follow each other; a reader that knows nothing else finds all of them by walking the heads.
 *
 * A key frame is compressed by itself. Others of its tab are compressed with the payload of the last key frame as
 * dictionary, most of them with that of the frame before them behind it: half of what changes is as it was a moment ago.
 * Such a chain has {@link CHAIN} frames at most, so that a reader decompresses few frames for any moment.
 */
import { crc32, constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Bytes, Count, Ns } from '../lib/units.ts';

/** First bytes of a segment. The digit grows when older programs could not read what follows. */
export const MAGIC = Buffer.from('WATTLAG SEGMENT ');
export const FORMAT = 4;
/** Bytes before the first frame: {@link MAGIC}, then the format as u32, then 0. */
export const PREAMBLE = 24;

/** Bytes of a head. */
export const HEAD = 48;
const FRAME_MAGIC = 0x31464c57; // WLF1

/** Unpacked bytes of a frame at most: 10,000 processes with their distributions take about 10 million. */
export const MAX_PAYLOAD: Bytes = 64 * 2 ** 20;

/** What a payload is. Readers skip kinds that they do not know. */
export const KINDS = { about: 0, snapshot: 1, mark: 2, note: 3 } as const;

/** Frames of a tab, each of which needs the one before. */
export const CHAIN = 16;

/** Result of the overview's rules for a moment; 0: none. */
export const LEVELS = ['none', 'notice', 'high', 'severe'] as const;

const KEY = 1;
/** The number of findings that begin is known. */
const BEGINS = 2;
/** No busy share is known. */
const NO_SHARE = 0xffff;

/** The facts of a frame that its head states. */
export interface FrameFacts {
	kind: number;
	/** Position of its tab in {@link SegmentAbout.tabs}; 0 for other kinds. */
	tab: number;
	/** Of the overview: index into {@link LEVELS} of its worst finding; of the events tab of its worst event. */
	level: number;
	/** Of the overview: number of its findings, of the events tab of its events; 255 at most. */
	findings: Count;
	/** Of the overview: findings that begin with it, 255 at most; undefined: not known. */
	begins?: Count | undefined;
	/** Of the overview: busy share of all CPUs, 0–1; null: not known, or another tab. */
	busy: number | null;
	/** Wall clock, ms since the epoch. */
	wall: number;
	/** CLOCK_MONOTONIC. */
	mono_ns: Ns;
	/** Decompressed without a dictionary. */
	key: boolean;
	/** Frames back to the one of its tab whose payload stands behind that of the key frame in its dictionary; 0: none. */
	back: Count;
}

/** A frame in its file. */
export interface FrameHead extends FrameFacts {
	/** Bytes of the payload in the file, and unpacked. */
	stored: Bytes;
	raw: Bytes;
	/** Of the payload as it is stored. */
	crc: number;
}

/**
 * Frames of a machine at rest are short: level 6 packs them in the time of level 1 and saves 10 %. Of long ones it saves 1 % and
 * takes half as long again; level 9 saves 4 % and takes three times as long. Of frames of ten seconds level 8 saves 1 % against
 * level 6, and level 12 another 2 % for four times as much time.
 */
const SHORT: Bytes = 16 * 1024;
/** The checksum is that of the unpacked bytes: another dictionary would give other ones. */
const paramsOf = (level: number) => ({ [zlib.ZSTD_c_compressionLevel]: level, [zlib.ZSTD_c_checksumFlag]: 1 });
/** Tables of 32 kB find as much in so few bytes, and malloc has them at hand: larger ones come from the kernel, page by page. */
const SMALL = { [zlib.ZSTD_c_hashLog]: 13, [zlib.ZSTD_c_chainLog]: 13 };
const params = { short: { ...paramsOf(6), ...SMALL }, seldom: paramsOf(8), long: paramsOf(1) };

/** Facts of a frame to be written. */
export type NewFacts = Omit<FrameFacts, 'key' | 'back'>;

/** The dictionary of a frame. @param before of the frame that it follows in a chain */
export function dictionaryOf(key: Buffer, before: Buffer | undefined): Buffer {
	// what is nearest to the frame is found for the least bytes
	return before ? Buffer.concat([key, before]) : key;
}

/**
 * @param dictionary of {@link dictionaryOf}; undefined: this becomes a key frame
 * @param back see {@link FrameFacts}
 * @param seldom it is written so seldom that bytes count for more than time
 */
export function packFrame(
	facts: NewFacts,
	payload: Buffer,
	dictionary: Buffer | undefined,
	back: Count = 0,
	seldom = false,
): Buffer {
	const level = payload.length > SHORT ? params.long : seldom ? params.seldom : params.short;
	// with the length known, zstd's own memory is as large as the frame and not as the largest one
	const packed = zstdCompressSync(payload, {
		params: level,
		pledgedSrcSize: payload.length,
		...(dictionary && { dictionary }),
	});
	const frame = Buffer.allocUnsafe(HEAD + packed.length);
	frame.fill(0, 0, HEAD);
	frame.writeUInt32LE(FRAME_MAGIC, 0);
	frame.writeUInt8(facts.kind, 4);
	frame.writeUInt8((dictionary ? 0 : KEY) | (facts.begins === undefined ? 0 : BEGINS), 5);
	frame.writeUInt8(facts.tab, 6);
	frame.writeUInt8(facts.level, 7);
	frame.writeUInt8(Math.min(255, facts.findings), 8);
	frame.writeUInt8(Math.min(255, facts.begins ?? 0), 9);
	frame.writeUInt16LE(facts.busy === null ? NO_SHARE : Math.round(Math.min(1, Math.max(0, facts.busy)) * 1000), 10);
	frame.writeUInt32LE(packed.length, 12);
	frame.writeUInt32LE(payload.length, 16);
	frame.writeDoubleLE(facts.wall, 20);
	frame.writeDoubleLE(facts.mono_ns, 28);
	frame.writeUInt32LE(crc32(packed), 36);
	frame.writeUInt16LE(back, 40);
	frame.writeUInt32LE(crc32(frame.subarray(0, HEAD - 4)), HEAD - 4);
	packed.copy(frame, HEAD);
	return frame;
}

/** The head in these bytes; undefined: there is none, or it is damaged. */
export function readHead(bytes: Buffer): FrameHead | undefined {
	if (bytes.length < HEAD || bytes.readUInt32LE(HEAD - 4) !== crc32(bytes.subarray(0, HEAD - 4))) return undefined;
	return isHead(bytes, 0) ? headAt(bytes, 0) : undefined;
}

/** Whether these bytes, which another checksum covers, are a head. @param from its offset in them */
export function isHead(bytes: Buffer, from: Bytes): boolean {
	if (bytes.readUInt32LE(from) !== FRAME_MAGIC) return false;
	// a CRC is no proof of good will
	if (storedAt(bytes, from) > MAX_PAYLOAD || bytes.readUInt32LE(from + 16) > MAX_PAYLOAD) return false;
	// false for what is no number too
	return Math.abs(bytes.readDoubleLE(from + 20)) <= 8.64e15 && Number.isFinite(bytes.readDoubleLE(from + 28));
}

/** Stored bytes of the payload, by the head at an offset: a day has half a million of them, whose other facts are not needed. */
export function storedAt(bytes: Buffer, from: Bytes): Bytes {
	return bytes.readUInt32LE(from + 12);
}

/** The head at an offset, see {@link isHead}. */
export function headAt(bytes: Buffer, from: Bytes): FrameHead {
	const flags = bytes.readUInt8(from + 5);
	const busy = bytes.readUInt16LE(from + 10);
	return {
		kind: bytes.readUInt8(from + 4),
		key: (flags & KEY) !== 0,
		tab: bytes.readUInt8(from + 6),
		level: Math.min(LEVELS.length - 1, bytes.readUInt8(from + 7)),
		findings: bytes.readUInt8(from + 8),
		begins: (flags & BEGINS) === 0 ? undefined : bytes.readUInt8(from + 9),
		busy: busy > 1000 ? null : busy / 1000,
		stored: storedAt(bytes, from),
		raw: bytes.readUInt32LE(from + 16),
		wall: bytes.readDoubleLE(from + 20),
		mono_ns: bytes.readDoubleLE(from + 28),
		crc: bytes.readUInt32LE(from + 36),
		back: bytes.readUInt16LE(from + 40),
	};
}

/**
 * @param stored the payload as it is in the file
 * @param dictionary of {@link dictionaryOf}; of a key frame undefined
 * @throws what is wrong with it
 */
export function unpackFrame(head: FrameHead, stored: Buffer, dictionary: Buffer | undefined): Buffer {
	if (stored.length !== head.stored || crc32(stored) !== head.crc) throw new Error('a frame is damaged');
	const payload = zstdDecompressSync(stored, {
		maxOutputLength: Math.max(1, head.raw),
		...(dictionary && !head.key && { dictionary }),
	});
	if (payload.length !== head.raw) throw new Error('a frame has another length than it states');
	return payload;
}

export function preamble(): Buffer {
	const bytes = Buffer.alloc(PREAMBLE);
	MAGIC.copy(bytes);
	bytes.writeUInt32LE(FORMAT, MAGIC.length);
	return bytes;
}

/** @throws what is wrong with the beginning of a segment */
export function checkPreamble(bytes: Buffer): void {
	if (bytes.length < PREAMBLE || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
		throw new Error('no recording of wattlag');
	const format = bytes.readUInt32LE(MAGIC.length);
	if (format > FORMAT) throw new Error(`made by a newer wattlag (format ${format}, known is ${FORMAT})`);
}
