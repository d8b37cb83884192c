import { expect, test } from 'vitest';
import { keyedStatsSizes } from '../../src/tracers/io/keyed-stats.ts';

const slots = (cpus: number) => keyedStatsSizes({ cpus }, 'stats').constants.pool_slots;

test('the pool is sized by the CPUs that are online', () => {
	expect(keyedStatsSizes({ cpus: 4 }, 'stats')).toEqual({
		constants: { pool_slots: 1024 },
		maxEntries: { stats: 1024, slots_taken: 1024 },
	});
	expect(slots(32)).toBe(4096);
	expect(slots(512)).toBe(8192);
});

test('24 disks with ten operations on 4 CPUs find a slot each', () => {
	expect(slots(4)).toBeGreaterThanOrEqual(24 * 10 * 4);
});
