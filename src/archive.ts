/**
 * Snapshots of the past in little memory. What charts draw over time stays at hand without its distributions; a whole
 * snapshot is packed (structured clone, then deflate: a tenth of its size) and unpacked when the user travels to it.
 */
import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Snapshot } from './snapshot.ts';

/** Fast rather than small: one snapshot per tab and interval is packed while the screen is live. */
const level = 1;

export function pack(snapshot: Snapshot): Uint8Array {
	// a copy: what deflate returns is the beginning of a larger buffer, which would stay
	return new Uint8Array(deflateRawSync(serialize(snapshot), { level }));
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
