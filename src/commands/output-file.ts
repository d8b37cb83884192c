/**
 * The file that an option names for output. The program runs as root, and the folder may be one that all may write: a name
 * that another user planted there is neither followed nor filled.
 */
import { constants, lstatSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemReason, UsageError } from '../core/errors.ts';
import { sanitize } from '../lib/sanitize.ts';

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
/** Others may write the folder; only the owner of an entry may replace it. */
const STICKY = 0o1000;
const WRITABLE_BY_OTHERS = 0o022;

/** Root and the user may name what they like, where nobody else can exchange the name. */
function isTrustedLink(path: string, user: number): boolean {
	const link = lstatSync(path);
	const folder = statSync(dirname(path));
	const ours = (owner: number) => owner === 0 || owner === user;
	return (
		ours(link.uid) && ours(folder.uid) && ((folder.mode & WRITABLE_BY_OTHERS) === 0 || (folder.mode & STICKY) !== 0)
	);
}

const PLANTED = 'is a symbolic link that others may change';

async function openEmpty(path: string): Promise<FileHandle> {
	const user = process.geteuid?.() ?? 0;
	const follow = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
	if (follow && !isTrustedLink(path, user)) throw new Error(PLANTED);
	const flags = O_WRONLY | (follow ? 0 : O_NOFOLLOW);
	// opening a pipe without a reader would block
	const file = await open(path, flags | O_CREAT | O_NONBLOCK, 0o600);
	const found = await file.stat();
	const isFile = found.isFile();
	// links to descriptors of this process (/dev/stdout) lead to pipes of the caller
	if (found.uid !== user && (isFile || (found.isFIFO() && !follow))) {
		await file.close();
		throw new Error('belongs to another user');
	}
	if (isFile && found.nlink > 1 && user === 0) {
		await file.close();
		throw new Error('has a second name (hard link)');
	}
	if (isFile) {
		await file.truncate();
		return file;
	}
	// writes to a pipe or a device may wait
	await file.close();
	return open(path, flags);
}

/**
 * Open a file for output, empty; a new one is for its owner only, since names of all users' programs are written.
 * @param option its name, for messages
 * @throws {UsageError}
 */
export async function openOutputFile(option: string, path: string): Promise<FileHandle> {
	try {
		return await openEmpty(path);
	} catch (error) {
		const planted = (error as NodeJS.ErrnoException).code === 'ELOOP';
		throw new UsageError(`--${option} ${sanitize(path)}: ${planted ? PLANTED : systemReason(error)}`);
	}
}

/**
 * Write everything and close the file.
 * @throws {UsageError} a full disk, a reader that has gone
 */
export async function fillOutputFile(
	option: string,
	path: string,
	file: FileHandle,
	chunks: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<void> {
	try {
		for await (const chunk of chunks) {
			try {
				await file.writeFile(chunk);
			} catch (error) {
				throw new UsageError(`--${option} ${sanitize(path)}: ${systemReason(error)}`);
			}
		}
	} finally {
		await file.close();
	}
}
