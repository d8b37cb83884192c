/**
 * A bundle: some minutes of a recording in one file, with what explains them (events, profile, kernel log, doctor). A tar
 * archive, compressed with zstd, whose manifest has the hash of every other file.
 */
import { createHash } from 'node:crypto';
import { constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { sanitize } from '../lib/sanitize.ts';
import type { Bytes, Count } from '../lib/units.ts';
import { Archive, MARKS } from './archive.ts';
import { inert } from './columns-text.ts';
import { bufferSource } from './segment.ts';
import { readTar, type TarFile, writeTar } from './tar.ts';
import { isObject, type RecordedTab } from './validate.ts';

/** Grows when older programs could not make sense of a bundle. */
export const BUNDLE = 1;
export const MANIFEST = 'manifest.json';
const SEGMENTS = 'segments/';

/** Unpacked bytes, and files. */
const MAX_BYTES: Bytes = 512 * 2 ** 20;
const MAX_FILES: Count = 1000;

export interface Manifest {
	bundle: number;
	version: string;
	host: string;
	kernel: string;
	/** ISO 8601. */
	written: string;
	from: string;
	to: string;
	/** What caused it: `finding cpu-hog`, `signal`, `key`, `expression p99 > 5ms`. */
	cause: string;
	/** Names, command lines and addresses are replaced. */
	redacted: boolean;
	/** By name. */
	files: Record<string, { bytes: Bytes; sha256: string }>;
}

function hashOf(bytes: Buffer): string {
	return createHash('sha256').update(bytes).digest('hex');
}

export function packBundle(
	about: Omit<Manifest, 'bundle' | 'files'>,
	files: readonly TarFile[],
): { bytes: Buffer; manifest: Manifest } {
	const hashes = files.map(({ name, bytes }) => [name, { bytes: bytes.length, sha256: hashOf(bytes) }] as const);
	const manifest: Manifest = { bundle: BUNDLE, ...about, files: Object.fromEntries(hashes) };
	const text = Buffer.from(`${JSON.stringify(manifest, null, '\t')}\n`);
	const tar = writeTar([{ name: MANIFEST, bytes: text }, ...files], Date.parse(about.written) / 1000);
	const params = { [zlib.ZSTD_c_compressionLevel]: 3, [zlib.ZSTD_c_checksumFlag]: 1 };
	return { bytes: zstdCompressSync(tar, { params }), manifest };
}

export interface OpenBundle {
	manifest: Manifest;
	files: readonly TarFile[];
	/** Files that are not what the manifest says, a sentence each. */
	damage: readonly string[];
}

/** @throws where it is no bundle */
export function openBundle(packed: Buffer): OpenBundle {
	let bytes: Buffer;
	try {
		bytes = zstdDecompressSync(packed, { maxOutputLength: MAX_BYTES });
	} catch (error) {
		const tooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
		throw new Error(tooLong ? `more than ${MAX_BYTES >> 20} MiB` : 'no recording of wattlag');
	}
	const files = [...readTar(bytes, MAX_FILES)];
	const manifest = manifestOf(files.find(({ name }) => name === MANIFEST));
	const damage: string[] = [];
	for (const [name, { sha256 }] of Object.entries(manifest.files)) {
		const file = files.find((one) => one.name === name);
		if (!file) damage.push(sanitize(`${name} is missing`));
		else if (hashOf(file.bytes) !== sha256) damage.push(sanitize(`${name} is not what the manifest says`));
	}
	const listed = files.filter(({ name }) => Object.hasOwn(manifest.files, name));
	return { manifest, files: listed, damage };
}

function manifestOf(file: TarFile | undefined): Manifest {
	if (!file) throw new Error('no recording of wattlag');
	const value = inert(JSON.parse(file.bytes.toString('utf8'))) as unknown;
	if (!isObject(value) || typeof value['bundle'] !== 'number') throw new Error('no recording of wattlag');
	if (value['bundle'] > BUNDLE)
		throw new Error(`made by a newer wattlag (bundle ${value['bundle']}, known is ${BUNDLE})`);
	const text = (name: string) => (typeof value[name] === 'string' ? value[name] : '');
	const files = isObject(value['files']) ? value['files'] : {};
	return {
		bundle: value['bundle'],
		version: text('version'),
		host: text('host'),
		kernel: text('kernel'),
		written: text('written'),
		from: text('from'),
		to: text('to'),
		cause: text('cause'),
		redacted: value['redacted'] === true,
		files: Object.fromEntries(
			Object.entries(files).flatMap(([name, facts]) =>
				isObject(facts) && typeof facts['sha256'] === 'string'
					? [[name, { bytes: Number(facts['bytes']) || 0, sha256: facts['sha256'] }]]
					: [],
			),
		),
	};
}

/** Name of a segment in a bundle. */
export function inBundle(segment: string): string {
	return SEGMENTS + segment;
}

/** @throws where it is no bundle */
export function readBundle(packed: Buffer, tabs: readonly RecordedTab[]): Archive {
	const { manifest, files, damage } = openBundle(packed);
	const archive = new Archive(tabs);
	archive.redacted = manifest.redacted;
	for (const text of damage) archive.problem('the bundle', new Error(text));
	for (const { name, bytes } of files)
		if (name.startsWith(SEGMENTS)) archive.add({ name: name.slice(SEGMENTS.length), source: bufferSource(bytes) });
	const marks = files.find(({ name }) => name === MARKS);
	if (marks) archive.takeMarks(marks.bytes.toString('utf8'));
	archive.settle();
	return archive;
}
