/** Columns of a table that fit into a width, and the cells of each. Pure. */
import type { Column } from '../../core/tracer.ts';
import type { Sort } from '../../rows/sort.ts';
import { changeOf, formatChange, hasChange, type TabBaseline } from '../state/baseline.ts';
import type { TableColumn } from '../tab.ts';

export interface Placed<Row> {
	column: TableColumn<Row>;
	/** Cells, without the gap before it. */
	width: number;
}

export interface TableColumns<Row> {
	placed: readonly Placed<Row>[];
	/** Cells between two columns. */
	gap: number;
}

/** Cells beyond which a growing column separates the figures too far from each other. */
const growLimit = 64;

/**
 * Columns that fit, in their order: the least important ones are dropped first, then the growing ones share the rest. The
 * sort column is dropped only before those of priority 0: without it the order cannot be understood.
 */
export function placeColumns<Row>(
	columns: readonly TableColumn<Row>[],
	width: number,
	sortedBy?: string,
): Placed<Row>[] {
	const kept = new Set<TableColumn<Row>>();
	let used = 0;
	const rank = ({ key, priority }: TableColumn<Row>) => (key === sortedBy ? Math.min(priority, 0.5) : priority);
	for (const column of [...columns].sort((a, b) => rank(a) - rank(b))) {
		const need = column.width + (kept.size > 0 ? 1 : 0);
		if (used + need > width && kept.size > 0) break;
		used += need;
		kept.add(column);
	}
	const placed = columns
		.filter((column) => kept.has(column))
		.map((column) => ({ column, width: Math.min(column.width, width) }));
	const growing = placed.filter(({ column }) => column.grow);
	let left = Math.max(0, width - used);
	for (const [index, entry] of growing.entries()) {
		const share = Math.min(Math.floor(left / (growing.length - index)), Math.max(0, growLimit - entry.width));
		entry.width += share;
		left -= share;
	}
	return placed;
}

/** One to three cells, as many as there is room for. */
function gapOf<Row>(placed: readonly Placed<Row>[], width: number): number {
	const used = placed.reduce((sum, entry) => sum + entry.width, 0);
	return Math.max(1, Math.min(3, Math.floor((width - used) / Math.max(1, placed.length - 1))));
}

/** Beside the sort column: its change against the baseline. */
function changeColumn<Row>(sorted: Column<Row>, baseline: TabBaseline<Row>): Column<Row> {
	return {
		key: 'Δ',
		title: 'Δ',
		kind: 'text',
		width: 5,
		priority: sorted.priority,
		help: '',
		value: (row, seconds) => formatChange(changeOf(sorted, row, seconds, baseline)),
	};
}

function withChange<Row>(
	columns: readonly TableColumn<Row>[],
	sort: Sort,
	baseline: TabBaseline<Row> | null,
): readonly TableColumn<Row>[] {
	const at = columns.findIndex((column) => column.key === sort.key);
	const sorted = columns[at];
	if (!baseline || !sorted || !hasChange(sorted.kind)) return columns;
	return [...columns.slice(0, at + 1), changeColumn(sorted, baseline), ...columns.slice(at + 1)];
}

/** @param baseline with one, the change of the sort column has its own column */
export function tableColumns<Row>(
	columns: readonly TableColumn<Row>[],
	sort: Sort,
	baseline: TabBaseline<Row> | null,
	width: number,
): TableColumns<Row> {
	const placed = placeColumns(withChange(columns, sort, baseline), width, sort.key);
	return { placed, gap: gapOf(placed, width) };
}

/** Key of the column at a cell of the table; the gap before a column is part of it. */
export function columnAt({ placed, gap }: TableColumns<never>, cell: number): string | undefined {
	let end = -gap;
	for (const { column, width } of placed) {
		end += gap + width;
		if (cell < end) return column.key;
	}
	return undefined;
}
