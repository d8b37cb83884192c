import { expect, test } from 'vitest';
import { Gaps } from '../../src/sampling/gaps.ts';

const second = 1e9;

test('late by two intervals and at least a second, or asleep', () => {
	let slept = 60;
	let now = 40;
	const gaps = new Gaps(now * second, () => now + slept);
	/** A tick that was due in `due` seconds and came in `after`, during which the machine slept for `sleep`. */
	const tick = (due: number, after: number, sleep = 0, delay = 1) => {
		slept += sleep;
		now += after;
		return gaps.at(now * second, (now - after + due) * second, delay * second);
	};
	expect(tick(1, 1)).toBeUndefined();
	expect(tick(1, 2.9)).toBeUndefined();
	expect(tick(1, 4)).toEqual({ late_ns: 3 * second, suspended_ns: 0 });
	expect(tick(0.1, 1, 0, 0.1)).toBeUndefined();
	expect(tick(0.1, 1.5, 0, 0.1)).toMatchObject({ suspended_ns: 0 });
	expect(tick(1, 1, 3600)).toEqual({ late_ns: 0, suspended_ns: 3600 * second });
	expect(tick(1, 1)).toBeUndefined();
	// uptime comes in steps
	expect(tick(1, 1, 0.02)).toBeUndefined();
});
