/** Disk requests as /proc/diskstats counts them and as we do. */
import { readFileSync } from 'node:fs';
import type { io } from '../../src/tracers/io/tracer.ts';
import type { Counters } from './counters.ts';

type IoReading = ReturnType<ReturnType<typeof io.start>['read']>;

/** The groups in which /proc/diskstats counts. */
const GROUPS = {
	read: 'reads',
	write: 'writes',
	write_zeroes: 'writes',
	write_same: 'writes',
	discard: 'discards',
	flush: 'flushes',
} as Record<string, string>;

/** Requests and bytes so far by `major:minor group`, as the kernel counts them. */
export function kernelRequests(): Counters {
	const counters: Counters = new Map();
	for (const line of readFileSync('/proc/diskstats', 'utf8').trim().split('\n')) {
		const [major, minor, , ...fields] = line.trim().split(/\s+/);
		const [
			reads,
			,
			sectorsRead,
			,
			writes,
			,
			sectorsWritten,
			,
			,
			,
			,
			discards = 0,
			,
			sectorsDiscarded = 0,
			,
			flushes = 0,
		] = fields.map(Number) as number[];
		const dev = `${major}:${minor}`;
		for (const [group, count] of Object.entries({ reads, writes, discards, flushes }))
			counters.set(`${dev} ${group}`, count as number);
		for (const [group, sectors] of Object.entries({
			reads: sectorsRead,
			writes: sectorsWritten,
			discards: sectorsDiscarded,
		})) {
			counters.set(`${dev} ${group} bytes`, (sectors as number) * 512);
		}
	}
	return counters;
}

/** Ours, under the same names. */
export function ourRequests(reading: IoReading): Counters {
	const counters: Counters = new Map();
	const add = (key: string, value: number): unknown => counters.set(key, (counters.get(key) ?? 0) + value);
	for (const row of reading.rows) {
		const group = GROUPS[row.op];
		if (!group) continue;
		add(`${row.dev} ${group}`, row.count_total);
		if (group !== 'flushes')
			add(
				`${row.dev} ${group} bytes`,
				row.bytes_total + (row.bytes_discarded_total ?? 0) + (row.bytes_zeroed_total ?? 0),
			);
	}
	return counters;
}
