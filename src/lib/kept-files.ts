/**
 * Files of proc and sysfs that are read in every interval. They stay open: a read takes two system calls instead of five, and no
 * search for the file.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { readLatin1 } from './read-file.ts';

/** Open files; the one that was opened first is closed beyond that. */
const MOST = 256;
/** Longer files are opened at each read. */
const LONGEST = 64 * 1024;

const buffer = Buffer.allocUnsafeSlow(LONGEST);
/** File descriptors by path. */
const open = new Map<string, number>();
const tooLong = new Set<string>();

/**
 * Only these file systems keep the name of a file that is open: elsewhere another file may have it by now. Folders that the
 * kernel renames, as those of network devices, are not for these functions.
 */
const keeps = (path: string): boolean => path.startsWith('/proc/') || path.startsWith('/sys/');

function close(path: string): void {
	const fd = open.get(path);
	if (fd === undefined) return;
	open.delete(path);
	closeSync(fd);
}

/** All of it, or undefined where it is longer. @throws as `readFileSync` */
function readAll(fd: number): string | undefined {
	let length = 0;
	for (;;) {
		const read = readSync(fd, buffer, length, LONGEST - length, length);
		if (read === 0) return buffer.toString('latin1', 0, length);
		length += read;
		if (length === LONGEST) return undefined;
	}
}

/** As {@link readLatin1}, of a file that is read again and again. */
export function readKept(path: string): string {
	if (!keeps(path) || tooLong.has(path)) return readLatin1(path);
	const known = open.get(path);
	try {
		const fd = known ?? openSync(path, 'r');
		if (known === undefined) {
			open.set(path, fd);
			if (open.size > MOST) close(open.keys().next().value as string);
		}
		const text = readAll(fd);
		if (text !== undefined) return text;
		close(path);
		if (tooLong.size < MOST) tooLong.add(path);
		return readLatin1(path);
	} catch (error) {
		close(path);
		// its device has gone, and perhaps another one has come
		if (known !== undefined) return readLatin1(path);
		throw error;
	}
}
