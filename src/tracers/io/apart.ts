/** Figures that few rows have: bytes without data, errors, requests held back by limits. Pure. */
import { io_op } from '../../generated/io.ts';
import type { Apart } from './snapshot.ts';

/** In the interval, and since start under the name with `_total`. */
export const APART = ['bytes_discarded', 'bytes_zeroed', 'errors', 'held_back'] as const;

export type ApartSums = Required<Apart>;

export function noneApart(): ApartSums {
	return {
		bytes_discarded: 0,
		bytes_zeroed: 0,
		errors: 0,
		held_back: 0,
		bytes_discarded_total: 0,
		bytes_zeroed_total: 0,
		errors_total: 0,
		held_back_total: 0,
	};
}

const DISCARDS: ReadonlySet<number> = new Set([io_op.IO_DISCARD, io_op.IO_SECURE_ERASE]);

/** The field that has the bytes of an operation. */
export function bytesField(op: number): 'bytes' | 'bytes_discarded' | 'bytes_zeroed' {
	if (DISCARDS.has(op)) return 'bytes_discarded';
	return op === io_op.IO_WRITE_ZEROES ? 'bytes_zeroed' : 'bytes';
}

/** As fields of a row: only what there has been since start. */
export function apart(sums: ApartSums): Apart {
	const fields: Apart = {};
	for (const name of APART) {
		if (sums[`${name}_total`] === 0) continue;
		fields[name] = sums[name];
		fields[`${name}_total`] = sums[`${name}_total`];
	}
	return fields;
}

/** The sums over rows, as fields of a row. */
export function sumApart(rows: readonly Apart[]): Apart {
	const sums = noneApart();
	for (const row of rows) {
		for (const name of APART) {
			sums[name] += row[name] ?? 0;
			sums[`${name}_total`] += row[`${name}_total`] ?? 0;
		}
	}
	return apart(sums);
}
