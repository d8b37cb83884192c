/** The frame that all tabs share: lines on top, then a table with a pane below or beside it; or one row in detail. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { secondsOf } from '../../derive.ts';
import { formatValue } from '../../format.ts';
import { fitCells } from '../../term/width.ts';
import type { TabProps } from '../tab.ts';
import { paint, type Span } from '../theme.ts';
import { lineOf } from './line.ts';
import { Lines } from './lines.tsx';
import { Notice } from './notice.tsx';
import { type Area, split } from './split.ts';
import { Table } from './table.tsx';

export interface PanesProps<Row, Extra extends object> {
	tab: TabProps<Row, Extra, object>;
	/** Most important first: lines that do not fit are left out. */
	summary: readonly (readonly Span[])[];
	/** Rows that the pane wants under a table, and the least that makes sense. */
	paneRows: number;
	paneLeast: number;
	/** The pane is about the selected row: it goes below the table. */
	paneBelow?: boolean;
	/** The user has asked for what is in the pane: it gets most of the rows. */
	paneFirst?: boolean;
	pane: (area: Area) => ReactElement;
	/** Said when there is no row at all. */
	empty: string;
	/** Name of the selected row. */
	name: string;
	title: string;
}

export function Panes<Row, Extra extends object>(props: PanesProps<Row, Extra>): ReactElement {
	const { tab } = props;
	return tab.detail && tab.selected >= 0 ? (
		<Detail {...props} row={tab.rows[tab.selected] as Row} />
	) : (
		<Overview {...props} />
	);
}

/** Lines for the summary out of `height` rows: the table comes first. */
function summaryRows(count: number, height: number): number {
	return Math.max(0, Math.min(count, Math.floor((height - 4) / 4)));
}

function Overview<Row, Extra extends object>({
	tab,
	summary,
	paneRows,
	paneLeast,
	paneBelow = false,
	paneFirst,
	pane,
	empty,
}: PanesProps<Row, Extra>): ReactElement {
	const { width, height, columns, rows, sort, selected } = tab;
	const head = summaryRows(summary.length, height);
	const room = height - head;
	const areas = split(width, room, Math.max(4, rows.length + 2), paneRows, paneLeast, paneFirst);
	tab.page.current = Math.max(1, areas.table.height - 1);
	const row = areas.direction === 'row';
	const tableFirst = row || paneBelow;
	const table =
		rows.length > 0 ? (
			<Table
				columns={columns}
				rows={rows}
				sort={sort}
				selected={selected}
				seconds={secondsOf(tab.snapshot)}
				baseline={tab.baseline}
				x={0}
				y={head + (tableFirst || !areas.pane ? 0 : areas.pane.height)}
				{...areas.table}
			/>
		) : (
			<Notice
				tone="dim"
				title={tab.filtered ? 'no row matches the filter; Esc clears it' : empty}
				text={none}
				{...areas.table}
			/>
		);
	return (
		<Box flexDirection="column">
			<SummaryLines lines={summary} width={width} height={head} />
			<Box flexDirection={areas.direction} gap={row ? 2 : 0}>
				{tableFirst ? table : areas.pane && pane(areas.pane)}
				{tableFirst ? areas.pane && pane(areas.pane) : table}
			</Box>
		</Box>
	);
}

const none: readonly string[] = [];

export function SummaryLines({
	lines,
	width,
	height,
}: {
	lines: readonly (readonly Span[])[];
	width: number;
	height: number;
}): ReactElement {
	const text = lines.slice(0, height).map((spans) => lineOf(width, spans));
	return <Lines lines={text} width={width} height={height} />;
}

/** All about one row: its figures, also those for which the table has no room, and its pane in full size. */
function Detail<Row, Extra extends object>({
	tab,
	row,
	name,
	title,
	pane,
}: PanesProps<Row, Extra> & { row: Row }): ReactElement {
	const { width, height, snapshot } = tab;
	const columns = tab.allColumns.filter(({ draw }) => draw === undefined);
	const fields = useMemo(() => {
		const seconds = secondsOf(snapshot);
		const titleWidth = Math.max(...columns.map((column) => column.title.length));
		const cell = Math.max(titleWidth + 14, Math.min(38, Math.floor(width / 2)));
		const perLine = Math.max(1, Math.floor(width / cell));
		const lines: string[] = [];
		let line = '';
		let cells = 0;
		for (const column of columns) {
			const value = formatValue(
				column.kind,
				column.value(row, seconds),
				column.kind === 'text' ? 200 : Math.max(column.width, 8),
			);
			const wide = value.length + titleWidth + 2 > cell;
			if (cells > 0 && (wide || cells === perLine)) {
				lines.push(line);
				line = '';
				cells = 0;
			}
			line += `${paint('dim', fitCells(column.title, titleWidth))}  ${fitCells(value, wide ? width - titleWidth - 2 : cell - titleWidth - 2)}`;
			cells = wide ? perLine : cells + 1;
		}
		return [...lines, line];
	}, [columns, row, snapshot, width]);
	const shown = Math.min(fields.length, Math.max(0, height - 8));
	tab.page.current = 1;
	return (
		<Box flexDirection="column">
			<SummaryLines
				lines={[[title, ['dim', ' › '], ['strong', name], ['dim', '   Esc: back   ↑↓: other row']]]}
				width={width}
				height={1}
			/>
			<Lines lines={fields} width={width} height={shown} />
			{pane({ width, height: height - shown - 1 })}
		</Box>
	);
}
