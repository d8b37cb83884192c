import { expect, test } from 'vitest';
import { parseTime } from '../../src/history/time-words.ts';

const local = (text: string) => new Date(text).getTime();
const shown = local('2026-03-05T14:30:00');
const [first, last] = [local('2026-03-03T09:00:00'), local('2026-03-05T15:00:00')];

test.each([
	['14:02', '2026-03-05T14:02:00'],
	['9:05:07', '2026-03-05T09:05:07'],
	// at 20:00 of today nothing was recorded yet
	['20:00', '2026-03-04T20:00:00'],
	['2026-03-03 10:00', '2026-03-03T10:00:00'],
	['-5m', '2026-03-05T14:25:00'],
	['+30s', '2026-03-05T14:30:30'],
	['- 1.5 h', '2026-03-05T13:00:00'],
	['-1d', '2026-03-04T14:30:00'],
])('%s', (text, time) => {
	expect(parseTime(text, shown, first, last)).toBe(local(time));
});

test('a time of day that was not recorded on any day is the nearest one', () => {
	expect(parseTime('23:00', shown, local('2026-03-05T14:00:00'), last)).toBe(local('2026-03-05T23:00:00'));
});

test.each(['', 'x', '25:00', '12:60', '12:00:61', '2026-13-01 10:00', '-5', '5m', '12'])('%j is no time', (text) => {
	expect(parseTime(text, shown, first, last)).toBeUndefined();
});
