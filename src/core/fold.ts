/**
 * Folds process rows into rows of groups: the contract that a tracer fulfils, and the sums that it needs for that.
 * `rows/grouping/regroup.ts` does the folding, for every tracer alike.
 */
import type { SafeText } from '../lib/sanitize.ts';

/** Groups that are folded from process rows. A fold sees listed processes only; totals of others are the session's. */
export type DerivedGroup = 'cgroup' | 'user' | 'command' | 'service' | 'pidns' | 'tree';

/** What the processes of a group have in common. */
export interface GroupName {
	kind: Exclude<DerivedGroup, 'tree'>;
	/** User id (-1: not known) or inode of the namespace; 0 where the name alone is the identity. */
	id: number;
	/** Name of the user or command, full path of the control group, name of the namespace's first process. */
	name: SafeText;
}

/** How process rows become one row. */
export interface Fold<Row> {
	/** Groups of the tracer that are folded; its session reads processes for them. */
	groups: readonly DerivedGroup[];
	/** Name of a row's process. */
	comm(row: Row): SafeText;
	/** Full path of a row's control group, empty: not known. Required for the group `cgroup`. */
	cgroup?(row: Row): SafeText;
	/** User of a row, where rows carry it; else the user is read from `/proc`. */
	user?(row: Row): SafeText;
	/**
	 * All figures of some rows together, identity of the first: sums and shares of a whole are added, of maxima the
	 * largest is taken, percentiles come from the merged distributions.
	 */
	merge(rows: readonly [Row, ...Row[]]): Row;
	/** A merged row under the name of its group. */
	named(row: Row, group: GroupName): Row;
}

/** A row of a tree: its figures include its descendants. */
export interface InTree {
	/** Number of listed ancestors. */
	depth?: number;
}

/** The sums of some fields; a field that the first row lacks is left out. */
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
