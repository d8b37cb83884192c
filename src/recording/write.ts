/** Writes what is in memory to a file, a snapshot at a time, so that the screen goes on meanwhile. */
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { systemReason } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { baseFolder } from '../lib/home.ts';
import { type About, RECORDING } from './format.ts';

/** `$XDG_STATE_HOME/wattlag`, else the one in the home folder. Throws where there is neither. */
export function recordingFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
	const state = baseFolder(env, 'XDG_STATE_HOME', '.local/state');
	if (state === undefined) throw new Error('no home folder: set XDG_STATE_HOME');
	return join(state, 'wattlag');
}

/** `wattlag-HOST-20260102T030405Z.jsonl.gz` */
function fileName({ host, written }: About): string {
	const plain = host.replace(/[^A-Za-z0-9.-]/g, '_').slice(0, 64);
	return `wattlag-${plain}-${written.replace(/\.\d+|[^0-9TZ]/g, '')}.jsonl.gz`;
}

async function* lines(about: About, snapshots: Iterable<Snapshot>): AsyncGenerator<string> {
	yield `${JSON.stringify(about)}\n`;
	for (const snapshot of snapshots) {
		yield `${JSON.stringify(snapshot)}\n`;
		// keys and frames first
		await new Promise((resolve) => setImmediate(resolve));
	}
}

/**
 * Make the folder where it is missing. Rejects where it is another user's or a symbolic link: under sudo with HOME kept,
 * root would leave files in a user's tree, or write where that user has led it.
 */
export async function makeOwnFolder(folder: string, fix = 'set XDG_STATE_HOME to a folder of your own'): Promise<void> {
	const own = process.geteuid?.();
	// from the folder up: the deepest one that is there decides, before anything is made in it
	let deepest = true;
	const missing: string[] = [];
	for (let path = folder; ; path = dirname(path)) {
		const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'ENOENT') throw new Error(`${path}: ${systemReason(error)}`);
			return undefined;
		});
		if (found?.isSymbolicLink() && path === folder) throw new Error(`${path} is a symbolic link: ${fix}`);
		if (found && (deepest || found.isSymbolicLink())) {
			const owners = found.isSymbolicLink() ? [found.uid, (await stat(path)).uid] : [found.uid];
			const foreign = owners.find((uid) => uid !== own && (uid !== 0 || path === folder));
			if (foreign !== undefined) throw new Error(`${path} belongs to another user (uid ${foreign}): ${fix}`);
			deepest = false;
		}
		if (found === undefined) missing.push(path);
		if (path === dirname(path)) break;
	}
	// one by one: node's recursive mkdir never ends where a file system such as /proc makes no folders
	for (const path of missing.reverse()) {
		await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'EEXIST') throw new Error(`${path}: ${systemReason(error)}`);
		});
	}
	if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is not a folder: ${fix}`);
}

/**
 * Returns the path of the new file, which only its owner may read: names and command lines of all users are in it.
 * Rejects, and leaves nothing behind, where it cannot be written; a file that is there already stays as it is.
 */
export async function writeRecording(
	folder: string,
	about: Omit<About, 'recording'>,
	snapshots: Iterable<Snapshot>,
): Promise<string> {
	await makeOwnFolder(folder);
	const head: About = { recording: RECORDING, ...about };
	const path = join(folder, fileName(head));
	const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
	let made = false;
	file.once('open', () => {
		made = true;
	});
	try {
		await pipeline(Readable.from(lines(head, snapshots)), createGzip({ level: 6 }), file);
		return path;
	} catch (error) {
		if (made) await rm(path, { force: true });
		throw error;
	}
}
