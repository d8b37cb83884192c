/**
 * Reads a recording that anybody may have made: within limits, its text made inert, and only snapshots that every
 * column of their tab can show. Of a damaged one the good beginning counts.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Snapshot } from '../core/snapshot.ts';
import type { Tracer } from '../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Count } from '../lib/units.ts';
import { type About, MAX_BYTES, MAX_LINE, MAX_SNAPSHOTS, RECORDING } from './format.ts';

export interface Recording {
	about: About;
	/** Snapshots read. */
	count: Count;
	/** Why it ends where it ends; undefined: it is whole. */
	damage: SafeText | undefined;
}

type Tabs = readonly Pick<Tracer<object, object>, 'id' | 'columns' | 'rowKey' | 'processOf'>[];

/** Nested deeper than any snapshot of ours. */
const MAX_DEPTH = 12;

/** The same value with all its text made inert, names of fields too. */
function inert(value: unknown, depth = 0): unknown {
	if (typeof value === 'string') return sanitize(value);
	if (typeof value !== 'object' || value === null) return value;
	if (depth >= MAX_DEPTH) throw new Error('nested too deep');
	if (Array.isArray(value)) return value.map((item) => inert(item, depth + 1));
	// fromEntries defines fields: one called __proto__ is a field like any other
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [sanitize(key), inert(item, depth + 1)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function aboutOf(line: string): About {
	const value = inert(JSON.parse(line)) as Partial<About>;
	const { recording, host = safe``, kernel = safe``, cpus, written = safe`` } = value;
	if (typeof recording !== 'number') throw new Error('no recording of wattlag');
	if (recording > RECORDING) throw new Error(`made by a newer wattlag (recording ${recording}, known is ${RECORDING})`);
	for (const text of [host, kernel, written]) if (typeof text !== 'string') throw new Error('no recording of wattlag');
	return { recording, host, kernel, cpus: Number(cpus) || 0, written };
}

const numbers = ['mono_ns', 'dt_ns'] as const;
const costs = ['bpf_runs', 'cpu_ns', 'rss_bytes'] as const;

/** Throws what is wrong with it. */
function snapshotOf(line: string, tabs: Tabs): Snapshot {
	const value = inert(JSON.parse(line));
	if (!isObject(value)) throw new Error('not a snapshot');
	const { tab, time, group, source, lost, cost, rows } = value;
	const tracer = tabs.find(({ id }) => id === tab);
	if (!tracer) throw new Error(`unknown tab '${sanitize(String(tab))}'`);
	if (numbers.some((name) => !Number.isFinite(value[name]))) throw new Error('no time');
	if (typeof time !== 'string' || Number.isNaN(Date.parse(time)) || typeof group !== 'string')
		throw new Error('no time');
	if (!isObject(source) || typeof source['kind'] !== 'string') throw new Error('no source');
	if (!isObject(lost) || !Object.values(lost).every(Number.isFinite)) throw new Error('no losses');
	if (!isObject(cost) || costs.some((name) => !Number.isFinite(cost[name]))) throw new Error('no cost');
	if (cost['bpf_ns'] !== null && !Number.isFinite(cost['bpf_ns'])) throw new Error('no cost');
	if (!Array.isArray(rows) || !rows.every(isObject)) throw new Error('no rows');
	// what the screen will do with each row, where a mistake can still be told
	for (const row of rows) {
		tracer.rowKey(row);
		tracer.processOf?.(row);
		for (const column of tracer.columns) column.value(row, 1);
	}
	return value as unknown as Snapshot;
}

/** Lines of a gzip file, as many as are whole and within the limits. Throws at the first byte that is not. */
async function* linesOf(path: string): AsyncGenerator<string> {
	// an error of the file ends what reads from it; whoever stops to read closes the file
	const unpacked = pipeline(createReadStream(path), createGunzip(), () => {});
	const decoder = new TextDecoder('utf-8', { fatal: true });
	// pieces of the line that has not ended yet, each looked at once
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
 */
export async function readRecording(path: string, tabs: Tabs, take: (snapshot: Snapshot) => void): Promise<Recording> {
	let about: About | undefined;
	let count = 0;
	try {
		for await (const line of linesOf(path)) {
			if (!about) about = aboutOf(line);
			else if (count >= MAX_SNAPSHOTS) throw new Error(`more than ${MAX_SNAPSHOTS} snapshots`);
			else {
				take(snapshotOf(line, tabs));
				count++;
			}
		}
	} catch (error) {
		if (!about)
			throw /^Z_/.test((error as NodeJS.ErrnoException).code ?? '') ? new Error('no recording of wattlag') : error;
		return { about, count, damage: sanitize(`after ${count} snapshots: ${(error as Error).message}`) };
	}
	if (!about) throw new Error('empty');
	return { about, count, damage: undefined };
}
