/** Snapshots as lines of JSON: what `--batch --json` and `export` print. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Tracer } from '../core/tracer.ts';
import { Filter } from '../rows/filter/bind.ts';
import { firstDirection } from '../rows/sort.ts';
import { ordered, passing } from '../rows/tree.ts';

/** What the user wants of a snapshot. */
export interface RowChoice {
	tracer: Tracer<object, object>;
	/** Column key. */
	sort: string;
	/** Checked with the columns of all `tracers`. */
	filter?: string;
	tracers?: readonly Tracer<object, object>[];
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
export function jsonLine(snapshot: Snapshot, rows: readonly object[]): string {
	return `${JSON.stringify({ ...snapshot, rows })}\n`;
}
