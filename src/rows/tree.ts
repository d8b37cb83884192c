/** Filters and orders rows; in a tree, children stay below their parents. Pure. */

import { type Snapshot, secondsOf } from '../core/snapshot.ts';
import type { Column } from '../core/tracer.ts';
import { type Direction, sortRows } from './sort.ts';

function depthOf(row: unknown): number {
	return (row as { depth?: number }).depth ?? 0;
}

interface Branch<Row> {
	row: Row;
	below: Branch<Row>[];
}

/** Order siblings; children stay below their parent. */
export function sortTree<Row>(
	rows: readonly Row[],
	column: Column<Row> | undefined,
	direction: Direction,
	seconds: number,
): readonly Row[] {
	if (column === undefined) return rows;
	const top: Branch<Row>[] = [];
	const path: Branch<Row>[] = [];
	for (const row of rows) {
		const branch = { row, below: [] };
		path.length = Math.min(path.length, depthOf(row));
		(path.at(-1)?.below ?? top).push(branch);
		path.push(branch);
	}
	const byRow: Column<Branch<Row>> = { ...column, value: (branch, length) => column.value(branch.row, length) };
	const sorted: Row[] = [];
	const open = [...sortRows(top, byRow, direction, seconds)].reverse();
	for (let next = open.pop(); next; next = open.pop()) {
		sorted.push(next.row);
		open.push(...sortRows(next.below, byRow, direction, seconds).toReversed());
	}
	return sorted;
}

/** Rows that pass, and their ancestors, which show their position. */
export function filterTree<Row>(rows: readonly Row[], test: (row: Row) => boolean): readonly Row[] {
	const kept: Row[] = [];
	// rows of less depth than this are ancestors of the row kept last
	let above = 0;
	for (let index = rows.length - 1; index >= 0; index--) {
		const row = rows[index] as Row;
		const depth = depthOf(row);
		if (depth >= above && !test(row)) continue;
		kept.push(row);
		above = depth;
	}
	return kept.reverse();
}

/** Indentation of the name of a row, a cell for each ancestor, at most half of `width`. */
export function treeIndent(row: unknown, width: number): string {
	const depth = Math.min(depthOf(row), (width >> 1) - 1);
	return depth < 1 ? '' : `${' '.repeat(depth - 1)}└ `;
}

type Interval = Pick<Snapshot, 'group' | 'dt_ns'>;

/** Rows that pass `test`, which also gets the length of the interval in seconds; null: all. */
export function passing<Row>(
	snapshot: Interval,
	rows: readonly Row[],
	test: ((row: Row, seconds: number) => boolean) | null,
): readonly Row[] {
	if (!test) return rows;
	const seconds = secondsOf(snapshot);
	const passes = (row: Row) => test(row, seconds);
	return snapshot.group === 'tree' ? filterTree(rows, passes) : rows.filter(passes);
}

/** In the order of a column; undefined: unchanged. */
export function ordered<Row>(
	snapshot: Interval,
	rows: readonly Row[],
	column: Column<Row> | undefined,
	direction: Direction,
): readonly Row[] {
	const sort = snapshot.group === 'tree' ? sortTree : sortRows;
	return sort(rows, column, direction, secondsOf(snapshot));
}
