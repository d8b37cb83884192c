/** Sizes of ring buffers by need. The kernel wants a power of two pages, which `setMaxEntries` sees to. */

import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import type { Bytes, Count } from '../lib/units.ts';

/** Tasks of the machine now; undefined: not known. */
function tasksNow(procRoot: string): Count | undefined {
	try {
		// 0.20 0.18 0.12 1/80 11206: runnable/all
		const all = Number(/ \d+\/(\d+) /.exec(readLatin1(join(procRoot, 'loadavg')))?.[1]);
		return all > 0 ? all : undefined;
	} catch {
		return undefined;
	}
}

/** Bytes of a record in a ring: its header, and its size rounded up to 8. */
const HEADER: Bytes = 8;

/**
 * Of a ring that holds a record of each task, for twice the tasks of now, within limits. A walk that finds it full is
 * repeated by an iterator, so a machine that has become larger costs more, and loses nothing.
 * @param record size of the usual record
 */
export function walkRing(procRoot: string, record: Bytes, least: Bytes, most: Bytes): Bytes {
	const tasks = tasksNow(procRoot);
	if (tasks === undefined) return most;
	const wanted = 2 * tasks * (record + HEADER);
	return Math.min(most, Math.max(least, 2 ** Math.ceil(Math.log2(wanted))));
}

/** Of a ring into which each CPU puts at most `cpu` bytes between two readings. */
export function cpuRing(online: Count, { cpu, most }: { cpu: Bytes; most: Bytes }): Bytes {
	return online > 0 ? Math.min(most, cpu * 2 ** Math.ceil(Math.log2(online))) : most;
}

/** Of a ring that is filled at a rate that CPUs limit: half of `most` on up to two CPUs. */
export function eventRing(online: Count, most: Bytes): Bytes {
	return online > 0 && online <= 2 ? most / 2 : most;
}
