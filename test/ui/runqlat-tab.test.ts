import { expect, test } from 'vitest';
import { runqlatTab } from '../../src/ui/tabs/runqlat/tab.tsx';
import { runqlatSnapshot } from './fixtures/runqlat.ts';

const snapshot = runqlatSnapshot(0);
const [all, process] = snapshot.rows;
const rowOf = (key: Partial<(typeof snapshot.rows)[0]['key']>) =>
	({ ...process, key: { ...process?.key, ...key } }) as typeof process;

test('measuring less: a process, the process of a thread, a control group; nothing else; and back', () => {
	const narrow = (row: typeof process) => runqlatTab.narrow?.(row, snapshot);
	expect(narrow(process)).toEqual({ pid: process?.key.id });
	expect(narrow(rowOf({ kind: 'thread', id: 8, pid: 7 }))).toEqual({ pid: 7 });
	expect(narrow(rowOf({ kind: 'cgroup', id: 77 }))).toEqual({ cgroup_id: 77 });
	for (const row of [undefined, rowOf({ kind: 'cpu', id: 1 }), rowOf({ kind: 'pidns', id: 9 }), rowOf({ id: 0 })])
		expect(narrow(row)).toEqual({});
	const narrowed = { ...snapshot, filter: process?.key.comm ?? snapshot.filter };
	expect(runqlatTab.narrow?.(process, narrowed)).toEqual({ pid: 0, comm: '', cgroup: '', cgroup_id: 0 });
});

test('names: with the id where that tells something', () => {
	const name = (row: typeof process) => row && runqlatTab.nameOf?.(row);
	expect(name(all)).toBe('all tasks');
	expect(name(process)).toBe(`postgres[${process?.key.id}]`);
	expect(name(rowOf({ kind: 'cgroup', id: 77 }))).toBe('postgres');
	expect(name(rowOf({ id: 0 }))).toBe('postgres');
	expect(name(rowOf({ kind: 'cpu', id: 3 }))).toBe('CPU 3');
});
