import { describe, expect, test } from 'vitest';
import { chromeOf, isTooSmall, layoutOf, type TabParts, tabLayout, targetAt } from '../../src/ui/layout/layout.ts';
import { type LensContent, lensExtent } from '../../src/ui/lens/layout.ts';
import type { TableColumn } from '../../src/ui/tab.ts';

const column = (key: string, width: number): TableColumn<never> => ({
	key,
	title: key,
	kind: 'count',
	width,
	priority: 0,
	help: '',
	value: () => 0,
});

const parts: TabParts = {
	head: 2,
	columns: [column('pid', 8), column('watts', 8)],
	sort: { key: 'watts', direction: 'descending' },
	baseline: null,
	count: 100,
	selected: -1,
	first: 0,
};
const tabs = [
	{ id: 'a', end: 10 },
	{ id: 'b', end: 20 },
];
const noLens = { lines: 0, page: 1 };

function on(width: number, height: number, tab: TabParts | null, failed = false) {
	const chrome = chromeOf(height, failed);
	return layoutOf(chrome, tabs, tab && tabLayout(tab, { width, height: chrome.body }), 40, noLens);
}

describe('rows of the screen', () => {
	test('header, banner, body and footer are the whole screen at every height', () => {
		for (let height = 4; height < 70; height++) {
			for (const failed of [false, true]) {
				for (const strip of [false, true]) {
					const chrome = chromeOf(height, failed, false, strip);
					expect(chrome.header + chrome.banner + chrome.body + chrome.strip + chrome.footer).toBe(height);
				}
				expect(chromeOf(height, failed, false, true).body).toBeGreaterThan(0);
			}
		}
		expect(chromeOf(24, true)).toEqual({ header: 2, banner: 1, body: 19, strip: 0, footer: 2 });
		expect(chromeOf(5, true)).toEqual({ header: 1, banner: 0, body: 4, strip: 0, footer: 0 });
	});

	test('too small', () => {
		expect(isTooSmall({ columns: 19, rows: 24 })).toBe(true);
		expect(isTooSmall({ columns: 80, rows: 3 })).toBe(true);
		expect(isTooSmall({ columns: 20, rows: 4 })).toBe(false);
	});
});

describe('table and pane', () => {
	const pane = { rows: 8, least: 5 };

	test('a table alone fills the body; a page is its rows without the header', () => {
		const { tab, page, help } = on(80, 24, parts);
		expect(tab).toMatchObject({ head: 2, pane: null, table: { x: 0, y: 2, width: 80, height: 18, first: 0 } });
		expect(page).toBe(17);
		expect(help).toEqual({ lines: 40, page: 19 });
	});

	test('stacked: the pane is above the table, or below where it is about the row', () => {
		expect(on(80, 24, { ...parts, pane }).tab).toMatchObject({
			direction: 'column',
			tableFirst: false,
			pane: { width: 80, height: 6 },
			table: { y: 8, height: 12 },
		});
		expect(on(80, 24, { ...parts, pane: { ...pane, below: true } }).tab).toMatchObject({
			tableFirst: true,
			table: { y: 2, height: 12 },
		});
	});

	test('wide: side by side', () => {
		const { tab } = on(200, 50, { ...parts, pane });
		expect(tab).toMatchObject({ direction: 'row', tableFirst: true, table: { y: 2, width: 114, height: 44 } });
		expect(tab?.pane).toEqual({ width: 84, height: 44 });
	});

	test('the parts stay within the body at every size', () => {
		for (let width = 20; width < 220; width += 9) {
			for (let height = 4; height < 60; height++) {
				for (const count of [0, 3, 500]) {
					const { chrome, tab } = on(width, height, {
						...parts,
						pane,
						head: Math.min(2, chromeOf(height, false).body),
						count,
					});
					const { table, pane: area } = tab as NonNullable<typeof tab>;
					expect(table.y + table.height).toBeLessThanOrEqual(chrome.body);
					expect((tab?.head ?? 0) + (area?.height ?? 0)).toBeLessThanOrEqual(chrome.body);
					const side = tab?.direction === 'row' ? (area?.width ?? 0) + 2 : 0;
					expect(table.width + side).toBeLessThanOrEqual(width);
				}
			}
		}
	});

	test('the selected row is in sight, and the table scrolls no further than needed', () => {
		const first = (selected: number, before: number) =>
			on(80, 24, { ...parts, selected, first: before }).tab?.table.first;
		expect(first(16, 0)).toBe(0);
		expect(first(17, 0)).toBe(1);
		expect(first(30, 25)).toBe(25);
		expect(first(10, 25)).toBe(10);
		expect(first(99, 0)).toBe(83);
		// without a selection the table is at its top
		expect(first(-1, 25)).toBe(0);
	});

	test('without a table a page is one row', () => {
		expect(on(80, 24, null)).toMatchObject({ tab: null, page: 1 });
	});

	test('a baseline adds the change beside the sort column', () => {
		const baseline = { rows: new Map<string, never>(), seconds: 1, rowKey: () => '' };
		const keys = on(80, 24, { ...parts, baseline }).tab?.table.columns.placed.map((placed) => placed.column.key);
		expect(keys).toEqual(['pid', 'watts', 'Δ']);
	});
});

describe('clicks', () => {
	const layout = on(80, 24, { ...parts, count: 12, head: 3 });
	const at = (x: number, y: number) => targetAt(layout, x, y);

	test('tabs are in the last line of the header', () => {
		expect(at(12, 1)).toEqual({ kind: 'tab', id: 'b' });
		expect(at(30, 1)).toBeNull();
		expect(at(12, 0)).toBeNull();
	});

	test('the header of the table sorts, a row selects; below the last row is nothing', () => {
		expect(at(7, 5)).toEqual({ kind: 'sort', key: 'pid' });
		// the gap before a column is part of it
		expect(at(9, 5)).toEqual({ kind: 'sort', key: 'watts' });
		expect(at(30, 5)).toBeNull();
		expect(at(0, 6)).toEqual({ kind: 'row', index: 0 });
		expect(at(0, 17)).toEqual({ kind: 'row', index: 11 });
		expect(at(0, 18)).toBeNull();
		expect(at(0, 4)).toBeNull();
		expect(at(80, 6)).toBeNull();
	});

	test('rows count from the first one in sight, below the banner', () => {
		const scrolled = on(80, 24, { ...parts, selected: 50, first: 40 }, true);
		expect(targetAt(scrolled, 3, 6)).toEqual({ kind: 'row', index: 40 });
	});

	test('nothing to click without rows or without the table', () => {
		expect(targetAt(on(80, 24, { ...parts, count: 0 }), 3, 4)).toBeNull();
		expect(targetAt(on(80, 24, null), 3, 4)).toBeNull();
	});
});

describe('lens', () => {
	const lines = (count: number) => Array.from({ length: count }, () => '');
	const content: LensContent = {
		crumb: [],
		identity: lines(2),
		figures: lines(4),
		columns: [{ width: 80, lines: lines(30) }],
	};

	test('one column scrolls with the lines above it', () => {
		expect(lensExtent(content, { width: 80, height: 20 })).toEqual({ lines: 36, page: 19 });
	});

	test('beside each other the longest column counts, below lines that stay', () => {
		const columns = [
			{ width: 100, lines: lines(30) },
			{ width: 100, lines: lines(12) },
		];
		expect(lensExtent({ ...content, columns }, { width: 200, height: 46 })).toEqual({ lines: 30, page: 39 });
	});
});
