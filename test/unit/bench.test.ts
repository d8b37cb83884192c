import { expect, test } from 'vitest';
import { withRegion } from '../bench/document.ts';
import { type Figure, number, ratiosTo, type SectionResult, sectionText } from '../bench/figures.ts';
import { type Goal, goalsText, judged } from '../bench/goals.ts';
import { EMPTY, WHAT } from '../bench/kernel.ts';
import type { Machine } from '../bench/machine.ts';
import { load, reportText, save } from '../bench/report.ts';
import { median, medianInterval, pairedRatios, ratioOf } from '../bench/statistics.ts';
import { makeTree } from '../lib/tree.ts';
import { check } from '../verify/check.ts';
import { checksText } from '../verify/report.ts';

test('median: middle of odd, mean of the two of even, nothing of nothing', () => {
	expect(median([3, 1, 2])).toBe(2);
	expect(median([4, 1, 2, 3])).toBe(2.5);
	expect(median([])).toBeNaN();
});

test('interval of the median: ends up to seven values, then order statistics of 90 %', () => {
	const values = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
	expect(medianInterval(values(3))).toEqual([1, 3]);
	// P(no value above the median) = 2^-5 at each side: 94 %; leaving the ends out would be 62 %
	expect(medianInterval(values(5))).toEqual([1, 5]);
	expect(medianInterval(values(7))).toEqual([1, 7]);
	expect(medianInterval(values(8))).toEqual([2, 7]);
	// the tables of the sign test: 4 and 12 of 15 at 5 % each side
	expect(medianInterval(values(15))).toEqual([4, 12]);
});

test('ratios are of the same round, and noise is when they may as well be 1', () => {
	expect(pairedRatios([10, 40], [10, 20, 30])).toEqual([1, 2]);
	expect(ratioOf([0.9, 0.95, 0.9])).toMatchObject({ median: 0.9, interval: [0.9, 0.95], noise: false });
	expect(ratioOf([1.1, 0.95, 0.9]).noise).toBe(true);
	expect(ratiosTo(cost('w', 'a', 10, 40), cost('w', 'b', 10, 20))).toEqual([1, 2]);
	// a baseline with more turns than this contender
	expect(ratiosTo({ ...cost('w', 'a', 10, 40), base: [5, 10] }, cost('w', 'b', 1, 5, 10))).toEqual([2, 4]);
});

const section = (figures: Figure[], baseline?: string): SectionResult => ({
	id: 'kernel',
	title: 'Kernel',
	notes: ['How.'],
	...(baseline !== undefined && { baseline }),
	figures,
});
const cost = (what: string, contender: string, ...values: number[]): Figure => ({
	what,
	contender,
	unit: 'ns',
	values,
});

test('a section as Markdown: median, range, ratio to the baseline, what noise hides, hooks that are not there', () => {
	const text = sectionText(
		section(
			[
				cost('wake-up', 'nothing', 50, 52, 51),
				cost('wake-up', 'peer', 100, 104, 102),
				cost('wake-up', 'other', 50, 53, 50),
				{ ...cost('wake-up', 'wattlag'), note: 'no hook' },
			],
			'nothing',
		),
	);
	expect(text).toContain('| wake-up | nothing | 51 ns | 50–52 |  |  |');
	expect(text).toContain('| wake-up | peer | 102 ns | 100–104 | 2.000 (2.000–2.000) |  |');
	expect(text).toMatch(
		/\| wake-up \| other \| 50 ns \| 50–53 \| 1\.000 \(0\.980–1\.019\) \| no difference beyond noise \|/,
	);
	expect(text).toContain('| wake-up | wattlag | – |  |  | no hook |');
	const lines = text.split('\n').filter((line) => line.startsWith('|'));
	expect(new Set(lines.map((line) => line.split('|').length)).size).toBe(1);
});

test('figures have three digits and no more', () => {
	expect([0, 0.12345, 9.876, 123.456, 1234.5, Number.NaN].map(number)).toEqual([
		'0',
		'0.123',
		'9.88',
		'123',
		'1,235',
		'–',
	]);
});

/** The first goal of a section of the kernel. */
const first = (...figures: Figure[]): Goal | undefined => judged(section(figures), '2026-01-01T12:00')[0];

test('goals: reached, missed, and undecided where the target lies within the noise', () => {
	const both = 'wattlag run queue + energy';
	const verdict = (own: number[]): string | undefined =>
		first(cost(WHAT.switchAll, both, ...own), cost(WHAT.switchAll, EMPTY, 50, 50, 50))?.verdict;
	expect(verdict([90, 95, 99])).toBe('reached');
	expect(verdict([101, 120, 110])).toBe('missed');
	expect(verdict([90, 95, 110])).toBe('undecided');
});

test('goals whose figures are missing are named, with the time of the section', () => {
	expect(first(cost(WHAT.hard, 'hardirqs', 500))).toMatchObject({
		verdict: 'not measured',
		measured: '2026-01-01T12:00',
	});
	expect(goalsText(judged(section([]), 'then'))).toContain('| not measured | then |');
});

test('results are kept by section, and the document is made from the existing ones', () => {
	const tree = makeTree();
	const on = (measured: string): Machine => ({
		...{ measured, processor: 'CPU', cpus: 2, memory_gib: 1, virtual: false, kernel: '6.1', disks: [] },
		...{ versions: {}, commit: 'abc' },
	});
	save(tree.root, { machine: on('day one'), result: section([cost(WHAT.wakeup, 'old', 50)]) });
	save(tree.root, { machine: on('day one'), result: { ...section([cost('tick', 'x', 7)]), id: 'reading' } });
	save(tree.root, { machine: on('day two'), result: section([cost(WHAT.wakeup, 'new', 60)]) });
	const text = reportText(load(tree.root, ['kernel', 'workload', 'reading']));
	expect(text).toContain('| wake-up | new | 60 ns |');
	expect(text).not.toContain('| old |');
	expect(text).toContain('| tick | x | 7 ns |');
	expect(text).toMatch(/day two[\s\S]*wake-up[\s\S]*day one[\s\S]*tick/);
});

test('accuracy: the error is what lies outside of what the truth leaves open', () => {
	const of = (ours: number, hidden = 0) =>
		check('x', 'y', 'ns', { ours, least: 1000, most: 1100 }, { bound: 0.01, hidden });
	expect(of(1050)).toMatchObject({ error: 0, passed: true });
	expect(of(1105)).toMatchObject({ passed: true });
	expect(of(1120)).toMatchObject({ passed: false });
	expect(of(980)).toMatchObject({ error: 0.02, passed: false });
	// only what is missing can have been hidden
	expect(of(980, 20)).toMatchObject({ error: 0, passed: true });
	expect(of(1120, 20).passed).toBe(false);
	expect(check('x', 'y', 'ns', { ours: 0, least: 0, most: 0 }, { bound: 1 }).passed).toBe(false);
	expect(checksText([of(980)])).toContain('| 2 % | -6.7 % | 1 % | **no** |');
});

test('a region of a document is replaced, the rest stays, and one that is not there is refused', () => {
	const document = 'a\n<!-- bench -->\nold\n<!-- end of bench -->\nz\n';
	const written = withRegion(document, 'bench', 'new\n');
	expect(written).toBe('a\n<!-- bench -->\n\nnew\n\n<!-- end of bench -->\nz\n');
	expect(withRegion(written, 'bench', 'new')).toBe(written);
	expect(() => withRegion('a', 'bench', 'new')).toThrow('no region bench');
});
