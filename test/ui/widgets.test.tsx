import { render } from 'ink-testing-library';
import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/tracer.ts';
import { textWidth, wrapText } from '../../src/lib/width.ts';
import { placeColumns, tableColumns } from '../../src/ui/layout/columns.ts';
import { scrollTo } from '../../src/ui/layout/layout.ts';
import { split } from '../../src/ui/layout/split.ts';
import { cpuLines } from '../../src/ui/tabs/runqlat/cpu-waits.tsx';
import { foldBuckets, Histogram, histogramLines } from '../../src/ui/widgets/histogram.tsx';
import { lineOf, statusLine } from '../../src/ui/widgets/line.ts';
import { bar } from '../../src/ui/widgets/marks.ts';
import { Table, tableLines } from '../../src/ui/widgets/table.tsx';
import { someColumns } from './fixtures/columns.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { plain } from './plain.ts';

const columns = someColumns;
const sort = { key: 'watts', direction: 'descending' } as const;

describe('table', () => {
	const rows = energySnapshot(0, 100).rows;
	const placed = (width: number) => tableColumns(columns, sort, null, width);
	const props = { columns: placed(80), rows, first: 0, sort, selected: -1, seconds: 1, width: 80, height: 10 };

	test('header, direction, and only the rows in sight', () => {
		const frame = plain(render(<Table {...props} />).lastFrame());
		expect(frame.split('\n')).toHaveLength(10);
		expect(frame).toContain('▼WATTS');
		expect(frame).toContain('1000 postgres');
	});

	test('rows out of sight are not formatted', () => {
		let formatted = 0;
		const counting: Column<unknown>[] = [
			{
				key: 'a',
				title: 'A',
				kind: 'count',
				width: 5,
				priority: 0,
				help: '',
				value: () => {
					formatted++;
					return 1;
				},
			},
		];
		const rows = Array.from({ length: 10_000 });
		const columns = tableColumns(counting, sort, null, 80);
		tableLines({ ...props, columns, rows, first: 5000, height: 11 });
		expect(formatted).toBe(10);
	});

	test.each([200, 120, 80, 60, 40, 20, 5, 1])('no line is wider than %i, wide characters included', (width) => {
		for (const selected of [-1, 9]) {
			for (const line of tableLines({ ...props, columns: placed(width), width, height: 30, selected })) {
				expect(textWidth(plain(line))).toBeLessThanOrEqual(width);
			}
		}
	});

	test('numbers stay in their columns beside wide characters', () => {
		const lines = tableLines({ ...props, height: 40 }).map(plain);
		const ends = lines.slice(1, 16).map((line) => textWidth(line.slice(0, line.search(/[mk]?W /) + 2).trimEnd()));
		expect(new Set(ends.map((end) => Math.round(end / 3))).size).toBe(1);
	});

	test('narrow: the least important columns go first, the order stays', () => {
		const keys = (width: number) => placeColumns(columns, width).map(({ column }) => column.key);
		expect(keys(200)).toEqual(columns.map((column) => column.key));
		expect(keys(40)).toEqual(['pid', 'comm', 'watts', 'cpu']);
		expect(keys(10)).toEqual(['watts']);
	});

	test('narrow: the column that gives the order stays in sight', () => {
		const last = columns.reduce((least, column) => (column.priority > least.priority ? column : least));
		const keys = (sortedBy?: string) => placeColumns(columns, 50, sortedBy).map(({ column }) => column.key);
		expect(keys()).not.toContain(last.key);
		expect(keys(last.key)).toContain(last.key);
	});

	test('scrolls no further than needed, never past the end', () => {
		expect(scrollTo(0, -1, 100, 10)).toBe(0);
		expect(scrollTo(0, 10, 100, 10)).toBe(1);
		expect(scrollTo(50, 20, 100, 10)).toBe(20);
		expect(scrollTo(95, 99, 100, 10)).toBe(90);
		expect(scrollTo(95, 3, 5, 10)).toBe(0);
	});
});

