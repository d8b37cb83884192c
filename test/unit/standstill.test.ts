/** Processes that stand still: when open files are gone through again. And the series of the troubles that look for them. */
import { expect, test } from 'vitest';
import { pauseAfter } from '../../src/tracers/overview/tasks/standstill/finder.ts';
import { quietSum, withQuiet } from '../triage/table.ts';

test('open files are gone through for 1 % of the time, at least every 6 s, at most every 2', () => {
	expect(pauseAfter(1e6)).toBe(2e9);
	expect(pauseAfter(40e6)).toBe(4e9);
	expect(pauseAfter(900e6)).toBe(6e9);
});

test('quiet series add up on the page, and the rest of it stays', () => {
	const empty = [
		'before',
		'',
		'| quiet series | seconds | load | intervals | severe lines |',
		'| --- | --- | --- | --- | --- |',
	];
	const page = [...empty, '', 'All quiet series together: 0 s, 0 intervals, severe lines: 0.', '', 'after', ''].join(
		'\n',
	);
	const one = withQuiet(page, { seconds: 600, intervals: 598, about: [] }, '2026-01-01 10:00 UTC', 1.25);
	const two = withQuiet(one.page, { seconds: 900, intervals: 890, about: ['starving sh'] }, '2026-01-01 11:00 UTC', 30);
	expect(two.sum).toBe('All quiet series together: 1,500 s, 1,488 intervals, severe lines: 1.');
	expect(two.page.split('\n')).toEqual([
		...empty,
		'| 2026-01-01 10:00 UTC | 600 | 1.3 | 598 | 0 |',
		'| 2026-01-01 11:00 UTC | 900 | 30.0 | 890 | 1: starving sh |',
		'',
		two.sum,
		'',
		'after',
		'',
	]);
	expect(quietSum([])).toBe('All quiet series together: 0 s, 0 intervals, severe lines: 0.');
});
