import { describe, expect, test } from 'vitest';
import { advance, counterSampler, powerSampler } from '../../src/tracers/energy/sources/sampler.ts';
import { second, usualRange } from './energy-fixtures.ts';

const limit = 10_000_000_000n;

describe('what a counter gained', () => {
	test.each([
		['counts on', 100n, 350n, usualRange, 250n, undefined],
		['stands still', 100n, 100n, usualRange, 0n, undefined],
		['wraps', usualRange - 100n, 50n, usualRange, 150n, /wrapped/],
		['is reset far from its end', 5_000_000_000n, 50n, usualRange, null, /reset/],
		['goes back, and its size is not known', usualRange - 100n, 50n, null, null, /went back/],
		['goes back from beyond its size', usualRange + 9n, 50n, usualRange, null, /went back/],
		['jumps by more than any hardware takes', 0n, limit + 1n, usualRange, null, /jumped/],
		['is beyond 2^53', 2n ** 63n + 1n, 2n ** 63n + 8n, null, 7n, undefined],
	])('%s', (_, before, now, range, gained, mark) => {
		const step = advance(before, now, range, limit);
		expect(step.gained).toBe(gained);
		if (mark) expect(step.mark).toMatch(mark);
		else expect(step.mark).toBeUndefined();
	});
});

/** A counter that answers from a list; an error is thrown. */
function script<T>(...answers: (T | Error)[]): () => T {
	return () => {
		const answer = answers.shift();
		if (answer === undefined) throw new Error('read more often than expected');
		if (answer instanceof Error) throw answer;
		return answer;
	};
}

function systemError(code: string): Error {
	return Object.assign(new Error(code), { code });
}

describe('energy from a counter', () => {
	test('the first interval begins when the sampler is made', () => {
		expect(counterSampler(script(1000n, 1250n))(second)).toEqual({ uj: 250 });
	});

	test('over many turns nothing is lost, doubled or negative', () => {
		const range = 1_000_000n;
		let raw = 0n;
		const sample = counterSampler(() => raw % range, { range, limit: 0.01 });
		let truth = 0;
		let sum = 0;
		for (let i = 1; i <= 1000; i++) {
			const step = (i * 7919) % 1000;
			raw += BigInt(step);
			truth += step;
			const { uj } = sample(0);
			expect(uj).toBeGreaterThanOrEqual(0);
			sum += uj as number;
		}
		expect(sum).toBe(truth);
	});

	test('fractions of a µJ go to the next interval', () => {
		const sample = counterSampler(script(0n, 1n, 2n, 3n, 4n), { scale: 0.25 });
		expect([1, 2, 3, 4].map(() => sample(second).uj)).toEqual([0, 0, 0, 1]);
	});

	test('an unreadable interval is not zero, and its energy is not part of the next', () => {
		const sample = counterSampler(script<bigint>(100n, systemError('ENODEV'), 5000n, 5100n));
		expect(sample(second)).toEqual({ uj: null, mark: 'gone (unplugged or taken offline)' });
		expect(sample(second)).toEqual({ uj: null, mark: 'readable again: counts from here' });
		expect(sample(second)).toEqual({ uj: 100 });
	});

	test('the next interval after a reset counts from the new start', () => {
		const sample = counterSampler(script(5_000_000_000n, 50n, 60n), { range: usualRange });
		expect(sample(second)).toEqual({ uj: null, mark: 'counter was reset' });
		expect(sample(second)).toEqual({ uj: 10 });
	});

	test('a counter that never moves does not count', () => {
		const sample = counterSampler(script(7n, 7n, 9n), { neverStill: true });
		expect(sample(second)).toEqual({ uj: null, mark: 'counter stands still' });
		expect(sample(second)).toEqual({ uj: 2 });
	});

	test('an interval in which it may have turned twice is marked', () => {
		const sample = counterSampler(script(0n, 1_000_000n), { range: usualRange });
		expect(sample(300 * second)).toMatchObject({ uj: 1_000_000, mark: expect.stringMatching(/more than once/) });
	});
});

describe('energy from power', () => {
	test('the mean of both ends times the measured length', () => {
		const sample = powerSampler(script(10_000_000, 20_000_000, 20_000_000));
		expect(sample(2 * second)).toEqual({ uj: 30_000_000 });
		expect(sample(0.5 * second)).toEqual({ uj: 10_000_000 });
	});

	test.each([-5, 4_294_967_295_000])('%d µW is no power', (microwatts) => {
		expect(powerSampler(script(1, microwatts))(second)).toMatchObject({
			uj: null,
			mark: expect.stringMatching(/cannot be/),
		});
	});
});
