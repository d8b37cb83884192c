import { render } from 'ink-testing-library';
import { afterEach, describe, expect, test } from 'vitest';
import { textWidth } from '../../src/term/width.ts';
import type { Column } from '../../src/tracers/tracer.ts';
import { rules } from '../../src/triage/rules.ts';
import { clipboardSequence, rowText } from '../../src/ui/frame/clipboard.ts';
import { ErrorBoundary } from '../../src/ui/frame/error-boundary.tsx';
import { Footer, type FooterProps } from '../../src/ui/frame/footer.tsx';
import { helpLines } from '../../src/ui/frame/help.tsx';
import { type Front, hintSpans } from '../../src/ui/frame/hints.ts';
import { defaultKeymap } from '../../src/ui/keymap.ts';
import { arrowOf, changeOf, formatChange } from '../../src/ui/state/baseline.ts';
import { choicesOf, move, shownColumns, toggle } from '../../src/ui/state/columns.ts';
import { cpuLines } from '../../src/ui/tabs/runqlat/cpu-waits.tsx';
import { lookOf, paint, type Role, setLook } from '../../src/ui/theme.ts';
import { bar, foldBuckets, Histogram, histogramLines } from '../../src/ui/widgets/histogram.tsx';
import { type Hits, targetAt } from '../../src/ui/widgets/hit.ts';
import { lineOf, statusLine } from '../../src/ui/widgets/line.ts';
import { wrapText } from '../../src/ui/widgets/notice.tsx';
import { split } from '../../src/ui/widgets/split.ts';
import { placeColumns, scrollTo, Table, tableLines } from '../../src/ui/widgets/table.tsx';
import { energySnapshot, energyTracer, fixtureTabs } from './fixtures/tabs.ts';
import { plain } from './plain.ts';

const { columns } = energyTracer;
const sort = { key: 'watts', direction: 'descending' } as const;

