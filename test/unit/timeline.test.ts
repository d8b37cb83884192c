import { expect, test } from 'vitest';
import { lastOf, timelineOf } from '../../src/history/timeline.ts';

const second = 1e9;
const at = (seconds: number, dt: number, gap?: { late_ns: number; suspended_ns: number }) => ({
	mono_ns: seconds * second,
	dt_ns: dt * second,
	...(gap && { gap }),
});

test('ages are of the clock, gaps of what was longer than asked', () => {
	const history = [
		at(10, 1),
		at(11, 1),
		// stopped for 30 s
		at(42, 31, { late_ns: 30 * second, suspended_ns: 0 }),
		// asked for 5 s from here on
		at(47, 5),
		// slept for an hour
		at(52, 5, { late_ns: 0, suspended_ns: 3600 * second }),
	];
	const timeline = timelineOf(history);
	expect(timeline).toEqual({ ages: [3642, 3641, 3610, 3605, 0], gaps: [0, 0, 30, 0, 3600], step: 5 });
	expect(lastOf(timeline, 2)).toEqual({ ages: [3605, 0], gaps: [0, 3600], step: 5 });
	expect(timelineOf([])).toEqual({ ages: [], gaps: [], step: 1 });
});
