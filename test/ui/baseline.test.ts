import { describe, expect, test } from 'vitest';
import { textWidth } from '../../src/lib/width.ts';
import { arrowOf, changeOf, formatChange } from '../../src/ui/state/baseline.ts';

describe('baseline', () => {
	const baseline = {
		rows: new Map([
			['a', { v: 100 }],
			['z', { v: 0 }],
		]),
		seconds: 1,
		rowKey: (row: { k?: string }) => row.k ?? 'a',
	};
	const column = {
		key: 'v',
		title: 'V',
		kind: 'ns',
		width: 7,
		priority: 0,
		help: '',
		value: (row: { v: number }) => row.v,
	} as const;
	test.each([
		[{ v: 112 }, '+12%', '▲'],
		[{ v: 50 }, '-50%', '▼'],
		[{ v: 100 }, '=', ''],
		[{ v: 105 }, '+5%', ''],
		[{ v: 1200 }, '×12', '▲'],
		[{ v: 1e9 }, '>×999', '▲'],
		[{ v: Number.NaN }, '', ''],
		[{ v: 3, k: 'b' }, 'new', ''],
		[{ v: 3, k: 'z' }, 'new', '▲'],
	])('%j', (row, text, arrow) => {
		const change = changeOf(column as never, row as never, 1, baseline as never);
		expect([formatChange(change), arrowOf(change)]).toEqual([text, arrow]);
		expect(textWidth(formatChange(change))).toBeLessThanOrEqual(5);
	});

	test('totals have no change: they only grow', () => {
		expect(changeOf({ ...column, key: 'v_total' } as never, { v: 1 } as never, 1, baseline as never)).toBeNull();
	});
});
