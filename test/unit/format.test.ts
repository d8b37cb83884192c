import { describe, expect, test } from 'vitest';
import type { ColumnKind } from '../../src/lib/format.ts';
import {
	formatBytes,
	formatCount,
	formatDuration,
	formatMicroJoules,
	formatNs,
	formatRate,
	formatShare,
	formatValue,
	formatWatts,
} from '../../src/lib/format.ts';

describe('three significant digits and a unit', () => {
	test.each([
		[0, '0'],
		[1, '1ns'],
		[999, '999ns'],
		[999.6, '1.00µs'],
		[1234, '1.23µs'],
		[12_345, '12.3µs'],
		[123_456, '123µs'],
		[999_949, '1.00ms'],
		[1_500_000, '1.50ms'],
		[2e9, '2.00s'],
		[61e9, '1.02min'],
		[7200e9, '2.00h'],
		[Number.NaN, '–'],
		[Number.POSITIVE_INFINITY, '–'],
	])('%d ns', (value, text) => expect(formatNs(value)).toBe(text));

	test.each([
		[0, '0'],
		[0.0000004, '0'],
		[0.00123, '1.23mW'],
		[0.9999, '1.00W'],
		[12.34, '12.3W'],
		[1234, '1.23kW'],
	])('%d W', (value, text) => expect(formatWatts(value)).toBe(text));

	test.each([
		[0, '0'],
		[999, '999µJ'],
		[1500, '1.50mJ'],
		[2_500_000, '2.50J'],
		[Number.NaN, '–'],
	])('%d µJ', (value, text) => expect(formatMicroJoules(value)).toBe(text));

	test.each([
		[0, '0'],
		[512, '512B'],
		[1536, '1.50K'],
		[1023.9, '1.00K'],
		[5 * 2 ** 30, '5.00G'],
	])('%d bytes', (value, text) => expect(formatBytes(value)).toBe(text));

	test('bytes with the unit in full', () => {
		expect(formatBytes(1536, 'full')).toBe('1.50KiB');
		expect(formatBytes(12, 'full')).toBe('12B');
	});

	test.each([
		[0, '0'],
		[99_999, '99999'],
		[123_456, '123k'],
		[1.5e12, '1.50T'],
		[Number.NaN, '–'],
	])('count %d', (value, text) => expect(formatCount(value)).toBe(text));

	test.each([
		[0, '0%'],
		[0.0004, '0.04%'],
		[0.00001, '<0.01%'],
		[0.123, '12.3%'],
		[0.9996, '100%'],
		[3.2, '320%'],
	])('share %d', (value, text) => expect(formatShare(value)).toBe(text));

	test('rates and durations', () => {
		expect(formatRate(0.25)).toBe('0.25');
		expect(formatRate(12_345)).toBe('12.3k');
		expect(formatDuration(59)).toBe('59s');
		expect(formatDuration(3661)).toBe('1h01m');
		expect(formatDuration(300_000)).toBe('3d11h');
		expect(formatDuration(Number.NaN)).toBe('–');
	});
});

test('times of day are local', () => {
	expect(formatValue('clock', new Date(2026, 0, 2, 3, 4, 5).getTime() / 1000, 8)).toBe('03:04:05');
	expect(formatValue('clock', Number.NaN, 8)).toBe('–');
});

describe('a value in a column', () => {
	const kinds: ColumnKind[] = [
		'text',
		'pid',
		'count',
		'rate',
		'ns',
		'microjoules',
		'watts',
		'bytes',
		'bytes-rate',
		'share',
		'clock',
	];
	const values: unknown[] = [
		0,
		-1,
		1,
		0.5,
		999,
		1e3,
		99_999,
		1e5,
		1e9,
		123_456_789_012,
		1e18,
		2 ** 53,
		1e300,
		-1e300,
		5e-324,
		Number.NaN,
		Number.POSITIVE_INFINITY,
		undefined,
		null,
		{},
		'a long name that will not fit',
		'日本語',
		'',
	];

	test.each(kinds)('%s never exceeds its width and never throws', (kind) => {
		for (const value of values) {
			for (let width = 0; width <= 9; width++) {
				const text = formatValue(kind, value, width);
				expect(text.length, `${kind} ${String(value)} in ${width}`).toBeLessThanOrEqual(width);
			}
		}
	});

	test('decimals go first, and a number is never cut into another one', () => {
		expect(formatValue('ns', 1234, 6)).toBe('1.23µs');
		expect(formatValue('ns', 1234, 5)).toBe('1.2µs');
		expect(formatValue('ns', 1234, 4)).toBe('1µs');
		expect(formatValue('ns', 123_400, 4)).toBe('####');
		expect(formatValue('pid', 4_194_304, 5)).toBe('#####');
	});

	test('a value that is no number is a dash', () => {
		expect(formatValue('watts', Number.NaN, 6)).toBe('–');
		expect(formatValue('ns', undefined, 6)).toBe('–');
	});
});
