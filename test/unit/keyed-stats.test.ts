import { expect, test } from 'vitest';
import { keyedStatsSizes } from '../../src/bpf/keyed-stats.ts';

function sizes(online: number, possible: number, pooled = true) {
	const addon = { possibleCpus: () => possible, hasType: () => pooled } as never;
	const { constants, maxEntries } = keyedStatsSizes({ addon, cpus: online }, 'stats');
	return { ...constants, slots: maxEntries['stats'] };
}

test('the pool is sized by the CPUs that are online, not by those that may come', () => {
	expect(sizes(4, 4)).toEqual(sizes(4, 128));
	expect(sizes(4, 128)).toEqual({ pool_slots: 1024, slots_per_cpu: 0, slots: 1024 });
	expect(sizes(32, 32).slots).toBe(4096);
	expect(sizes(512, 1024).slots).toBe(8192);
});

test('24 disks with ten operations on 4 CPUs find a slot each', () => {
	expect(sizes(4, 128).slots).toBeGreaterThanOrEqual(24 * 10 * 4);
});

test('without atomic additions that return a value each possible CPU has its part', () => {
	expect(sizes(4, 128, false)).toEqual({ pool_slots: 1024, slots_per_cpu: 8, slots: 1024 });
	expect(sizes(2, 2, false).slots_per_cpu).toBe(512);
});
