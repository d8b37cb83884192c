/**
 * Snapshots of the past in little memory. What charts draw over time stays at hand without its distributions; a whole
 * snapshot is packed (structured clone, then deflate: a tenth of its size) and unpacked when the user travels to it.
 */
import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type Columns, fromColumns, toColumns } from './columnar.ts';
import type { Snapshot } from './snapshot.ts';

/** Fast rather than small: one snapshot per tab and interval is packed while the screen is live. */
const level = 1;

/** A snapshot on its way between threads: as bytes that the other one makes a snapshot of, and packed. */
export interface Parcel {
	whole: Uint8Array<ArrayBuffer>;
	packed: Uint8Array<ArrayBuffer>;
}

/** Rows by property where they are many, else as they are. */
interface Written extends Omit<Snapshot, 'rows'> {
	rows: readonly object[] | Columns;
}

/** Fewer rows than this are written as they are. */
const MANY = 256;

function write(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
	const columns = snapshot.rows.length < MANY ? undefined : toColumns(snapshot.rows);
	return serialize({ ...snapshot, rows: columns ?? snapshot.rows } satisfies Written);
}

const isColumns = (rows: Written['rows']): rows is Columns => !Array.isArray(rows);

function read(bytes: Uint8Array): Snapshot {
	const written = deserialize(bytes) as Written;
	if (isColumns(written.rows)) written.rows = fromColumns(written.rows);
	return written as Snapshot;
}

/** Both forms of a snapshot for the work of one. */
export function parcel(snapshot: Snapshot): Parcel {
	const whole = write(snapshot);
	// a copy: what deflate returns is the beginning of a larger buffer, which would stay
	return { whole, packed: new Uint8Array(deflateRawSync(whole, { level })) };
}

export function open({ whole }: Parcel): Snapshot {
	return read(whole);
}

export function pack(snapshot: Snapshot): Uint8Array {
	return parcel(snapshot).packed;
}

export function unpack(packed: Uint8Array): Snapshot {
	return read(inflateRawSync(packed));
}

const none: readonly never[] = [];

/**
 * A row without its lists (buckets of histograms): most of its memory, and nothing that charts over time draw. A row
 * without any is itself: thousands come every second, on the thread that draws.
 */
function leanRow(row: object): object {
	let lean: Record<string, unknown> | undefined;
	for (const key in row) {
		const value = (row as Record<string, unknown>)[key];
		if (typeof value !== 'object' || value === null) continue;
		const less = Array.isArray(value) ? none : leanRow(value);
		if (less === value) continue;
		lean ??= { ...row };
		lean[key] = less;
	}
	return lean ?? row;
}

export function lean(snapshot: Snapshot): Snapshot {
	return { ...snapshot, rows: snapshot.rows.map(leanRow) };
}
