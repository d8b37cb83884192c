/** The rows of a tab, filtered and sorted. */
import { useMemo } from 'react';
import type { Snapshot } from '../../core/snapshot.ts';
import { type Band, type Buckets, boundsOf, log2Slot } from '../../lib/histogram.ts';
import type { Ns } from '../../lib/units.ts';
import type { RowTest } from '../../rows/filter/bind.ts';
import type { Sort } from '../../rows/sort.ts';
import { ordered, passing } from '../../rows/tree.ts';
import type { TabTracer, TabView } from '../tab.ts';

export function useRows(
	snapshot: Snapshot | undefined,
	tracer: Pick<TabTracer<never>, 'columns'>,
	listed: TabView<never, object>['listed'],
	test: RowTest<never> | null,
	sort: Sort,
): readonly never[] {
	const { key, direction } = sort;
	const filtered = useMemo(() => {
		if (!snapshot) return [];
		const rows = snapshot.rows as readonly never[];
		return passing(snapshot, listed ? rows.filter(listed) : rows, test);
	}, [snapshot, listed, test]);
	return useMemo(() => {
		const column = tracer.columns.find((one) => one.key === key);
		return snapshot ? ordered(snapshot, filtered, column, direction) : filtered;
	}, [filtered, tracer, key, direction, snapshot]);
}

/**
 * Rows with times in the band; without a band all.
 * @param timesOf a row's histogram, or its one time
 */
export function rowsInBand(
	rows: readonly never[],
	band: Band | null,
	timesOf: (row: never) => Buckets | Ns | undefined = (row: { buckets?: Buckets }) => row.buckets,
): readonly never[] {
	if (band === null) return rows;
	const { from, to } = boundsOf(band);
	return rows.filter((row) => {
		const times = timesOf(row);
		if (typeof times === 'number') return from <= times && times < to;
		return times?.some(([upper]) => log2Slot(upper, band.unit) === band.slot);
	});
}

/** Index of the next row with `text` in a name or its pid, from `from` on and wrapping around; -1: none. */
export function findRow(
	rows: readonly never[],
	{ columns }: Pick<TabTracer<never>, 'columns'>,
	text: string,
	from: number,
	step: 1 | -1,
): number {
	const names = columns.filter((column) => column.kind === 'text' || column.kind === 'pid');
	const wanted = text.toLowerCase();
	for (let count = 0; count < rows.length; count++) {
		const index = (((from + step * count) % rows.length) + rows.length) % rows.length;
		const row = rows[index] as never;
		if (names.some((column) => String(column.value(row, 1)).toLowerCase().includes(wanted))) return index;
	}
	return -1;
}
