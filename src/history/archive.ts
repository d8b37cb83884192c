/**
 * Snapshots in little memory, and as little work for who does not look at them: their rows are kept by property, and made
 * when somebody reads them. What charts draw over time stays at hand without its distributions; a whole snapshot is
 * packed (structured clone, then deflate: a tenth of its size) and unpacked when the user travels to it.
 */
import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Snapshot } from '../core/snapshot.ts';
import { type Columns, dropLists, fromColumns, toColumns } from './columnar.ts';

/** Fast rather than small: one snapshot per tab and interval is packed while the screen is live. */
const level = 1;

/** A snapshot on its way between threads: as bytes that the other one makes a snapshot of, and packed. */
export interface EncodedSnapshot {
	whole: Uint8Array<ArrayBuffer>;
	packed: Uint8Array<ArrayBuffer>;
}

/** Everything but its rows. */
type Head = Omit<Snapshot, 'rows'>;

interface Written {
	head: Head;
	columns: Columns;
}

/** What snapshots were made of. */
const origins = new WeakMap<Snapshot, Written>();

function write(snapshot: Snapshot): Written {
	const { rows, ...head } = snapshot;
	return { head, columns: toColumns(rows) };
}

function read(written: Written): Snapshot {
	let rows: readonly object[] | undefined;
	const snapshot = {
		...written.head,
		get rows(): readonly object[] {
			rows ??= fromColumns(written.columns);
			return rows;
		},
	};
	origins.set(snapshot, written);
	return snapshot;
}

function originOf(snapshot: Snapshot): Written {
	return origins.get(snapshot) ?? write(snapshot);
}

/** Both forms of a snapshot for the work of one. */
export function encode(snapshot: Snapshot): EncodedSnapshot {
	const whole = serialize(originOf(snapshot));
	// a copy: what deflate returns is the beginning of a larger buffer, which would stay
	return { whole, packed: new Uint8Array(deflateRawSync(whole, { level })) };
}

export function decode({ whole }: EncodedSnapshot): Snapshot {
	return read(deserialize(whole) as Written);
}

export function pack(snapshot: Snapshot): Uint8Array {
	return encode(snapshot).packed;
}

export function unpack(packed: Uint8Array): Snapshot {
	return read(deserialize(inflateRawSync(packed)) as Written);
}

/** How many rows it has. */
export function rowCount(snapshot: Snapshot): number {
	return origins.get(snapshot)?.columns.length ?? snapshot.rows.length;
}

/** Its rows without their lists (buckets of histograms): most of their memory, and nothing that charts over time draw. */
export function withoutLists(snapshot: Snapshot): Snapshot {
	const { head, columns } = originOf(snapshot);
	return read({ head, columns: dropLists(columns) });
}

export function withoutRows(snapshot: Snapshot): Snapshot {
	return { ...originOf(snapshot).head, rows: [] };
}
