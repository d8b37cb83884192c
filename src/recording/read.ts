/**
 * Reads a recording that anybody may have made: within limits, its text made inert, and only snapshots that every
 * column of their tab can show. Of a damaged one the good beginning counts.
 */

import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { systemReason } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Count } from '../lib/units.ts';
import { inert } from './columns-text.ts';
import { type About, MAX_BYTES, MAX_LINE, MAX_SNAPSHOTS, RECORDING } from './format.ts';
import { checkedSnapshot, type RecordedTab } from './validate.ts';

export interface Recording {
	about: About;
	/** Snapshots read. */
	count: Count;
	/** Why it ends where it ends; undefined: it is whole. */
	damage: SafeText | undefined;
}

function aboutOf(line: string): About {
	let value: Partial<About> | null;
	try {
		value = inert(JSON.parse(line)) as Partial<About> | null;
	} catch {
		value = null;
	}
	if (typeof value !== 'object' || value === null) throw new Error('no recording of wattlag');
	const { recording, host = safe``, kernel = safe``, cpus, written = safe`` } = value;
	if (typeof recording !== 'number') throw new Error('no recording of wattlag');
	if (recording > RECORDING) throw new Error(`made by a newer wattlag (recording ${recording}, known is ${RECORDING})`);
	for (const text of [host, kernel, written]) if (typeof text !== 'string') throw new Error('no recording of wattlag');
	return { recording, host, kernel, cpus: Number(cpus) || 0, written };
}

/** Lines of a gzip file, as many as are whole and within the limits. Throws at the first byte that is not. */
async function* linesOf(path: string): AsyncGenerator<string> {
	// an error of the file ends what reads from it; a reader that stops closes the file
	const unpacked = pipeline(createReadStream(path), createGunzip(), () => {});
	const decoder = new TextDecoder('utf-8', { fatal: true });
	// pieces of the line that has not ended yet, each searched once
	let pieces: string[] = [];
	let length = 0;
	let bytes = 0;
	for await (const chunk of unpacked as AsyncIterable<Buffer>) {
		bytes += chunk.byteLength;
		if (bytes > MAX_BYTES) throw new Error(`more than ${MAX_BYTES >> 20} MiB`);
		const text = decoder.decode(chunk, { stream: true });
		let from = 0;
		for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
			yield pieces.join('') + text.slice(from, end);
			pieces = [];
			length = 0;
			from = end + 1;
		}
		if (from === text.length) continue;
		pieces.push(text.slice(from));
		length += text.length - from;
		if (length > MAX_LINE) throw new Error('a line without end');
	}
	if (length > 0) throw new Error('the last line is not whole');
}

/**
 * Hands over the snapshots one at a time, in the order of the file. Rejects where there is no recording at all: no such
 * file, not ours, made by a newer program.
 * @param most snapshots to read
 */
export async function readRecording(
	path: string,
	tabs: readonly RecordedTab[],
	take: (snapshot: Snapshot) => void,
	most = MAX_SNAPSHOTS,
): Promise<Recording> {
	let about: About | undefined;
	let count = 0;
	try {
		for await (const line of linesOf(path)) {
			if (about && count >= most && most < MAX_SNAPSHOTS) break;
			if (!about) about = aboutOf(line);
			else if (count >= MAX_SNAPSHOTS) throw new Error(`more than ${MAX_SNAPSHOTS} snapshots`);
			else {
				take(checkedSnapshot(inert(JSON.parse(line)), tabs));
				count++;
			}
		}
	} catch (error) {
		if (!about)
			throw /^Z_/.test((error as NodeJS.ErrnoException).code ?? '') ? new Error('no recording of wattlag') : error;
		return { about, count, damage: sanitize(`after ${count} snapshots: ${systemReason(error)}`) };
	}
	if (!about) throw new Error('empty');
	return { about, count, damage: undefined };
}
