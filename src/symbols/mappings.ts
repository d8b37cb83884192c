/** The executable mappings of a process, from `/proc/PID/maps`. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { firstIndex } from '../lib/bisect.ts';
import { readLatin1 } from '../lib/read-file.ts';

export interface Mapping {
	start: number;
	end: number;
	/** Of `start` in the file. */
	offset: number;
	/** Device as maps has it, `fe:01`. */
	device: string;
	inode: string;
	/** As the kernel names it, ` (deleted)` included; `[vdso]`; empty: anonymous. */
	path: string;
	/** `start-end`: the name in map_files, which unlike maps has no leading zeros. */
	range: string;
}

/** Most mappings that are kept of one process. */
const MAX_MAPPINGS = 8192;

const line = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ..x. ([0-9a-f]{1,16}) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/;

function unpadded(digits: string): string {
	return digits.replace(/^0+(?=.)/, '');
}

/** In the order of addresses. Lines of other form are skipped. */
export function parseMaps(text: string): Mapping[] {
	const mappings: Mapping[] = [];
	for (const one of text.split('\n')) {
		const match = line.exec(one);
		if (!match) continue;
		const [, start = '', end = '', offset = '', device = '', inode = '', path = ''] = match;
		mappings.push({
			start: Number.parseInt(start, 16),
			end: Number.parseInt(end, 16),
			offset: Number.parseInt(offset, 16),
			device,
			inode,
			path,
			range: `${unpadded(start)}-${unpadded(end)}`,
		});
		if (mappings.length >= MAX_MAPPINGS) break;
	}
	return mappings;
}

/** Throws where the process has gone. */
export function readMaps(procRoot: string, pid: number): Mapping[] {
	return parseMaps(readLatin1(join(procRoot, String(pid), 'maps')));
}

/** Threads that are asked where the first one has ended. */
const MOST_ASKED = 8;

/**
 * The same of a process whose first thread may have ended, which has none then: its other threads have them all. `id`: the
 * thread under whose number `/proc` has the process's files. None: it is in its exit.
 */
export function mapsOf(procRoot: string, pid: number): { mappings: Mapping[]; id: number } {
	const mappings = readMaps(procRoot, pid);
	if (mappings.length > 0) return { mappings, id: pid };
	for (const thread of readdirSync(join(procRoot, String(pid), 'task')).slice(0, MOST_ASKED)) {
		const id = Number(thread);
		const own = id === pid ? [] : readMaps(procRoot, id);
		if (own.length > 0) return { mappings: own, id };
	}
	return { mappings, id: pid };
}

/** The mapping that contains an address. */
export function mappingAt(mappings: readonly Mapping[], address: number): Mapping | undefined {
	const behind = firstIndex(mappings.length, (index) => (mappings[index] as Mapping).start > address);
	const found = mappings[behind - 1];
	return found && address < found.end ? found : undefined;
}
