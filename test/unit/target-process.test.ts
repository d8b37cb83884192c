import { expect, test } from 'vitest';
import { TargetProcess } from '../../src/tracers/profile/target-process.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

function put(state: string, start: number, threads = 1): void {
	const fields = [state, ...Array.from({ length: 16 }, () => 0), threads, 0, start];
	tree.set('7/stat', `7 (a) b (c) ${fields.join(' ')} 0\n`);
}

test('a profiled process ends when it is gone, a zombie, or another has its number', () => {
	put('S', 100);
	const target = () => new TargetProcess(tree.root, 7);
	const [gone, zombie, other] = [target(), target(), target()];
	expect([gone.ended, zombie.ended, other.ended]).toEqual([false, false, false]);
	put('Z', 100);
	expect(zombie.ended).toBe(true);
	put('S', 200);
	expect(other.ended).toBe(true);
	tree.remove('7');
	expect(gone.ended).toBe(true);
	put('S', 100);
	expect(gone.ended).toBe(true);
	expect(new TargetProcess(tree.root, undefined).ended).toBe(false);
});

test('a process goes on when its first thread has ended before the others', () => {
	put('S', 100, 3);
	const target = new TargetProcess(tree.root, 7);
	put('Z', 100, 2);
	expect(target.ended).toBe(false);
	expect(new TargetProcess(tree.root, 7).ended).toBe(false);
	put('Z', 100, 1);
	expect(target.ended).toBe(true);
});

test('of a container with its own pids the end is not seen: a profile of a pid of the machine goes on', () => {
	tree.link('self/ns/pid', 'pid:[4026532500]');
	expect(new TargetProcess(tree.root, 7).ended).toBe(false);
	put('Z', 100);
	expect(new TargetProcess(tree.root, 7).ended).toBe(false);
});
