/** The order of rows (which rows: `src/rows/filter/`). Pure; rows are never changed. */

import type { Column } from '../core/tracer.ts';
import { ascending } from '../lib/order.ts';

export type Direction = 'ascending' | 'descending';

/** The order of a table: one column, and its direction. */
export interface Sort {
	/** Key of a column. */
	key: string;
	direction: Direction;
}

/** Numbers descending, names ascending. */
export function firstDirection<Row>(column: Column<Row> | undefined): Direction {
	if (column?.smallestFirst) return 'ascending';
	return column?.kind === 'text' || column?.kind === 'pid' ? 'ascending' : 'descending';
}

export function reversed(direction: Direction): Direction {
	return direction === 'ascending' ? 'descending' : 'ascending';
}

/** Stable: equal rows keep their order. `seconds` is the interval's length. NaN, Infinity and empty text come last. */
export function sortRows<Row>(
	rows: readonly Row[],
	column: Column<Row> | undefined,
	direction: Direction,
	seconds: number,
): readonly Row[] {
	if (column === undefined) return rows;
	const sign = direction === 'ascending' ? 1 : -1;
	const sizes = sortKeys(rows, (row) => column.value(row, seconds));
	for (const [place, size] of sizes.entries())
		sizes[place] = Number.isFinite(size) ? sign * size : Number.POSITIVE_INFINITY;
	return Array.from(ascending(sizes), (place) => rows[place] as Row);
}

/** Sort keys: numbers themselves; where there is text, the rank among all values. */
function sortKeys<Row>(rows: readonly Row[], value: (row: Row) => number | string): Float64Array {
	const sizes = new Float64Array(rows.length);
	for (const [place, row] of rows.entries()) {
		const size = value(row);
		if (typeof size === 'string') return ranksOf(rows.map(value));
		sizes[place] = size;
	}
	return sizes;
}

/** Ranks by code units: fast, and independent of the locale. Numbers come before text. */
function ranksOf(values: readonly (number | string)[]): Float64Array {
	const different = [...new Set(values)];
	const numbers = different.filter((value) => Number.isFinite(value)) as number[];
	// nothing to say is last in both directions, as what is no number
	const texts = different.filter((value) => typeof value === 'string' && value !== '');
	const places = new Map([...numbers.sort((a, b) => a - b), ...texts.sort()].map((value, place) => [value, place]));
	return Float64Array.from(values, (value) => places.get(value) ?? Number.NaN);
}
