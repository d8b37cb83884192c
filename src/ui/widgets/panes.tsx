/** The frame that all tabs share: lines on top, then a table with a pane below or beside it; or one row in detail. */
import { Box } from 'ink';
import type { ReactElement } from 'react';
import { secondsOf } from '../../core/snapshot.ts';
import type { Column } from '../../core/tracer.ts';
import { formatValue } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { TabProps } from '../tab.ts';
import { Lines, SpanLines } from './lines.tsx';
import { type Area, split } from './split.ts';
import { TabTable } from './tab-table.tsx';

export interface Pane<Row> {
	/** Rows that it wants under a table, and the least that makes sense. */
	rows: number;
	least: number;
	/** It is about the selected row: it goes below the table. */
	below?: boolean;
	/** The user has asked for what is in it: it gets most of the rows. */
	first?: boolean;
	/** @param row the selected one */
	draw(area: Area, row: Row | undefined): ReactElement;
}

export interface PanesProps<Row, Extra extends object> {
	tab: TabProps<Row, Extra, object>;
	/** Most important first: lines that do not fit are left out. */
	summary: readonly (readonly Span[])[];
	pane?: Pane<Row> | undefined;
	/** Said when there is no row at all. */
	empty: string;
	/** Of a row; without it there is no detail. */
	nameOf?(row: Row): string;
	title: string;
}

export function Panes<Row, Extra extends object>(props: PanesProps<Row, Extra>): ReactElement {
	const { rows, selected, detail } = props.tab;
	const row = rows[selected];
	return detail && row !== undefined ? <Detail {...props} row={row} /> : <Overview {...props} row={row} />;
}

/** Lines for the summary out of `height` rows: the table comes first. */
function summaryRows(count: number, height: number): number {
	return Math.max(0, Math.min(count, Math.floor((height - 4) / 4)));
}

function Overview<Row, Extra extends object>({
	tab,
	summary,
	pane,
	empty,
	row,
}: PanesProps<Row, Extra> & { row: Row | undefined }): ReactElement {
	const { width, height } = tab;
	const head = summaryRows(summary.length, height);
	const full = Math.max(4, tab.rows.length + 2);
	const areas = split(
		width,
		height - head,
		full,
		pane?.rows ?? 0,
		pane?.least ?? Number.POSITIVE_INFINITY,
		pane?.first,
	);
	const beside = areas.direction === 'row';
	const tableFirst = beside || pane?.below;
	const y = head + (tableFirst ? 0 : (areas.pane?.height ?? 0));
	const table = <TabTable tab={tab} empty={empty} y={y} {...areas.table} />;
	const drawn = areas.pane && pane?.draw(areas.pane, row);
	return (
		<Box flexDirection="column">
			<SpanLines lines={summary} width={width} height={head} />
			<Box flexDirection={areas.direction} gap={beside ? 2 : 0}>
				{tableFirst ? table : drawn}
				{tableFirst ? drawn : table}
			</Box>
		</Box>
	);
}

/** All figures of a row with their titles, side by side as far as they fit. */
function fieldLines<Row>(columns: readonly Column<Row>[], row: Row, seconds: number, width: number): string[] {
	const titleWidth = Math.max(...columns.map((column) => column.title.length));
	const cell = Math.max(titleWidth + 14, Math.min(38, Math.floor(width / 2)));
	const perLine = Math.max(1, Math.floor(width / cell));
	const lines: string[] = [];
	let line = '';
	let cells = 0;
	for (const column of columns) {
		const { title, kind } = column;
		const value = formatValue(kind, column.value(row, seconds), kind === 'text' ? 200 : Math.max(column.width, 8));
		const wide = value.length + titleWidth + 2 > cell;
		if (cells > 0 && (wide || cells === perLine)) {
			lines.push(line);
			line = '';
			cells = 0;
		}
		line += `${paint('dim', fitCells(title, titleWidth))}  ${fitCells(value, wide ? width - titleWidth - 2 : cell - titleWidth - 2)}`;
		cells = wide ? perLine : cells + 1;
	}
	return [...lines, line];
}

/** All about one row: its figures, also those for which the table has no room, and its pane in full size. */
function Detail<Row, Extra extends object>({
	tab,
	row,
	nameOf,
	title,
	pane,
}: PanesProps<Row, Extra> & { row: Row }): ReactElement {
	const { width, height, snapshot } = tab;
	const columns = tab.allColumns.filter(({ draw }) => draw === undefined);
	const fields = fieldLines(columns, row, secondsOf(snapshot), width);
	const shown = Math.min(fields.length, Math.max(0, height - 8));
	const heading: Span[] = [
		title,
		['dim', ' › '],
		['strong', nameOf?.(row) ?? ''],
		['dim', '   Esc: back   ↑↓: other row'],
	];
	tab.page.current = 1;
	return (
		<Box flexDirection="column">
			<SpanLines lines={[heading]} width={width} height={1} />
			<Lines lines={fields} width={width} height={shown} />
			{pane?.draw({ width, height: height - shown - 1 }, row)}
		</Box>
	);
}
