/** Writes what is in memory to a file, a snapshot at a time, so that the screen goes on meanwhile. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { makeOwnFolder } from '../core/own-folder.ts';
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
