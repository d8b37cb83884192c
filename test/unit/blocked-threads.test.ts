import { expect, test } from 'vitest';
import { BlockedThreads } from '../../src/tracers/io/blocked-threads.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

function is(state: string, voluntary: number, nonvoluntary: number): void {
	const lines = [
		'Name:\tState: R',
		`State:\t${state} (some)`,
		`voluntary_ctxt_switches:\t${voluntary}`,
		`nonvoluntary_ctxt_switches:\t${nonvoluntary}`,
	];
	tree.set('7/task/8/status', `${lines.join('\n')}\n`);
}

test('asleep uninterruptibly without having run since the last interval: blocked', () => {
	const threads = new BlockedThreads(tree.root);
	const next = (): boolean | undefined => {
		threads.tick();
		return threads.isBlocked(7, 8);
	};
	is('D', 5, 2);
	expect(next()).toBeUndefined();
	expect(next()).toBe(true);
	is('D', 6, 2);
	expect(next()).toBe(false);
	is('D', 6, 3);
	expect(next()).toBe(false);
	is('S', 6, 3);
	expect(next()).toBe(false);
	is('D', 6, 3);
	// it was not blocked in the interval before
	expect(next()).toBe(false);
	expect(next()).toBe(true);
});

test('no thread, no owner: not blocked', () => {
	const threads = new BlockedThreads(tree.root);
	expect(threads.isBlocked(0, 0)).toBe(false);
	expect(threads.isBlocked(9, 9)).toBe(false);
});
