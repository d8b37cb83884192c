/**
 * Encodes snapshots, to save memory and the work for unread rows: rows are stored by property and decoded on first
 * access. Charts over time use snapshots without distributions; a whole snapshot is packed (structured clone, then
 * deflate: a tenth of its size) and unpacked when the user travels to it.
 */
import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Snapshot } from '../core/snapshot.ts';
import type { Bytes } from '../lib/units.ts';
import { type Columns, dropLists, fromColumns, toColumns } from './columnar.ts';

/** Fast rather than small: one snapshot per tab and interval is packed while the screen is live. */
const level = 1;

/** A snapshot between threads: serialized for the receiver, and packed for its archive. */
export interface EncodedSnapshot {
	whole: Uint8Array<ArrayBuffer>;
	packed: Uint8Array<ArrayBuffer>;
}

/** A snapshot without its rows. */
type Head = Omit<Snapshot, 'rows'>;

interface Written {
	head: Head;
	columns: Columns;
}

/** The encoded forms of decoded snapshots. */
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
	// a copy: deflate returns the beginning of a larger buffer, which would be kept
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

/** Memory of the encoded rows; 0: none, or they are not encoded. */
export function columnBytes(snapshot: Snapshot): Bytes {
	const columns = origins.get(snapshot)?.columns;
	return columns ? columns.numbers.byteLength + (columns.lists?.byteLength ?? 0) : 0;
}

/** Number of rows, without decoding them. */
export function rowCount(snapshot: Snapshot): number {
	return origins.get(snapshot)?.columns.length ?? snapshot.rows.length;
}

/** With empty lists (buckets of histograms) in its rows: they take most of the memory, and charts over time do not draw them. */
export function withoutLists(snapshot: Snapshot): Snapshot {
	const { head, columns } = originOf(snapshot);
	return read({ head, columns: dropLists(columns) });
}

export function withoutRows(snapshot: Snapshot): Snapshot {
	return { ...originOf(snapshot).head, rows: [] };
}
