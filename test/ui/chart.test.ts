import './blessed-hook.ts';
import { describe, expect, test } from 'vitest';
import { textWidth } from '../../src/lib/width.ts';
import { chartLines, niceCeiling } from '../../src/ui/widgets/chart.ts';
import { plain } from './plain.ts';

const timeline = { ages: Array.from({ length: 53 }, (_, index) => 52 - index), gaps: [], step: 1 };
const options = { width: 60, height: 10, timeline, format: (value: number) => `${value}W` };
const rising = Array.from({ length: 53 }, (_, index) => index);

describe('chart', () => {
	test('has the size asked for', () => {
		for (const [width, height] of [
			[60, 10],
			[31, 4],
			[200, 40],
		] as const) {
			const lines = chartLines({ ...options, width, height, series: [{ role: 'series1', values: rising }] });
			expect(lines.length).toBe(height);
			for (const line of lines) expect(textWidth(plain(line))).toBeLessThanOrEqual(width);
		}
	});

	test('the newest value is at the right, the axis has units and ages', () => {
		const lines = chartLines({ ...options, series: [{ role: 'series1', values: rising }] }).map(plain);
		expect(lines[0]).toMatch(/[⠁-⣿]$/);
		expect(lines.join('\n')).toContain('48W');
		expect(lines.at(-1)).toMatch(/-52s .*-7s/);
	});

	test('an interval far longer than asked is marked, and the ages count it', () => {
		const values = new Array(53).fill(0);
		const gaps = values.map((_, index) => (index === 40 ? 60 : 0));
		const ages = timeline.ages.map((age, index) => (index < 40 ? age + 60 : age));
		const lines = chartLines({
			...options,
			timeline: { ages, gaps, step: 1 },
			series: [{ role: 'series1', values }],
		}).map(plain);
		const marks = lines.map((line) => [...line].flatMap((glyph, column) => (glyph === '┊' ? [column] : [])));
		// 12 before the right edge, over the curve and on the axis
		expect(marks).toEqual([...new Array(7).fill([60 - 1 - 12]), [], [60 - 1 - 12], []]);
		expect(lines.at(-1)).toMatch(/-112s .*-7s/);
	});

	test('no warning, whatever the values', () => {
		const warnings: Error[] = [];
		const onWarning = (warning: Error) => warnings.push(warning);
		process.on('warning', onWarning);
		for (const values of [
			[],
			[0],
			[0, 0, 0],
			[Number.NaN, 5, Number.NaN, 7],
			[1e300, 1],
			[-5, 5],
			[Number.POSITIVE_INFINITY, 1],
		]) {
			expect(
				chartLines({
					...options,
					series: [
						{ role: 'series1', values },
						{ role: 'series2', values },
					],
				}),
			).toHaveLength(10);
		}
		process.off('warning', onWarning);
		expect(warnings).toEqual([]);
	});

	test('no room, no chart', () => {
		expect(chartLines({ ...options, width: 10, series: [] })).toEqual([]);
		expect(chartLines({ ...options, height: 3, series: [] })).toEqual([]);
	});

	test('axes end at round values', () => {
		expect([0, 0.3, 1, 1.2, 27, 41, 99, 1010].map(niceCeiling)).toEqual(
			[1, 0.4, 1, 2, 40, 60, 100, 2000].map((value) => expect.closeTo(value, 9)),
		);
	});
});
