/** The one file: the launcher with the tree behind it, as a compressed tar file and the trailer that names it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { type Entry, tar, withFolders } from './tar.ts';

/** Length of an id, hexadecimal digits; that of `struct trailer` in native/launcher/launcher.h. */
const ID = 32;
const MAGIC = 'wattlag\n';

/** zstd's level 19: 30 MB in place of 35 at level 9, and as fast to unpack. Its window, 8 MB, is what unpacking takes. */
const LEVEL = 19;

async function compress(bytes: Buffer, cache: string): Promise<Buffer> {
	const name = createHash('sha256')
		.update(`zstd ${process.versions.zstd} ${LEVEL}\n`)
		.update(bytes)
		.digest('hex')
		.slice(0, ID);
	const kept = join(cache, 'compressed', name);
	if (existsSync(kept)) return readFileSync(kept);
	const packed = await promisify(zstdCompress)(bytes, {
		params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
		pledgedSrcSize: bytes.length,
	});
	mkdirSync(join(cache, 'compressed'), { recursive: true });
	writeFileSync(kept, packed);
	return packed;
}

/** The parts of a tree that change with every commit go into a frame of their own: the rest, most of it, is compressed once. */
function split(entries: readonly Entry[]): Entry[][] {
	const isLasting = ({ path }: Entry): boolean => path === 'node' || path.startsWith('lib/');
	return [entries.filter(isLasting), entries.filter((entry) => !isLasting(entry))];
}

export interface SingleSettings {
	/** Path of the launcher. */
	launcher: string;
	entries: readonly Entry[];
	/** Time of the archive's entries, seconds since 1970. */
	seconds: number;
	/** Folder for compressed parts. */
	cache: string;
	output: string;
}

export async function buildSingle({ launcher, entries, seconds, cache, output }: SingleSettings): Promise<void> {
	const archives = split(entries).map((part) => tar(part, seconds));
	// the end of all but the last archive is left out: two empty blocks
	const parts = archives.map((archive, index) => (index < archives.length - 1 ? archive.subarray(0, -1024) : archive));
	const id = createHash('sha256').update(Buffer.concat(parts)).digest('hex').slice(0, ID);
	const packed = Buffer.concat(await Promise.all(parts.map((part) => compress(part, cache))));
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
