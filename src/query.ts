/** In which order rows are shown. Pure; the rows themselves are never changed. Which rows: `src/filter/`. */
import type { Column } from './tracers/tracer.ts';

export type Direction = 'ascending' | 'descending';

export interface Sort {
	/** Key of a column. */
	key: string;
	direction: Direction;
}

/** Numbers are read from the top, names from the beginning. */
export function firstDirection<Row>(column: Column<Row> | undefined): Direction {
	if (column?.smallestFirst) return 'ascending';
	return column?.kind === 'text' || column?.kind === 'pid' ? 'ascending' : 'descending';
}

export function reversed(direction: Direction): Direction {
	return direction === 'ascending' ? 'descending' : 'ascending';
}

/** Stable: equal rows keep their order. `seconds` is the interval's length. NaN and Infinity come last. */
export function sortRows<Row>(
	rows: readonly Row[],
	column: Column<Row> | undefined,
	direction: Direction,
	seconds: number,
): readonly Row[] {
	if (column === undefined) return rows;
	const sign = direction === 'ascending' ? 1 : -1;
	// Each value is taken once: the comparison runs n log n times.
	const values = rows.map((row) => column.value(row, seconds));
	const order = Array.from(rows.keys());
	order.sort((a, b) => compare(values[a], values[b], sign) || a - b);
	return order.map((index) => rows[index] as Row);
}

function compare(a: unknown, b: unknown, sign: number): number {
	if (typeof a === 'number' && typeof b === 'number') {
		const aFinite = Number.isFinite(a);
		const bFinite = Number.isFinite(b);
		if (aFinite && bFinite) return sign * (a - b);
		return Number(bFinite) - Number(aFinite);
	}
	// Code units: fast, and the same on every machine whatever its locale.
	const left = String(a);
	const right = String(b);
	return left === right ? 0 : left < right ? -sign : sign;
}
