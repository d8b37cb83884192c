import { expect, test } from 'vitest';
import { Governor } from '../../src/tracers/io/governor.ts';

const s = 1e9;

test('what stays within the limit stays on', () => {
	const governor = new Governor(0.05);
	governor.reset(0);
	for (let at = 1; at < 100; at++) expect(governor.exceeds(0.05, at * s)).toBe(false);
	expect(governor.detached).toBe(false);
	expect(governor.reason(100 * s)).toBe('');
	expect(governor.cost).toBe(0.05);
});

test('beyond the limit it is detached, says so, and is tried again after 30 s', () => {
	const governor = new Governor(0.05);
	governor.reset(0);
	expect(governor.exceeds(0.073, 10 * s)).toBe(true);
	expect(governor.detached).toBe(true);
	expect(governor.reason(10 * s)).toBe('cost 7.3 % > 5 % of a CPU; tried again in 30 s');
	expect(governor.reason(25.5 * s)).toBe('cost 7.3 % > 5 % of a CPU; tried again in 15 s');
	expect(governor.retries(39 * s)).toBe(false);
	expect(governor.retries(40 * s)).toBe(true);
	expect(governor.detached).toBe(false);
	expect(governor.retries(41 * s)).toBe(false);
});

/** Detach whenever it is on; the lengths of the pauses, seconds. */
function pauses(governor: Governor, count: number, onFor: number): number[] {
	let at = 0;
	return Array.from({ length: count }, () => {
		at += onFor * s;
		governor.exceeds(0.01, at - s);
		governor.exceeds(1, at);
		const begun = at;
		while (!governor.retries(at)) at += s;
		return (at - begun) / s;
	});
}

test('pauses double while it is too dear again soon, and not without end', () => {
	expect(pauses(new Governor(0.05), 7, 2)).toEqual([30, 60, 120, 240, 480, 480, 480]);
});

test('having been cheap for as long as it was off, it begins anew', () => {
	expect(pauses(new Governor(0.05), 3, 130)).toEqual([30, 30, 30]);
});

test('the user may ask at any time', () => {
	const governor = new Governor(0.05);
	governor.reset(0);
	governor.exceeds(1, s);
	governor.exceeds(1, 2 * s);
	governor.reset(3 * s);
	expect(governor.detached).toBe(false);
	governor.exceeds(1, 4 * s);
	expect(governor.retries(33 * s)).toBe(false);
	expect(governor.retries(34 * s)).toBe(true);
});
