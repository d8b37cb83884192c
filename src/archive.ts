/**
 * Snapshots of the past in little memory. What charts draw over time stays at hand without its distributions; a whole
 * snapshot is packed (structured clone, then deflate: a tenth of its size) and unpacked when the user travels to it.
 */
import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Snapshot } from './snapshot.ts';

/** Fast rather than small: one snapshot per tab and interval is packed while the screen is live. */
const level = 1;

/** A snapshot on its way between threads: as bytes that the other one makes a snapshot of, and packed. */
export interface Parcel {
	whole: Uint8Array<ArrayBuffer>;
	packed: Uint8Array<ArrayBuffer>;
}

/** Both forms of a snapshot for the work of one. */
export function parcel(snapshot: Snapshot): Parcel {
	const whole = serialize(snapshot);
	// a copy: what deflate returns is the beginning of a larger buffer, which would stay
	return { whole, packed: new Uint8Array(deflateRawSync(whole, { level })) };
}

export function open({ whole }: Parcel): Snapshot {
	return deserialize(whole) as Snapshot;
}

export function pack(snapshot: Snapshot): Uint8Array {
	return parcel(snapshot).packed;
}

export function unpack(packed: Uint8Array): Snapshot {
	return deserialize(inflateRawSync(packed)) as Snapshot;
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
