import { expect, test } from 'vitest';
import { worse, worseText } from '../bench/against.ts';
import type { SectionResult } from '../bench/figures.ts';

function section(now: number[], before: number[]): SectionResult {
	const figure = (contender: string, values: number[]) => ({ what: 'CPU', contender, unit: 'ms', values });
	const figures = [figure('wattlag', now), figure('wattlag (before)', before), figure('htop', [1, 1, 1])];
	return { id: 'rest', title: '', notes: [], figures };
}

test('worse beyond noise: in every turn, and by more than a few per cent', () => {
	expect(worse(section([12, 13, 14], [10, 11, 12]))).toMatchObject([
		{ what: 'CPU', contender: 'wattlag', before: 11, now: 13, unit: 'ms' },
	]);
	expect(worseText(section([12, 13, 14], [10, 11, 12]))).toContain('| CPU | wattlag | 11 ms | 13 ms | 1.182');
	expect(worse(section([12, 9, 14], [10, 11, 12]))).toEqual([]);
	expect(worse(section([10.1, 10.1], [10, 10]))).toEqual([]);
	expect(worse(section([5, 6], [10, 11]))).toEqual([]);
	expect(worse(section([], [10, 11]))).toEqual([]);
	expect(worseText(section([5], [10]))).toContain('Nothing got worse');
});