describe('histogram', () => {
	test('fine buckets are folded into powers of two, holes are shown', () => {
		expect(
			foldBuckets(
				[
					[1100, 1],
					[2048, 2],
					[2176, 4],
					[16_384, 8],
				],
				20,
			),
		).toEqual([
			{ from: 1024, to: 2048, count: 3 },
			{ from: 2048, to: 4096, count: 4 },
			{ from: 4096, to: 8192, count: 0 },
			{ from: 8192, to: 16_384, count: 8 },
		]);
	});

	test('powers of two of µs and ms: the first below two, the 26th open', () => {
		const fold = (upper: number, unit: number) => foldBuckets([[upper, 1]], 1, unit)[0];
		expect(fold(1100, 1e3)).toEqual({ from: 0, to: 2000, count: 1 });
		expect(fold(2304, 1e3)).toEqual({ from: 2000, to: 4000, count: 1 });
		expect(fold(1_114_112, 1e3)).toEqual({ from: 1.024e6, to: 2.048e6, count: 1 });
		expect(fold(2 ** 38, 1e3)).toEqual({ from: 33_554_432e3, to: Number.POSITIVE_INFINITY, count: 1 });
		expect(fold(2 ** 20, 1e6)).toEqual({ from: 0, to: 2e6, count: 1 });
		const line = plain(
			histogramLines({ buckets: [[2 ** 38, 1]], logarithmic: false, unit: 1e3, width: 80, height: 3 })[0] ?? '',
		);
		expect(line).toMatch(/^ {2}33\.6s – {8} │/);
	});

	test('CPUs: those with most waiting first, the rest added up', () => {
		const cpus = Array.from({ length: 64 }, (_, cpu) => ({
			cpu,
			count: 10,
			wait_ns: cpu === 7 ? 1e9 : 1e6,
			p99_ns: 5e6,
		}));
		const lines = cpuLines(cpus, 80, 6).map(plain);
		expect(lines).toHaveLength(6);
		expect(lines[0]).toContain('even: 1.6% each');
		expect(lines[1]).toMatch(/^ {6}7 .*94\.1%.*█{39}/);
		expect(lines[5]).toContain('60 more CPUs');
		for (const width of [80, 40, 20])
			for (const line of cpuLines(cpus, width, 9)) expect(textWidth(plain(line))).toBeLessThanOrEqual(width);
		expect(plain(cpuLines([], 80, 6)[0] ?? '')).toContain('no task waited');
	});

	test('never more rows than there are, never a count lost', () => {
		const buckets = Array.from({ length: 40 }, (_, index): [number, number] => [2 ** (index + 1), index + 1]);
		for (let rows = 1; rows < 45; rows++) {
			const slots = foldBuckets(buckets, rows);
			expect(slots.length).toBeLessThanOrEqual(rows);
			expect(slots.reduce((sum, slot) => sum + slot.count, 0)).toBe(820);
		}
	});

	test('nothing and nonsense', () => {
		expect(foldBuckets([], 5)).toEqual([]);
		expect(
			foldBuckets(
				[
					[Number.NaN, 3],
					[0, 2],
					[5, 0],
					[-1, 1],
				],
				5,
			),
		).toEqual([]);
		expect(foldBuckets([[1, 2]], 5)).toEqual([{ from: 0, to: 2, count: 2 }]);
	});

	test('bars', () => {
		expect(bar(0, 10)).toBe('');
		expect(bar(1e-9, 10)).toBe('▏');
		expect(bar(0.5, 10)).toBe('█████');
		expect(bar(2, 3)).toBe('███');
	});

	test('range, bar, count, share and percentiles in a line that fits', () => {
		const frame = plain(
			render(
				<Histogram
					buckets={[
						[2048, 10],
						[4096, 30],
					]}
					p50={3000}
					p99={4000}
					logarithmic={false}
					width={80}
					height={5}
				/>,
			).lastFrame(),
		);
		expect(frame).toMatch(/1\.02µs – {2}2\.05µs │█+▏? +10 {2}25\.0%/);
		expect(frame).toMatch(/30 {2}75\.0% p50 p99/);
		for (const width of [100, 60, 40, 20, 3]) {
			for (const line of histogramLines({ buckets: [[2 ** 40, 123_456_789]], logarithmic: true, width, height: 5 })) {
				expect(textWidth(plain(line))).toBeLessThanOrEqual(Math.max(width, 15));
			}
		}
	});
});

describe('lines', () => {
	test('pieces go by importance and the rest stays in its order', () => {
		const pieces = [
			{ spans: ['aaaa'], drop: 0 },
			{ spans: ['bbbb'], drop: 2 },
			{ spans: ['cccc'], drop: 1, side: 'right' as const },
		];
		expect(statusLine(20, pieces)).toBe('aaaa  bbbb      cccc');
		expect(statusLine(12, pieces)).toBe('aaaa    cccc');
		expect(statusLine(4, pieces)).toBe('aaaa');
		expect(statusLine(2, pieces)).toBe('a…');
		expect(lineOf(0, ['x'])).toBe('');
	});

	test('words wrap', () => {
		expect(wrapText('one two three', 8)).toEqual(['one two', 'three']);
		expect(wrapText('', 8)).toEqual(['']);
	});
});

test('parts of a tab never exceed it', () => {
	for (let width = 1; width < 220; width += 7) {
		for (let height = 1; height < 60; height++) {
			for (const full of [4, 12, 500]) {
				const { direction, table, pane } = split(width, height, full, 8, 5);
				if (direction === 'column') expect(table.height + (pane?.height ?? 0)).toBeLessThanOrEqual(height);
				else expect(table.width + (pane?.width ?? 0) + 2).toBeLessThanOrEqual(width);
			}
		}
	}
});
