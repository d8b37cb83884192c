import { describe, expect, test } from 'vitest';
import { hist_range } from '../../src/generated/lib.ts';
import { percentile, percentiles, slotCount, slotLower, toBuckets } from '../../src/lib/histogram.ts';
import { generator } from '../lib/random.ts';
import { replayOf } from './replay.ts';

const output = replayOf('hist');

/** hist_slot() of bpf/lib/hist.bpf.h itself. */
function slotsInKernel(values: readonly bigint[], subBits: number): number[] {
	return output(values.map((ns) => `${subBits} ${ns}`))
		.trimEnd()
		.split('\n')
		.map(Number);
}

describe.each([2, 4])('slots with 2^%i to an octave', (subBits) => {
	const length = slotCount(subBits);

	test('kernel and reader agree on every boundary', () => {
		expect(slotLower(1, length)).toBe(2 ** hist_range.HIST_MIN_EXP);
		expect(slotLower(length - 1, length)).toBe(2 ** hist_range.HIST_MAX_EXP);
		const bounds = Array.from({ length: length - 1 }, (_, slot) => BigInt(slotLower(slot + 1, length)));
		expect(slotsInKernel(bounds, subBits)).toEqual(bounds.map((_, index) => index + 1));
		expect(
			slotsInKernel(
				bounds.map((lower) => lower - 1n),
				subBits,
			),
		).toEqual(bounds.map((_, index) => index));
		expect(slotsInKernel([0n, 2n ** 64n - 1n], subBits)).toEqual([0, length - 1]);
	});

	test('several percentiles are those that one finds one by one', () => {
		const slots = new Uint32Array(length);
		const ranks = [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1] as const;
		let random = 1;
		for (let round = 0; round < 50; round++) {
			const max = slotLower(length - 1, length) + 5;
			random = (random * 48271) % 2147483647;
			slots[random % length] = ((slots[random % length] as number) + random) % 100;
			expect(percentiles(slots, ranks, max)).toEqual(ranks.map((rank) => percentile(slots, rank, max)));
		}
	});

	test('a percentile is within one slot width of the exact one', () => {
		const values: number[] = [];
		const random = generator(11);
		for (let i = 0; i < 5000; i++) values.push(Math.floor(200 * 2 ** (random() * 24)));
		const slots = new Uint32Array(length);
		for (const slot of slotsInKernel(values.map(BigInt), subBits)) slots[slot] = (slots[slot] as number) + 1;
		values.sort((a, b) => a - b);
		const max = values.at(-1) as number;
		for (const rank of [0.5, 0.9, 0.99, 1]) {
			const exact = values[Math.ceil(rank * values.length) - 1] as number;
			const estimate = percentile(slots, rank, max);
			expect(Math.abs(estimate - exact) / exact).toBeLessThanOrEqual(1 / 2 ** subBits);
			expect(estimate).toBeLessThanOrEqual(max);
		}
	});
});

test('an empty histogram has no buckets and a percentile of 0', () => {
	const slots = new Uint32Array(slotCount(2));
	expect(toBuckets(slots, 0)).toEqual([]);
	expect(percentile(slots, 0.99, 0)).toBe(0);
});

test('buckets name their exclusive upper bound; the open last one ends above the maximum', () => {
	const slots = new Uint32Array(slotCount(2));
	slots[0] = 3;
	slots[1] = 2;
	slots[slots.length - 1] = 1;
	expect(toBuckets(slots, 2 ** 37)).toEqual([
		[128, 3],
		[160, 2],
		[2 ** 37 + 1, 1],
	]);
});

test('a length that no histogram has is refused', () => {
	expect(() => slotLower(1, 77)).toThrow(RangeError);
});
