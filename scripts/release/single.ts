/** The one file: the launcher with the tree behind it, as a compressed tar file and the trailer that names it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { Effort } from './effort.ts';
import { type Entry, tar, withFolders } from './tar.ts';

/** Length of an id, hexadecimal digits; that of `struct trailer` in native/launcher/launcher.h. */
const ID = 32;
const MAGIC = 'wattlag\n';

async function compress(bytes: Buffer, level: number, cache: string): Promise<Buffer> {
	const name = createHash('sha256')
		.update(`zstd ${process.versions.zstd} ${level}\n`)
		.update(bytes)
		.digest('hex')
		.slice(0, ID);
	const kept = join(cache, 'compressed', name);
	if (existsSync(kept)) return readFileSync(kept);
	const packed = await promisify(zstdCompress)(bytes, {
		params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
		pledgedSrcSize: bytes.length,
	});
	mkdirSync(join(cache, 'compressed'), { recursive: true });
	writeFileSync(kept, packed);
	return packed;
}

/** Bytes of a frame at most: several are compressed at once. */
const FRAME = 64 << 20;

/**
 * The tar file in frames. The parts of a tree that change with every commit are the last one: the rest, most of it, is
 * compressed once.
 */
function frames(entries: readonly Entry[]): Buffer[] {
	const isLasting = ({ path }: Entry): boolean => path === 'node' || path.startsWith('lib/');
	// times are not unpacked; the end of the first archive, two empty blocks, is left out
	const lasting = tar(entries.filter(isLasting), 0).subarray(0, -1024);
	const others = tar(
		entries.filter((entry) => !isLasting(entry)),
		0,
	);
	const parts: Buffer[] = [];
	for (let at = 0; at < lasting.length; at += FRAME) parts.push(lasting.subarray(at, at + FRAME));
	return [...parts, others];
}

export interface SingleSettings {
	/** Path of the launcher. */
	launcher: string;
	entries: readonly Entry[];
	effort: Effort;
	/** Folder for compressed parts. */
	cache: string;
	output: string;
}

export async function buildSingle({ launcher, entries, effort, cache, output }: SingleSettings): Promise<void> {
	const parts = frames(entries);
	const id = createHash('sha256').update(Buffer.concat(parts)).digest('hex').slice(0, ID);
	const packed = Buffer.concat(await Promise.all(parts.map((part) => compress(part, effort.zstd, cache))));
	const program = readFileSync(launcher);
	// what file systems with blocks of 4 KiB take
	const unpacked = withFolders(entries).reduce(
		(total, { contents }) => total + Math.ceil((contents?.length ?? 1) / 4096) * 4096,
		0,
	);
	const trailer = Buffer.alloc(8 + ID + 24);
	trailer.write(MAGIC, 0, 'latin1');
	trailer.write(id, 8, 'latin1');
	for (const [index, value] of [program.length, packed.length, unpacked].entries())
		trailer.writeBigUInt64LE(BigInt(value), 8 + ID + index * 8);
	writeFileSync(output, Buffer.concat([program, packed, trailer]), { mode: 0o755 });
}
