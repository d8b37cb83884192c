/** Sizes of ring buffers: by CPUs, within limits. */
import { expect, test } from 'vitest';
import { cpuRing, eventRing } from '../../src/bpf/rings.ts';

test('a ring for what each CPU writes has room for all of them, up to a limit', () => {
	const size = { cpu: 1 << 16, most: 1 << 19 };
	expect([1, 2, 3, 8, 64].map((cpus) => cpuRing(cpus, size))).toEqual([1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 19]);
	expect(cpuRing(0, size)).toBe(size.most);
});

test('a ring that is filled at a rate is half as large on two CPUs', () => {
	expect([0, 1, 2, 3, 64].map((cpus) => eventRing(cpus, 1 << 20))).toEqual([
		1 << 20,
		1 << 19,
		1 << 19,
		1 << 20,
		1 << 20,
	]);
});
