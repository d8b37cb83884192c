/** What is where on the screen, for clicks. Written while drawing, read when a click comes. */
import { createContext } from 'react';

export interface TableHit {
	/** Cells from the left edge of the tab, rows from its top; the header is the first row. */
	x: number;
	y: number;
	width: number;
	height: number;
	/** Index of the first row in sight, and how many there are. */
	first: number;
	count: number;
	/** Cells of each column, `end` exclusive, from the table's own left edge. */
	columns: readonly { key: string; end: number }[];
}

export interface Hits {
	table: TableHit | null;
	/** In the header's last line, `end` exclusive. */
	tabs: readonly { id: string; end: number }[];
}

/** The one map of a screen; a component outside of a screen writes into the void. */
export const HitsContext = createContext<Hits>({ table: null, tabs: [] });

export type Target = { kind: 'row'; index: number } | { kind: 'sort'; key: string } | { kind: 'tab'; id: string };

/** What a click at (x, y) of the screen means; `top` rows are above the tab, the tabs' line is row `tabRow`. */
export function targetAt(hits: Hits, x: number, y: number, top: number, tabRow: number): Target | null {
	if (y === tabRow) {
		const tab = hits.tabs.find(({ end }) => x < end);
		return tab ? { kind: 'tab', id: tab.id } : null;
	}
	const { table } = hits;
	if (!table) return null;
	const [column, row] = [x - table.x, y - top - table.y];
	if (column < 0 || column >= table.width || row < 0 || row >= table.height) return null;
	if (row > 0) return table.first + row - 1 < table.count ? { kind: 'row', index: table.first + row - 1 } : null;
	const key = table.columns.find(({ end }) => column < end)?.key;
	return key === undefined ? null : { kind: 'sort', key };
}
