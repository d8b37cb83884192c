/**
 * Files of proc and sysfs that are read in every interval. They stay open: a read takes two system calls instead of five, and no
 * search for the file.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { monotonicNs } from './clock.ts';
import { readLatin1 } from './read-file.ts';
import type { Count, Ns } from './units.ts';

/**
 * Open files. Beyond that others are opened at each read: idle states of many CPUs are as many, and if each closed the file of
 * another one, none would be found open.
 */
const MOST: Count = 256;
/** A file that nobody has read for so long has no claim to stay open. */
const UNREAD: Ns = 60e9;
/** Longer files are opened at each read. */
const LONGEST = 64 * 1024;

const buffer = Buffer.allocUnsafeSlow(LONGEST);
/** By path. */
const open = new Map<string, { fd: number; readAt: Ns }>();
const tooLong = new Set<string>();

/**
 * Only these file systems keep the name of a file that is open: elsewhere another file may have it by now. Folders that the
 * kernel renames, as those of network devices, are not for these functions.
 */
const keeps = (path: string): boolean => path.startsWith('/proc/') || path.startsWith('/sys/');

function close(path: string): void {
	const file = open.get(path);
	if (!file) return;
	open.delete(path);
	closeSync(file.fd);
}

/** Is another one to stay open? Where all are in use, one of them is examined at each call. */
function hasRoom(now: Ns): boolean {
	if (open.size < MOST) return true;
	const [path, file] = open.entries().next().value as [string, { fd: number; readAt: Ns }];
	if (now - file.readAt > UNREAD) {
		close(path);
		return true;
	}
	// the next one is examined at the next call
	open.delete(path);
	open.set(path, file);
	return false;
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
	const readAt = monotonicNs();
	if (!known && !hasRoom(readAt)) return readLatin1(path);
	try {
		const file = known ?? { fd: openSync(path, 'r'), readAt };
		if (known) known.readAt = readAt;
		else open.set(path, file);
		const text = readAll(file.fd);
		if (text !== undefined) return text;
		close(path);
		if (tooLong.size < MOST) tooLong.add(path);
		return readLatin1(path);
	} catch (error) {
		close(path);
		// its device has gone, and perhaps another one has come
		if (known) return readLatin1(path);
		throw error;
	}
}
