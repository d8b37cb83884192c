/** A tab: lines above a table, and a pane below or beside it; or one row in detail. */
import { Box } from 'ink';
import type { ReactElement } from 'react';
import { secondsOf } from '../../core/snapshot.ts';
import type { Column } from '../../core/tracer.ts';
import { formatValue } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { TabLayout } from '../layout/layout.ts';
import type { TabContent, TabProps } from '../tab.ts';
import { lineOf } from './line.ts';
import { Lines, SpanLines } from './lines.tsx';
import { Notice } from './notice.tsx';
import { Table } from './table.tsx';

interface PanesProps<Row> {
	tab: TabProps<Row, object, object>;
	content: TabContent<Row>;
	layout: TabLayout;
}

/** As many lines of a summary as leave most rows to the table. Most important first. */
export function summaryLines(
	summary: readonly (readonly Span[])[],
	{ width, height }: Pick<TabProps<never, object>, 'width' | 'height'>,
): string[] {
	const rows = Math.max(0, Math.floor((height - 4) / 4));
	return summary.slice(0, rows).map((spans) => lineOf(width, spans));
}

const none: readonly string[] = [];

/** The table, or the reason why it is empty. */
function TabTable<Row>({ tab, content, layout }: PanesProps<Row>): ReactElement {
	const { rows, sort, selected, snapshot, baseline } = tab;
	const { width, height, first, columns } = layout.table;
	if (rows.length === 0) {
		const title = tab.filtered ? 'no row matches the filter; Esc clears it' : content.empty;
		return <Notice tone="dim" title={title} text={none} width={width} height={height} />;
	}
	const figures = { rows, first, sort, selected, baseline, seconds: secondsOf(snapshot) };
	return <Table columns={columns} {...figures} width={width} height={height} />;
}

export function Panes<Row>(props: PanesProps<Row>): ReactElement {
	const { tab, content, layout } = props;
	const { head, direction, tableFirst, pane } = layout;
	const table = <TabTable {...props} />;
	const drawn = pane && content.pane?.draw(pane, tab.rows[tab.selected]);
	return (
		<Box flexDirection="column">
			<Lines lines={content.head} width={tab.width} height={head} />
			<Box flexDirection={direction} gap={direction === 'row' ? 2 : 0}>
				{tableFirst ? table : drawn}
				{tableFirst ? drawn : table}
			</Box>
		</Box>
	);
}

/** All figures of a row with their titles, as many side by side as fit. */
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

interface DetailProps<Row> extends Omit<PanesProps<Row>, 'layout'> {
	row: Row;
	name: string;
}

/** One row: all its figures, also those that the table has no room for, and its pane in full size. */
export function Detail<Row>({ tab, content, row, name }: DetailProps<Row>): ReactElement {
	const { width, height, snapshot } = tab;
	const columns = tab.allColumns.filter(({ draw }) => draw === undefined);
	const fields = content.whole ? [] : fieldLines(columns, row, secondsOf(snapshot), width);
	const shown = Math.min(fields.length, Math.max(0, height - 8));
	const enter = content.enter === undefined ? '' : `   Enter: ${content.enter}`;
	const heading: Span[] = [
		content.title,
		['dim', ' › '],
		['strong', name],
		['dim', `   Esc: back   ↑↓: other row${enter}`],
	];
	return (
		<Box flexDirection="column">
			<SpanLines lines={[heading]} width={width} height={1} />
			<Lines lines={fields} width={width} height={shown} />
			{content.pane?.draw({ width, height: height - shown - 1 }, row)}
		</Box>
	);
}
