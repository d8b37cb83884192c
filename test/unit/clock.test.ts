import { expect, test } from 'vitest';
import { parseClockOffsets } from '../../src/lib/clock.ts';

test.each([
	['monotonic           0         0\nboottime            0         0\n', 0n, 0n],
	['monotonic       86400         5\nboottime       864000 500000000\n', 86_400_000_000_005n, 864_000_500_000_000n],
	['monotonic     -172800         0\nboottime            1         0\n', -172_800_000_000_000n, 1_000_000_000n],
	['1 10 0\n7 20 0\n', 10_000_000_000n, 20_000_000_000n],
	['', 0n, 0n],
	['nonsense', 0n, 0n],
])('offsets of a time namespace: %j', (text, monotonic, boottime) => {
	expect(parseClockOffsets(text)).toEqual({ monotonic, boottime });
});
