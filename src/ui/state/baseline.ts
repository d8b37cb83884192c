/** The baseline: figures of one moment to compare with, and the text of a change. Pure. */

import { type Snapshot, secondsOf } from '../../core/snapshot.ts';
import type { Column } from '../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';

/** The rows of one tab when the baseline was marked. */
export interface TabBaseline<Row> {
	rows: ReadonlyMap<string, Row>;
	/** Length of that interval, for rates. */
	seconds: number;
	rowKey(row: Row): string;
}

export interface Baseline {
	/** ISO 8601. */
	time: string;
	tabs: ReadonlyMap<string, TabBaseline<never>>;
}

interface Marked {
	id: string;
	rowKey(row: never): string;
}

/** From the snapshots shown now, of all tabs. null: there are none yet. */
export function markBaseline(tabs: readonly Marked[], current: (id: string) => Snapshot | undefined): Baseline | null {
	let time: string | null = null;
	const marked = new Map<string, TabBaseline<never>>();
	for (const { id, rowKey } of tabs) {
		const snapshot = current(id);
		if (!snapshot) continue;
		time ??= snapshot.time;
		const rows = new Map((snapshot.rows as never[]).map((row) => [rowKey(row), row] as const));
		marked.set(id, { rows, seconds: secondsOf(snapshot), rowKey });
	}
	return time === null ? null : { time, tabs: marked };
}

/** The change of a row that the baseline does not have. */
const isNew = Symbol('new');

/** Has the sort column a column of changes beside it? */
export function hasChange(kind: Column<never>['kind']): boolean {
	return kind !== 'text' && kind !== 'pid' && kind !== 'clock';
}

/** Change of a figure as a share of the baseline's; null for text, ids, times of day, totals and unknown figures. */
export function changeOf<Row>(
	column: Column<Row>,
	row: Row,
	seconds: number,
	baseline: TabBaseline<Row>,
): number | typeof isNew | null {
	// Totals only grow.
	if (!hasChange(column.kind) || column.key.endsWith('_total')) return null;
	const before = baseline.rows.get(baseline.rowKey(row));
	if (before === undefined) return isNew;
	const [was, is] = [column.value(before, baseline.seconds), column.value(row, seconds)];
	if (typeof was !== 'number' || typeof is !== 'number' || !Number.isFinite(was) || !Number.isFinite(is)) return null;
	if (was === is) return 0;
	return was === 0 ? Number.POSITIVE_INFINITY : (is - was) / Math.abs(was);
}

/** At most 5 cells: `+12%`, `-50%`, `×12`, `new`, `=` (no change). */
export function formatChange(change: number | typeof isNew | null): SafeText {
	if (change === null) return safe``;
	if (change === isNew || change === Number.POSITIVE_INFINITY) return safe`new`;
	if (Math.abs(change) < 0.005) return safe`=`;
	const times = change + 1;
	if (times >= 1000) return safe`>×999`;
	if (times >= 10) return safe`×${Math.round(times)}`;
	return sanitize(`${change > 0 ? '+' : '-'}${Math.round(Math.abs(change) * 100)}%`);
}

/** Changes smaller than this get no arrow: figures vary from interval to interval. */
const notable = 0.1;

export function arrowOf(change: number | typeof isNew | null): '▲' | '▼' | '' {
	if (change === null || change === isNew || Math.abs(change) < notable) return '';
	return change > 0 ? '▲' : '▼';
}
