import { userInfo } from 'node:os';
import { beforeAll, describe, expect, test } from 'vitest';
import { ProcFacts } from '../../src/rows/grouping/facts.ts';
import { OwnProcess } from '../../src/system/pid-namespace.ts';
import { readProcess } from '../../src/system/process-details.ts';
import { processId, sameStart } from '../../src/system/process-id.ts';
import { makeTree, treePerFile } from '../lib/tree.ts';

const tree = treePerFile();

/** `start` in ticks of 10 ms. */
function process_(pid: number, comm: string, parent: number, start: number, command: string): void {
	const after = Array.from({ length: 30 }, () => '0');
	tree.set(`${pid}/stat`, `${pid} (${comm}) S ${parent} ${after.slice(0, 17).join(' ')} ${start} 1 2\n`);
	tree.set(`${pid}/cmdline`, command);
	tree.set(`${pid}/status`, `Name:\tx\nState:\tS (sleeping)\nUid:\t0\t54321\t0\t0\nThreads:\t7\n`);
	tree.set(`${pid}/cgroup`, '1:name=x:/old\n0::/a.slice/b\x1b.service\n');
}

beforeAll(() => {
	tree.set('uptime', '100.00 1.00\n');
	process_(1, 'systemd', 0, 1, '/sbin/init\0');
	process_(20, 'a) S 9 (b', 1, 300, 'one\0two words\0\x1b[31m\0');
	process_(21, 'kthread', 20, 400, '');
	process_(22, 'long', 20, 500, `${'x'.repeat(5000)}\0`);
});

describe('what /proc says of a process', () => {
	test('a name with brackets, arguments, group, parents; all of it inert', async () => {
		const found = await readProcess(tree.root, { pid: 20, start: 3.004e9 });
		expect(found).toMatchObject({
			command: 'one two words ^[[31m',
			user: '54321',
			cgroup: '/a.slice/b^[.service',
			state: 'sleeping',
			threads: 7,
			parents: [{ pid: 1, comm: 'systemd' }],
		});
		expect(Math.abs((found?.started ?? 0) - (Date.now() - 97_000))).toBeLessThan(60_000);
		expect((await readProcess(tree.root, { pid: 21, start: 0 }))?.parents).toEqual([
			{ pid: 20, comm: 'a) S 9 (b' },
			{ pid: 1, comm: 'systemd' },
		]);
	});

	test('threads of the kernel by their name; long command lines are cut', async () => {
		expect((await readProcess(tree.root, { pid: 21, start: 4e9 }))?.command).toBe('[kthread]');
		expect((await readProcess(tree.root, { pid: 22, start: 5e9 }))?.command).toBe(`${'x'.repeat(4096)}…`);
	});

	test('another process with the same pid is not it; nor is none', async () => {
		expect(await readProcess(tree.root, { pid: 20, start: 9e9 })).toBeNull();
		expect(await readProcess(tree.root, { pid: 99, start: 0 })).toBeNull();
	});

	test('this process, on the running kernel', async () => {
		const found = await readProcess('/proc', { pid: process.pid, start: 0 });
		expect(found?.user).toBe(userInfo().username);
		expect(found?.parents[0]?.pid).toBe(process.ppid);
		expect(found?.command).not.toBe('');
	});
});

test('ids', () => {
	expect(processId('12:345')).toEqual({ pid: 12, start: 345 });
	expect(processId('12:')).toEqual({ pid: 12, start: 0 });
	expect([sameStart(5e9, 5.012e9), sameStart(5e9, 5.1e9), sameStart(0, 7e9)]).toEqual([true, false, true]);
});

test('in a container with pids of its own, who is not in /proc may be outside', async () => {
	const container = makeTree();
	container.link('self/ns/pid', 'pid:[4026532000]');
	await expect(readProcess(container.root, { pid: 20, start: 0 })).rejects.toThrow('its own pids');
	expect(new ProcFacts(container.root).user({ pid: 20, start: 0 })).toEqual({ uid: -1, name: '?' });
	// started after 12.34 s: the 20th number behind the name
	container.set('self/stat', `3 (a) b) S 1 ${'0 '.repeat(17)}1234 0\n`);
	const rows = [
		{ pid: process.pid, start_time: 5e9, comm: process.title },
		{ pid: 812, start_time: 12.341e9, comm: 'other' },
		{ pid: 4711, start_time: 12.347e9, comm: process.title },
	];
	expect(new OwnProcess(container.root).pid(rows)).toBe(4711);
	expect(new OwnProcess(container.root).pid(rows.slice(0, 2))).toBe(0);
	expect(new OwnProcess('/proc').pid([])).toBe(process.pid);
});
