/**
 * The layout of the screen, from the user's choices, the size and the figures. Rendering draws it; keys and the mouse
 * read it. Pure.
 */
import type { Sort } from '../../rows/sort.ts';
import type { Size } from '../../term/diff.ts';
import type { TabBaseline } from '../state/baseline.ts';
import type { Pane, TableColumn } from '../tab.ts';
import { columnAt, type TableColumns, tableColumns } from './columns.ts';
import { type Area, split } from './split.ts';

/** Rows of the parts of the screen. */
export interface Chrome {
	header: number;
	banner: number;
	body: number;
	/** The strip of events. */
	strip: number;
	footer: number;
}

/**
 * The parts around a tab give way first when rows are few: a table without hints is more use than hints without a table.
 * @param failed sampling has failed, which the banner reports
 * @param axis the header has the time axis of a recording, above the tabs
 * @param strip there are events to mark below the tab
 */
export function chromeOf(height: number, failed: boolean, axis = false, strip = false): Chrome {
	const header = (height >= 16 ? 2 : height >= 4 ? 1 : 0) + (axis && height >= 12 ? 1 : 0);
	const footer = height >= 14 ? 2 : height >= 6 ? 1 : 0;
	const banner = failed && height >= 8 ? 1 : 0;
	const marks = strip && height >= 18 ? 1 : 0;
	return { header, banner, body: height - header - banner - marks - footer, strip: marks, footer };
}

/** A screen below this size shows its size only. */
export function isTooSmall({ columns, rows }: Size): boolean {
	return columns < 20 || rows < 4;
}

/** Something that scrolls: all of its lines, and those of one page. */
export interface Extent {
	lines: number;
	page: number;
}

/** The last cell of a tab in the tab line, exclusive. */
export interface TabEnd {
	id: string;
	end: number;
}

export interface TableLayout extends Area {
	/** Cells from the left edge of the body, rows from its top; the table's header is its first row. */
	x: number;
	y: number;
	/** Index of the first row in sight. */
	first: number;
	/** Number of rows, in sight or not. */
	count: number;
	columns: TableColumns<never>;
}

export interface TabLayout {
	/** Rows of the lines above table and pane. */
	head: number;
	direction: 'row' | 'column';
	table: TableLayout;
	/** null: no room. */
	pane: Area | null;
	/** The table comes before the pane: left of it or above it. */
	tableFirst: boolean;
}

export interface Layout {
	chrome: Chrome;
	tabs: readonly TabEnd[];
	/** null: the table is not on the screen. */
	tab: TabLayout | null;
	/** Rows that the paging keys move by. */
	page: number;
	help: Extent;
	lens: Extent;
}

/** What the layout of a tab depends on. */
export interface TabParts {
	/** Number of lines above table and pane. */
	head: number;
	pane?: Omit<Pane<never>, 'draw'> | undefined;
	columns: readonly TableColumn<never>[];
	sort: Sort;
	baseline: TabBaseline<never> | null;
	/** Number of rows. */
	count: number;
	/** Index of the selected row; -1: none. */
	selected: number;
	/** First row in sight in the frame before; 0 where the table was not there. */
	first: number;
}

/** Scroll no further than needed to have the selected row in sight, and never past the end. */
export function scrollTo(offset: number, selected: number, count: number, page: number): number {
	let at = selected < 0 ? 0 : offset;
	if (selected >= 0 && selected < at) at = selected;
	if (selected >= at + page) at = selected - page + 1;
	return Math.max(0, Math.min(at, count - page));
}

export function tabLayout(parts: TabParts, { width, height }: Area): TabLayout {
	const { head, pane, columns, sort, baseline, count, selected } = parts;
	const areas = split(
		width,
		height - head,
		Math.max(4, count + 2),
		pane?.rows ?? 0,
		pane?.least ?? Number.POSITIVE_INFINITY,
		pane?.first,
	);
	const tableFirst = areas.direction === 'row' || pane?.below === true;
	const { table } = areas;
	return {
		head,
		direction: areas.direction,
		table: {
			...table,
			x: 0,
			y: head + (tableFirst ? 0 : (areas.pane?.height ?? 0)),
			first: scrollTo(parts.first, selected, count, Math.max(1, table.height - 1)),
			count,
			columns: tableColumns(columns, sort, baseline, table.width),
		},
		pane: areas.pane,
		tableFirst,
	};
}

/**
 * @param tab null: the table is not on the screen
 * @param helpLines number of lines of the help
 */
export function layoutOf(
	chrome: Chrome,
	tabs: readonly TabEnd[],
	tab: TabLayout | null,
	helpLines: number,
	lens: Extent,
): Layout {
	return {
		chrome,
		tabs,
		tab,
		page: tab ? Math.max(1, tab.table.height - 1) : 1,
		help: { lines: helpLines, page: Math.max(1, chrome.body - 1) },
		lens,
	};
}

export type Target = { kind: 'row'; index: number } | { kind: 'sort'; key: string } | { kind: 'tab'; id: string };

/** What a click at a cell of the screen addresses. */
export function targetAt({ chrome, tabs, tab }: Layout, x: number, y: number): Target | null {
	if (y === chrome.header - 1) {
		const hit = tabs.find(({ end }) => x < end);
		return hit ? { kind: 'tab', id: hit.id } : null;
	}
	if (!tab || tab.table.count === 0) return null;
	const { table } = tab;
	const [column, row] = [x - table.x, y - chrome.header - chrome.banner - table.y];
	if (column < 0 || column >= table.width || row < 0 || row >= table.height) return null;
	if (row > 0) return table.first + row - 1 < table.count ? { kind: 'row', index: table.first + row - 1 } : null;
	const key = columnAt(table.columns, column);
	return key === undefined ? null : { kind: 'sort', key };
}
