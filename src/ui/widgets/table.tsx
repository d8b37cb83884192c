/** The data table, for any tracer's columns and rows. Only the rows in sight are formatted. */
import { type ReactElement, useMemo } from 'react';
import { formatValue } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import type { Sort } from '../../rows/sort.ts';
import { treeIndent } from '../../rows/tree.ts';
import { paint } from '../../term/theme.ts';
import type { TableColumns } from '../layout/columns.ts';
import type { Area } from '../layout/split.ts';
import { arrowOf, changeOf, type TabBaseline } from '../state/baseline.ts';
import type { TableColumn } from '../tab.ts';
import { lineOf, widthOf } from './line.ts';
import { Lines } from './lines.tsx';

/** `height`: header included. */
export interface TableProps<Row> extends Area {
	/** As placed for this width. */
	columns: TableColumns<Row>;
	/** In the order of the table. */
	rows: readonly Row[];
	/** Index of the first row in sight. */
	first: number;
	sort: Sort;
	/** Index into `rows`; -1: none. */
	selected: number;
	/** Length of the interval, for rates. */
	seconds: number;
	/** Figures to compare with. */
	baseline?: TabBaseline<Row> | null;
}

function rightAligned(column: Pick<TableColumn<never>, 'kind' | 'draw'>): boolean {
	return column.kind !== 'text' && column.draw === undefined;
}

function headerLine<Row>({ placed, gap }: TableColumns<Row>, sort: Sort, width: number): string {
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

function rowLine<Row>(row: Row, selected: boolean, props: TableProps<Row>): string {
	const { columns, seconds, sort, baseline = null, width: tableWidth } = props;
	const { placed, gap } = columns;
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
		else line += column.key === sort.key ? paint('strong', text) : text;
	}
	return selected ? paint('selected', fitCells(line, tableWidth)) : line;
}

/** The table as text, header first. */
export function tableLines<Row>(props: TableProps<Row>): string[] {
	const { columns, rows, first, sort, selected, width, height } = props;
	const lines = [headerLine(columns, sort, width)];
	for (let index = first; index < rows.length && lines.length < height; index++) {
		lines.push(rowLine(rows[index] as Row, index === selected, props));
	}
	return lines;
}

export function Table<Row>(props: TableProps<Row>): ReactElement {
	const { columns, rows, first, sort, selected, seconds, baseline = null, width, height } = props;
	const lines = useMemo(
		() => tableLines({ columns, rows, first, sort, selected, seconds, baseline, width, height }),
		[columns, rows, first, sort, selected, seconds, baseline, width, height],
	);
	return <Lines lines={lines} width={width} height={height} />;
}
