import { expect, test } from 'vitest';
import { Pace } from '../../src/commands/record/pace.ts';

/** Runs a recorder for some seconds. @param cost of a reading and of a second, ms @returns length of each interval, s */
function run(pace: Pace, seconds: number, cost: { reading: number; second: number }): number[] {
	const lengths: number[] = [];
	for (let passed = 0; passed < seconds; ) {
		const length = pace.seconds;
		pace.take((cost.reading + cost.second * length) * 1e6, length * 1e9);
		lengths.push(length);
		passed += length;
	}
	return lengths;
}

const warm = (options = { seconds: 1, limit: 0.03 }): Pace => {
	const pace = new Pace(options);
	run(pace, 40, { reading: 8 * options.seconds, second: 2 });
	return pace;
};
const share = (lengths: readonly number[], { reading, second }: { reading: number; second: number }): number =>
	lengths.reduce((sum, length) => sum + reading + second * length, 0) /
	lengths.reduce((sum, length) => sum + length, 0) /
	1000;

test('the requested interval stays while it costs less than the limit', () => {
	expect(new Set(run(warm(), 600, { reading: 24, second: 4 }))).toEqual(new Set([1]));
});

test('start-up and a single expensive interval change nothing', () => {
	const pace = new Pace({ seconds: 1, limit: 0.03 });
	expect(new Set(run(pace, 30, { reading: 300, second: 0 }))).toEqual(new Set([1]));
	expect(new Set(run(pace, 60, { reading: 10, second: 2 }))).toEqual(new Set([1]));
	run(pace, 1, { reading: 200, second: 0 });
	expect(new Set(run(pace, 60, { reading: 10, second: 2 }))).toEqual(new Set([1]));
});

test('a storm: fine at first, then within the limit, and fine again after it', () => {
	const pace = warm();
	const storm = { reading: 100, second: 10 };
	const lengths = run(pace, 200, storm);
	expect(lengths.slice(0, 5)).toEqual([1, 1, 1, 1, 1]);
	expect(new Set(lengths.slice(12))).toEqual(new Set([5]));
	expect(share(lengths.slice(12), storm)).toBeLessThanOrEqual(0.03);
	const after = run(pace, 60, { reading: 8, second: 2 });
	expect(after.at(-1)).toBe(1);
	expect(after.filter((length) => length > 1).length).toBeLessThan(8);
});

test('at most ten times as long, in steps that make up ten seconds; it does not change to and fro', () => {
	const pace = warm();
	const lengths = run(pace, 600, { reading: 900, second: 40 });
	expect(Math.max(...lengths)).toBe(10);
	expect([...new Set(lengths)].every((length) => 10 % length === 0)).toBe(true);
	for (const reading of [20, 40, 55, 70, 110, 140, 200, 240]) {
		const steady = run(warm(), 900, { reading, second: 5 }).slice(40);
		expect(new Set(steady).size).toBe(1);
		expect(share(steady, { reading, second: 5 })).toBeLessThanOrEqual(0.03);
	}
});

test('without a limit there is one interval; other intervals have steps of their own', () => {
	expect(new Set(run(warm({ seconds: 1, limit: 0 }), 100, { reading: 500, second: 0 }))).toEqual(new Set([1]));
	expect(run(warm({ seconds: 0.1, limit: 0.3 }), 100, { reading: 55, second: 0 }).at(-1)).toBeCloseTo(0.2);
});
