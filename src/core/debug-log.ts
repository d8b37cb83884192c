/**
 * `--debug FILE`: a line for everything that is loaded, attached, refused or restarted, with the kernel's and libbpf's own
 * text. Both threads append to the same file. Without the option a call costs a comparison.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { sanitize } from '../lib/sanitize.ts';
import { systemReason, UsageError } from './errors.ts';

let descriptor: number | undefined;

/**
 * Append to this file from now on, for this thread. A new file gets mode 0600. Symbolic links, files of other users and
 * anything that is no regular file (the screen's terminal, a pipe) are refused, for the program runs as root.
 * @throws {UsageError}
 */
export function openDebugLog(path: string): void {
	const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
	let opened: number;
	try {
		opened = openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new UsageError(`--debug ${path}: ${code === 'ELOOP' ? 'is a symbolic link' : systemReason(error)}`);
	}
	const found = fstatSync(opened);
	const refusal = found.isFile() ? (found.uid !== process.geteuid?.() ? 'belongs to another user' : '') : 'is no file';
	if (refusal !== '') {
		closeSync(opened);
		throw new UsageError(`--debug ${path}: ${refusal}`);
	}
	descriptor = opened;
}

/** Append an entry; further lines of the text are indented. Never throws: a full disk may not end the program. */
export function debug(text: () => string): void {
	if (descriptor === undefined) return;
	const [first = '', ...others] = text().trimEnd().split('\n');
	const entry = [`${new Date().toISOString()} ${threadId === 0 ? 'main' : 'worker'} ${sanitize(first)}`];
	for (const line of others) entry.push(`    ${sanitize(line)}`);
	try {
		writeSync(descriptor, `${entry.join('\n')}\n`);
	} catch {
		// the log is a by-product
	}
}
