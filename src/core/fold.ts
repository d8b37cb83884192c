/** How rows of processes become rows of groups: what a tracer says of its rows, and the sums that it needs for that. */
import type { SafeText } from '../lib/sanitize.ts';

export type DerivedGroup = 'user' | 'command' | 'pidns' | 'tree';

/** What the processes of a group have in common. */
export interface GroupName {
	kind: Exclude<DerivedGroup, 'tree'>;
	/** User id or inode of the namespace; 0 for commands. */
	id: number;
	name: SafeText;
}

/** How rows of processes become one row. */
export interface Fold<Row> {
	/** Those groups of the tracer that are made here. */
	groups: readonly DerivedGroup[];
	/** Name of the process of a row. */
	comm(row: Row): SafeText;
	/**
	 * All figures of some rows together, identity of the first: sums are added, shares of a whole too, a maximum is the
	 * largest, a percentile is taken from the distributions put together.
	 */
	merge(rows: readonly [Row, ...Row[]]): Row;
	/** A merged row as that of a group. */
	named(row: Row, group: GroupName): Row;
}

/** A row of a tree: it contains those below it. */
export interface InTree {
	/** Generations above it in the listing. */
	depth?: number;
}

/** The sums of some fields; a field that the first row lacks stays away. */
export function sums<Row extends object, Key extends keyof Row>(
	rows: readonly [Row, ...Row[]],
	keys: readonly Key[],
): Pick<Row, Key> {
	const [first] = rows;
	const total: Partial<Record<Key, number>> = {};
	for (const key of keys) {
		if (first[key] === undefined) continue;
		let sum = 0;
		for (const row of rows) sum += Number(row[key] ?? 0);
		total[key] = sum;
	}
	return total as Pick<Row, Key>;
}
