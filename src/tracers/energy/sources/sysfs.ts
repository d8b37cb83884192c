/**
 * Attributes of sysfs and proc: short texts that the kernel generates on each read.
 *
 * Each read opens its file again. That takes 6 µs more than keeping it open, for few files once per interval, and it finds
 * a counter again that was unplugged and replugged, or whose permission changed.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { readKept } from '../../../lib/kept-files.ts';
import { byNumbers } from '../../../lib/natural-order.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';

/** A file was read, but its content is not valid for its kind. The message quotes it. */
export class Garbage extends Error {}

/** An attribute has at most a page; of longer files only the beginning is read. */
const page = Buffer.alloc(4096);

/** The text without white space at its ends. Throws the system's errors. */
export function readText(path: string): string {
	const fd = openSync(path, 'r');
	try {
		return page.toString('utf8', 0, readSync(fd, page, 0, page.length, 0)).trim();
	} finally {
		closeSync(fd);
	}
}

/** Like {@link readText}, for attributes that many drivers leave out. */
export function readOptional(path: string): string | undefined {
	try {
		return readText(path);
	} catch {
		return undefined;
	}
}

const quote = (text: string): string => `"${text.length > 24 ? `${text.slice(0, 24)}…` : text}"`;

/** An unsigned 64-bit counter, exact. Throws {@link Garbage}, or the system's errors. */
export function readCounter(path: string): bigint {
	const text = readKept(path).trim();
	const value = /^\d{1,20}$/.test(text) ? BigInt(text) : 1n << 64n;
	if (value >= 1n << 64n) throw new Garbage(`reads ${quote(text)}, which is no counter`);
	return value;
}

/** A signed number, e.g. µW. Throws {@link Garbage}, or the system's errors. */
export function readNumber(path: string): number {
	const text = readKept(path).trim();
	if (!/^-?\d{1,15}$/.test(text)) throw new Garbage(`reads ${quote(text)}, which is no number`);
	return Number(text);
}

/** Names in a folder, in the order of their numbers; empty without the folder. */
export function list(path: string): string[] {
	try {
		return readdirSync(path).sort(byNumbers);
	} catch {
		return [];
	}
}

export function errorCode(error: unknown): string | undefined {
	return (error as NodeJS.ErrnoException).code;
}

export function isDenied(error: unknown): boolean {
	return errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM';
}

/** Why a read failed, in a few words after the name of the file. */
export function whyUnreadable(error: unknown): SafeText {
	const code = errorCode(error);
	if (isDenied(error)) return safe`readable by root only`;
	if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO') return safe`gone (unplugged or taken offline)`;
	return sanitize(error instanceof Garbage ? error.message : `unreadable: ${code ?? String(error)}`);
}
