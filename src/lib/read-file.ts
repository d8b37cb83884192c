/**
 * Files of proc and sysfs, which have no size. For each read of such a file Node's `readFileSync` takes another 64 kB (unless
 * it decodes UTF-8), while proc gives 4 kB at most: 130 MB for the kernel's symbols. These functions read into one buffer.
 */
import { closeSync, openSync, readSync } from 'node:fs';

const PART = 64 * 1024;
/** Longer files get a buffer for themselves. */
const common = Buffer.allocUnsafeSlow(PART);

/** Opens for reading. A process that has ended is no failure of ours: no stack is made for its error, which takes longer than the opening. */
function open(path: string): number {
	const { stackTraceLimit } = Error;
	Error.stackTraceLimit = 0;
	try {
		return openSync(path, 'r');
	} finally {
		Error.stackTraceLimit = stackTraceLimit;
	}
}

/** Calls `use` with all bytes, which are valid until it returns. @throws as `readFileSync` */
function withBytes<Result>(path: string, use: (bytes: Buffer) => Result): Result {
	const fd = open(path);
	try {
		let all = common;
		let length = 0;
		for (;;) {
			const read = readSync(fd, all, length, all.length - length, null);
			if (read === 0) break;
			length += read;
			if (length < all.length) continue;
			const larger = Buffer.allocUnsafeSlow(all.length * 2);
			all.copy(larger);
			all = larger;
		}
		return use(all.subarray(0, length));
	} finally {
		closeSync(fd);
	}
}

/** Each byte is one character: names in proc are bytes of any encoding. @throws as `readFileSync` */
export function readLatin1(path: string): string {
	return withBytes(path, (bytes) => bytes.toString('latin1'));
}

/** @throws as `readFileSync` */
export function readBytes(path: string): Buffer<ArrayBuffer> {
	return withBytes(path, (bytes) => {
		// what has outgrown the common buffer is a copy by now
		if (bytes.buffer !== common.buffer) return bytes as Buffer<ArrayBuffer>;
		return Buffer.from(bytes);
	});
}

const NEWLINE = 10;

/**
 * Whole lines of a long file, in parts of about 64 kB that are valid until the next one: for files that are too long to be
 * kept. @throws as `readFileSync`
 */
export function* partsOf(path: string): Generator<Buffer> {
	const fd = open(path);
	// not the common one: others read meanwhile
	let part = Buffer.allocUnsafeSlow(PART);
	try {
		let length = 0;
		for (;;) {
			const read = readSync(fd, part, length, part.length - length, null);
			length += read;
			if (read > 0 && length < part.length) continue;
			if (length === 0) return;
			const end = read === 0 ? length : part.subarray(0, length).lastIndexOf(NEWLINE) + 1;
			if (end === 0) {
				// a line that is longer than the part
				const larger = Buffer.allocUnsafeSlow(part.length * 2);
				part.copy(larger);
				part = larger;
				continue;
			}
			yield part.subarray(0, end);
			part.copyWithin(0, end, length);
			length -= end;
			if (read === 0) return;
		}
	} finally {
		closeSync(fd);
	}
}