describe('table', () => {
	const rows = energySnapshot(0, 100).rows;
	const props = { columns, rows, sort, selected: -1, seconds: 1, width: 80, height: 10 };

	test('header, direction, and only the rows in sight', () => {
		const frame = plain(render(<Table {...props} />).lastFrame());
		expect(frame.split('\n')).toHaveLength(10);
		expect(frame).toContain('▼WATTS');
		expect(frame).toContain('1000 postgres');
	});

	test('rows out of sight are not even looked at', () => {
		let looked = 0;
		const counting: Column<unknown>[] = [
			{
				key: 'a',
				title: 'A',
				kind: 'count',
				width: 5,
				priority: 0,
				help: '',
				value: () => {
					looked++;
					return 1;
				},
			},
		];
		tableLines({ ...props, columns: counting, rows: Array.from({ length: 10_000 }), height: 11 }, 5000);
		expect(looked).toBe(10);
	});

	test.each([200, 120, 80, 60, 40, 20, 5, 1])('no line is wider than %i, wide characters included', (width) => {
		for (const selected of [-1, 9]) {
			for (const line of tableLines({ ...props, width, height: 30, selected }, 0)) {
				expect(textWidth(plain(line))).toBeLessThanOrEqual(width);
			}
		}
	});

	test('numbers stay in their columns beside wide characters', () => {
		const lines = tableLines({ ...props, height: 40 }, 0).map(plain);
		const ends = lines.slice(1, 16).map((line) => textWidth(line.slice(0, line.search(/[mk]?W /) + 2).trimEnd()));
		expect(new Set(ends.map((end) => Math.round(end / 3))).size).toBe(1);
	});

	test('narrow: the least important columns go first, the order stays', () => {
		const keys = (width: number) => placeColumns(columns, width).map(({ column }) => column.key);
		expect(keys(200)).toEqual(columns.map((column) => column.key));
		expect(keys(40)).toEqual(['pid', 'comm', 'watts', 'cpu']);
		expect(keys(10)).toEqual(['watts']);
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

	test('CPUs: where most is waited first, those without room added up', () => {
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
		expect(plain(cpuLines([], 80, 6)[0] ?? '')).toContain('nobody waited');
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

describe('help and footer', () => {
	test('the overview explains when something is a finding', () => {
		const { tracer } = fixtureTabs[0] as (typeof fixtureTabs)[0];
		const text = helpLines(tracer, tracer.columns, defaultKeymap, 120)
			.map((line) => plain(line))
			.join(' ')
			.replace(/ +/g, ' ');
		for (const { title, help } of rules) expect(text).toContain(`${title} ${help}`.replace(/ +/g, ' '));
		expect(text).toContain('A B C D E');
	});

	test('help has every key and every column', () => {
		const { tracer } = fixtureTabs[1] as (typeof fixtureTabs)[0];
		const text = helpLines(tracer, tracer.columns, defaultKeymap, 80).map(plain).join('\n');
		for (const binding of defaultKeymap.bindings) expect(text).toContain(binding.help.split(' ')[0]);
		for (const column of columns) expect(text).toContain(column.help);
		for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(80);
	});

	const table: Front = { kind: 'table', groups: 3, views: 2, hasDetail: true };

	test('hints are of keys that do something here, as many as fit', () => {
		const hints = (front: Partial<Front>, width = 80) =>
			plain(lineOf(width, hintSpans(defaultKeymap, { ...table, ...front }, width)));
		expect(hints({})).toBe('?Help  qQuit  /Filter  sSort  SpacePause  EnterDetail  tGroup  vView  rReverse  ');
		expect(hints({ groups: 1, views: 0, hasDetail: false })).not.toMatch(/Group|View|Detail/);
		expect(hints({ kind: 'detail' })).toMatch(/^EscBack {2}\?Help .*sSort/);
		expect(hints({ kind: 'lens' }, 200)).toMatch(/^EscBack {2}\?Help {2}qQuit {2}SpacePause .*\[Past/);
		expect(hints({ kind: 'lens' }, 200)).not.toMatch(/Sort|Filter|Group|View|Detail/);
		expect(hints({ kind: 'overlay' })).toBe('EscBack  ?Help  qQuit  ');
		expect(hints({}, 20)).toBe('?Help  qQuit  ');
	});

	const footer = (props: Partial<FooterProps>) =>
		plain(
			render(
				<Footer
					losses={[]}
					cost={{ bpf: 0.0012, cpu: 0.014, rssBytes: 80 * 2 ** 20, kernelBytes: 19 * 2 ** 20 }}
					selected={-1}
					rows={31}
					filter=""
					ignored={[]}
					prompt={null}
					message={null}
					keymap={defaultKeymap}
					front={table}
					width={80}
					height={2}
					{...props}
				/>,
			).lastFrame(),
		);

	test('lost by cause, or lost 0', () => {
		expect(footer({ width: 100 })).toMatch(/31 rows {2}lost 0 .*BPF 0\.1% CPU 1\.4% RSS 80\.0MiB kernel 19\.0MiB/);
		expect(footer({ losses: [['ring', 12]], width: 100 })).toContain('lost ring 12 ');
	});

	test('80 columns: losses and own cost both stay, whatever was lost', () => {
		const unknown = ['process_unknown', 254] as const;
		expect(footer({ losses: [unknown] })).toMatch(
			/31 rows {2}lost process_unknown 254 .*own .*BPF 0\.1% CPU 1\.4% .*80\.0M/,
		);
		expect(footer({ losses: [unknown, ['ring', 100_000], ['map_full', 12_345_678]] })).toMatch(
			/lost 12\.4M .*BPF 0\.1% CPU 1\.4%/,
		);
		expect(footer({ losses: [unknown], width: 46 })).toMatch(/lost 254 .*BPF/);
	});

	test('one line, or something typed: at the right edge, what is not lost left out', () => {
		const losses = [['ring', 12]] as const;
		expect(footer({ height: 1, width: 40 })).toMatch(/^\?Help.* own 1\.5%$/);
		expect(footer({ height: 1, width: 40, losses })).toMatch(/^\?Help.* lost 12 {2}own 1\.5%$/);
		expect(footer({ height: 1, width: 24, losses })).toMatch(/^\?Help.* lost 12$/);
		expect(footer({ height: 1, width: 24, losses, message: 'as long as the line and longer' })).toMatch(/ lost 12$/);
		const input = { text: 'comm ~ "a name that is long"', caret: 28 };
		for (const kind of ['filter', 'search'] as const) {
			const prompt = { kind, input, error: null, candidates: [] };
			expect(footer({ prompt, losses }).split('\n')[0]).toMatch(/that is long" {2,}lost 12 {2}own 1\.5%$/);
			expect(footer({ prompt, losses, height: 1, width: 30 })).toMatch(/that is long" +lost 12$/);
			expect(footer({ prompt, height: 1, width: 30 })).not.toContain('lost');
		}
	});
});

function Bad(): never {
	throw new Error('broken \x1b[31m');
}

test('a component that throws shows its error in its place, inert', () => {
	const frame = plain(
		render(
			<ErrorBoundary width={60} height={8}>
				<Bad />
			</ErrorBoundary>,
		).lastFrame(),
	);
	expect(frame).toContain('this tab failed');
	expect(frame).toContain('broken ^[[31m');
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

describe('what the terminal can show', () => {
	const utf8 = { TERM: 'xterm-256color', LANG: 'en_US.UTF-8' };
	const look = { theme: 'dark', colours: 256, ascii: false };
	test.each([
		[utf8, look],
		[
			{ ...utf8, NO_COLOR: '1' },
			{ ...look, theme: 'monochrome' },
		],
		[
			{ ...utf8, LANG: 'C' },
			{ ...look, ascii: true },
		],
		[{ ...utf8, LANG: 'C', LC_ALL: 'C.utf8' }, look],
		[
			{ ...utf8, TERM: 'dumb' },
			{ theme: 'monochrome', colours: 16, ascii: true },
		],
		[
			{ ...utf8, TERM: 'linux' },
			{ ...look, colours: 16, ascii: true },
		],
		[
			{ ...utf8, TERM: 'xterm' },
			{ ...look, colours: 16 },
		],
		[{ ...utf8, TERM: 'xterm', COLORTERM: 'truecolor' }, look],
	])('%j', (env, expected) => expect(lookOf(env)).toEqual(expected));

	test('what the user chose counts more, also than NO_COLOR', () => {
		const choice = { theme: 'light', colours: 16, ascii: true } as const;
		expect(lookOf({ ...utf8, NO_COLOR: '1' }, choice)).toEqual(choice);
	});
});

describe('themes', () => {
	afterEach(() => setLook({ theme: 'dark', colours: 16 }));

	test.each(['dark', 'light', 'colour-blind'] as const)(
		'%s: 16 colours need no 256, bars are told from text',
		(theme) => {
			setLook({ theme, colours: 16 });
			expect(paint('bad', 'x')).not.toContain('38;5');
			expect(new Set(['good', 'warn', 'bad'].map((role) => paint(role as Role, 'x'))).size).toBe(3);
			setLook({ theme, colours: 256 });
			expect(paint('bad', 'x')).toContain('38;5');
			expect(paint('selected', 'x')).not.toBe(paint('header', 'x'));
		},
	);

	test('monochrome: no colour at all', () => {
		setLook({ theme: 'monochrome', colours: 256 });
		for (const role of ['good', 'warn', 'bad', 'selected', 'header', 'alert', 'series2'] as const) {
			expect(paint(role, 'x')).not.toMatch(/\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])/);
		}
	});
});

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

	test('totals only grow: nothing is said of them', () => {
		expect(changeOf({ ...column, key: 'v_total' } as never, { v: 1 } as never, 1, baseline as never)).toBeNull();
	});
});

test('a copied row ends no sequence early', () => {
	const text = rowText(columns as never, energySnapshot(0).rows[11] as never, 1);
	expect(text).toContain('COMMAND evil^[]0;x^G');
	expect(clipboardSequence(text)).toMatch(/^\x1b\]52;c;[A-Za-z0-9+/=]+\x07$/);
});

test('columns: order, hiding, and the last one stays', () => {
	const all = choicesOf(columns as never, null);
	const moved = move(all, 0, 1);
	expect(moved.slice(0, 2).map(({ key }) => key)).toEqual(['comm', 'pid']);
	expect(move(all, 0, -1)).toBe(all);
	expect(shownColumns(columns, toggle(moved, 0)).map(({ key }) => key)).not.toContain('comm');
	let left = all;
	for (let index = 0; index < all.length; index++) left = toggle(left, index);
	expect(shownColumns(columns, left)).toHaveLength(1);
});

test('a click meets what is there', () => {
	const hits: Hits = {
		tabs: [
			{ id: 'a', end: 10 },
			{ id: 'b', end: 20 },
		],
		table: {
			x: 0,
			y: 3,
			width: 80,
			height: 5,
			first: 10,
			count: 12,
			columns: [
				{ key: 'pid', end: 8 },
				{ key: 'watts', end: 16 },
			],
		},
	};
	expect(targetAt(hits, 12, 1, 2, 1)).toEqual({ kind: 'tab', id: 'b' });
	expect(targetAt(hits, 30, 1, 2, 1)).toBeNull();
	expect(targetAt(hits, 9, 5, 2, 1)).toEqual({ kind: 'sort', key: 'watts' });
	expect(targetAt(hits, 0, 6, 2, 1)).toEqual({ kind: 'row', index: 10 });
	expect(targetAt(hits, 0, 9, 2, 1)).toBeNull();
	expect(targetAt(hits, 0, 20, 2, 1)).toBeNull();
});
