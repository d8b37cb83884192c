/** The one data table: any tracer's columns and rows. Only the rows in sight are formatted. */
import { type ReactElement, useContext, useMemo, useRef } from 'react';
import type { Column } from '../../core/tracer.ts';
import { formatValue } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import type { Sort } from '../../rows/sort.ts';
import { treeIndent } from '../../rows/tree.ts';
import { paint } from '../../term/theme.ts';
import { arrowOf, changeOf, formatChange, type TabBaseline } from '../state/baseline.ts';
import type { TableColumn } from '../tab.ts';
import { HitsContext } from './hit.ts';
import { lineOf, widthOf } from './line.ts';
import { Lines } from './lines.tsx';

export interface TableProps<Row> {
	columns: readonly TableColumn<Row>[];
	/** In the order to be shown. */
	rows: readonly Row[];
	sort: Sort;
	/** Index into `rows`; -1: none. */
	selected: number;
	/** Length of the interval, for rates. */
	seconds: number;
	/** Figures to compare with. */
	baseline?: TabBaseline<Row> | null;
	/** Place in the tab, for clicks. */
	x?: number;
	y?: number;
	width: number;
	/** Rows of the screen, header included. */
	height: number;
}

export interface Placed<Row> {
	column: TableColumn<Row>;
	/** Cells, without the gap before it. */
	width: number;
}

/** A column that grows beyond this only pulls the eye away from its numbers. */
const growLimit = 64;

function rightAligned(column: Pick<TableColumn<never>, 'kind' | 'draw'>): boolean {
	return column.kind !== 'text' && column.draw === undefined;
}

/**
 * Columns that fit, in their order: the least important ones go first, then the growing ones take what is left. The one
 * that the rows are in the order of goes only before those of priority 0: without it the order is a riddle.
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

/** Cells between columns: where there is room, two are easier on the eye. */
function gapOf<Row>(placed: readonly Placed<Row>[], width: number): number {
	const used = placed.reduce((sum, entry) => sum + entry.width, 0);
	return Math.max(1, Math.min(3, Math.floor((width - used) / Math.max(1, placed.length - 1))));
}

function headerLine<Row>(placed: readonly Placed<Row>[], sort: Sort, gap: number, width: number): string {
	let line = '';
	let used = 0;
	for (const [index, { column, width: cells }] of placed.entries()) {
		const space = index === 0 ? 0 : gap;
		const sorted = column.key === sort.key;
		const arrow = sort.direction === 'ascending' ? '▲' : '▼';
		const right = rightAligned(column);
		// The arrow may stand in the gap, so that a title as wide as its column is not cut.
		const title = sorted ? (right ? arrow + column.title : column.title + arrow) : column.title;
		const text = right ? fitCells(title, space + cells, 'right') : ' '.repeat(space) + fitCells(title, cells);
		line += paint(sorted ? 'headerSort' : 'header', text);
		used += space + cells;
	}
	return line + paint('header', ' '.repeat(Math.max(0, width - used)));
}

interface RowStyle<Row> {
	seconds: number;
	selected: boolean;
	gap: number;
	width: number;
	sort: Sort;
	baseline: TabBaseline<Row> | null;
}

function rowLine<Row>(placed: readonly Placed<Row>[], row: Row, style: RowStyle<Row>): string {
	const { seconds, selected, gap, baseline } = style;
	let line = '';
	for (const [index, { column, width }] of placed.entries()) {
		if (column.draw) {
			const spans = column.draw(row, width);
			const text = spans.map((span) => (typeof span === 'string' ? span : span[1])).join('');
			line += ' '.repeat(index === 0 ? 0 : gap) + (selected ? fitCells(text, width) : lineOf(width, spans));
			line += selected ? '' : ' '.repeat(Math.max(0, width - widthOf(spans)));
			continue;
		}
		const indent = column.label ? treeIndent(row, width) : '';
		const value = indent + formatValue(column.kind, column.value(row, seconds), width - indent.length);
		// The arrow stands in the gap, so that figures stay in their columns.
		const arrow = baseline && index > 0 ? arrowOf(changeOf(column, row, seconds, baseline)) : '';
		const space = index === 0 ? 0 : gap;
		line += ' '.repeat(arrow === '' ? space : space - 1);
		const cells = arrow === '' ? width : width + 1;
		const text = fitCells(arrow + value, cells, rightAligned(column) ? 'right' : 'left');
		if (selected) line += text;
		else if (arrow !== '') line += paint(arrow === '▲' ? 'warn' : 'good', text);
		else if (value === '0' || value === '0%' || value === '–') line += paint('dim', text);
		else line += column.key === style.sort.key ? paint('strong', text) : text;
	}
	return selected ? paint('selected', fitCells(line, style.width)) : line;
}

/** Beside the column that the rows are sorted by: how much it changed. */
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
	if (!baseline || !sorted || sorted.kind === 'text' || sorted.kind === 'pid') return columns;
	return [...columns.slice(0, at + 1), changeColumn(sorted, baseline), ...columns.slice(at + 1)];
}

/** The columns in their places, and the cells between them. */
function layout<Row>(props: TableProps<Row>): { placed: Placed<Row>[]; gap: number } {
	const placed = placeColumns(
		withChange(props.columns, props.sort, props.baseline ?? null),
		props.width,
		props.sort.key,
	);
	return { placed, gap: gapOf(placed, props.width) };
}

/** The table as text, header first. `offset` is the first row in sight. */
export function tableLines<Row>(props: TableProps<Row>, offset: number): string[] {
	const { rows, sort, selected, seconds, width, height, baseline = null } = props;
	const { placed, gap } = layout(props);
	const lines = [headerLine(placed, sort, gap, width)];
	for (let index = offset; index < rows.length && lines.length < height; index++) {
		const style = { seconds, selected: index === selected, gap, width, sort, baseline };
		lines.push(rowLine(placed, rows[index] as Row, style));
	}
	return lines;
}

/** Right ends of the columns, the gap before a column being part of it. */
function columnEnds<Row>(props: TableProps<Row>): { key: string; end: number }[] {
	const { placed, gap } = layout(props);
	let end = -gap;
	return placed.map(({ column, width }) => {
		end += gap + width;
		return { key: column.key, end };
	});
}

/** Scroll no further than needed to have the selected row in sight, and never past the end. */
export function scrollTo(offset: number, selected: number, count: number, page: number): number {
	let at = selected < 0 ? 0 : offset;
	if (selected >= 0 && selected < at) at = selected;
	if (selected >= at + page) at = selected - page + 1;
	return Math.max(0, Math.min(at, count - page));
}

export function Table<Row>(props: TableProps<Row>): ReactElement {
	const { columns, rows, sort, selected, seconds, baseline = null, x = 0, y = 0, width, height } = props;
	const hits = useContext(HitsContext);
	// How far the user has scrolled does not follow from the selection alone.
	const offset = useRef(0);
	offset.current = scrollTo(offset.current, selected, rows.length, Math.max(1, height - 1));
	const first = offset.current;
	const [lines, ends] = useMemo(() => {
		const all = { columns, rows, sort, selected, seconds, baseline, width, height };
		return [tableLines(all, first), columnEnds(all)];
	}, [columns, rows, sort, selected, seconds, baseline, width, height, first]);
	hits.table = { x, y, width, height, first, count: rows.length, columns: ends };
	return <Lines lines={lines} width={width} height={height} />;
}
