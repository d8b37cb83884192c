/** The part of the tar format (ustar) that bundles need: plain files with short names. */
import { sanitize } from '../lib/sanitize.ts';
import type { Bytes } from '../lib/units.ts';

const BLOCK: Bytes = 512;
const NAME: Bytes = 100;

export interface TarFile {
	name: string;
	bytes: Buffer;
}

/** Sum of a header's bytes, its own field counted as blanks. */
function checksum(header: Buffer): number {
	let sum = 8 * 0x20;
	for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte;
	return sum;
}

function headerOf({ name, bytes }: TarFile, seconds: number): Buffer {
	if (Buffer.byteLength(name) >= NAME) throw new Error(`a name of ${name.length} bytes is too long`);
	const header = Buffer.alloc(BLOCK);
	const octal = (value: number, at: number, digits: number) =>
		header.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
	header.write(name, 0);
	octal(0o600, 100, 7);
	octal(0, 108, 7);
	octal(0, 116, 7);
	octal(bytes.length, 124, 11);
	octal(Math.max(0, Math.floor(seconds)), 136, 11);
	header.write('0', 156);
	header.write('ustar\0', 257, 'latin1');
	header.write('00', 263, 'latin1');
	octal(checksum(header), 148, 6);
	header.write('\0 ', 154, 'latin1');
	return header;
}

/** @param seconds time of all files, since the epoch */
export function writeTar(files: readonly TarFile[], seconds: number): Buffer {
	const blocks = files.flatMap((file) => [
		headerOf(file, seconds),
		file.bytes,
		Buffer.alloc((BLOCK - (file.bytes.length % BLOCK)) % BLOCK),
	]);
	return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

/**
 * The plain files of an archive. Anything else in it (links, folders, extensions) is skipped, and nothing is ever written.
 * @param most files
 * @throws what is wrong with it
 */
export function* readTar(bytes: Buffer, most: number): Generator<TarFile> {
	let count = 0;
	for (let at = 0; at + BLOCK <= bytes.length; ) {
		const header = bytes.subarray(at, at + BLOCK);
		if (header.every((byte) => byte === 0)) return;
		const stated = Number.parseInt(header.toString('latin1', 148, 156), 8);
		if (stated !== checksum(header)) throw new Error('the archive is damaged');
		const size = Number.parseInt(header.toString('latin1', 124, 136), 8);
		if (!Number.isInteger(size) || size < 0 || at + BLOCK + size > bytes.length)
			throw new Error('the archive is cut off');
		if (++count > most) throw new Error(`more than ${most} files`);
		const type = header[156];
		const end = header.indexOf(0);
		const name = sanitize(header.subarray(0, Math.min(NAME, end < 0 ? NAME : end)));
		// 0 and NUL: a plain file
		if (type === 0x30 || type === 0) yield { name, bytes: bytes.subarray(at + BLOCK, at + BLOCK + size) };
		at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
	}
}
