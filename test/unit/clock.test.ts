import { expect, test } from 'vitest';
import { ownOffsets, parseClockOffsets } from '../../src/lib/clock.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

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

test('between unshare and the next fork the file is about another namespace: that of a process whose children are in ours', () => {
	const process = (name: string, own: string, children: string, seconds: number) => {
		tree.link(`${name}/ns/time`, `time:[${own}]`);
		tree.link(`${name}/ns/time_for_children`, `time:[${children}]`);
		tree.set(`${name}/timens_offsets`, `monotonic ${seconds} 0\nboottime ${seconds} 0\n`);
	};
	const offset = () => ownOffsets(tree.root, 40).monotonic / 1_000_000_000n;
	process('self', 'A', 'B', 5);
	expect(offset()).toBe(0n);
	process('1', 'C', 'C', 6);
	expect(offset()).toBe(0n);
	process('40', 'A', 'A', 7);
	expect(offset()).toBe(7n);
	tree.remove('self/ns/time_for_children');
	tree.link('self/ns/time_for_children', 'time:[A]');
	expect(offset()).toBe(5n);
	expect(ownOffsets('/nowhere', 1)).toEqual({ monotonic: 0n, boottime: 0n });
});
