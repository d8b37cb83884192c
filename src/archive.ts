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

/** A row without its lists (buckets of histograms): most of its memory, and nothing that charts over time draw. */
function leanRow(row: object): object {
	const lean: Record<string, unknown> = {};
	for (const [key, value] of Object.entries(row)) {
		lean[key] = Array.isArray(value) ? none : typeof value === 'object' && value !== null ? leanRow(value) : value;
	}
	return lean;
}

export function lean(snapshot: Snapshot): Snapshot {
	return { ...snapshot, rows: snapshot.rows.map(leanRow) };
}
