/** Snapshots as lines of JSON: what `--batch --json` and `export` print. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Description } from '../core/tracer.ts';
import { Filter } from '../rows/filter/bind.ts';
import { firstDirection } from '../rows/sort.ts';
import { ordered, passing } from '../rows/tree.ts';

/** What the user wants of a snapshot. */
export interface RowChoice {
	tracer: Description<object>;
	/** Column key. */
	sort: string;
	/** Checked with the columns of all `tracers`. */
	filter?: string;
	tracers?: readonly Description<object>[];
	/** Rows that are kept after sorting. */
	limit: number;
}

/** The rows of a snapshot that the user has asked for, in the user's order. */
export function rowsOf({
	tracer,
	sort: key,
	filter = '',
	tracers = [tracer],
	limit,
}: RowChoice): (snapshot: Snapshot) => readonly object[] {
	const sort = tracer.columns.find((column) => column.key === key);
	const { test } = new Filter(filter, tracers as never).bind(tracer);
	return (snapshot) =>
		ordered(snapshot, passing(snapshot, snapshot.rows, test), sort, firstDirection(sort)).slice(0, limit);
}

/** One interval as a line of JSON; `limit` cuts the rows after sorting. */
export function jsonLine(snapshot: Snapshot, rows: readonly object[], brief = false): string {
	return `${JSON.stringify(brief ? { ...shortened(snapshot), rows: rows.filter(happened).map(plain) } : { ...snapshot, rows })}\n`;
}

/** Entries of a list beside the rows in a brief line. */
const BRIEF_LIST = 16;

function shortened(snapshot: Snapshot): object {
	return Object.fromEntries(
		Object.entries(snapshot).map(([name, value]) => [name, Array.isArray(value) ? value.slice(0, BRIEF_LIST) : value]),
	);
}

/** Had the row an event in the interval? True of rows that count none. */
function happened(row: object): boolean {
	return (row as { count?: unknown }).count !== 0;
}

/** Without lists, nulls, empty texts, sums since start, and records that have nothing else; fractions to four digits. */
function plain(row: object): object {
	return Object.fromEntries(
		Object.entries(row).flatMap(([name, value]) => {
			if (value === null || value === '' || Array.isArray(value) || name.endsWith('_total')) return [];
			if (typeof value === 'number') return [[name, Number.isInteger(value) ? value : Number(value.toPrecision(4))]];
			if (typeof value !== 'object') return [[name, value]];
			const inner = plain(value as object);
			return Object.keys(inner).length === 0 ? [] : [[name, inner]];
		}),
	);
}
