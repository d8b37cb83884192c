import { expect, test } from 'vitest';
import { GroupNames } from '../../src/bpf/cgroups.ts';
import type { SafeText } from '../../src/lib/sanitize.ts';
import { PROCESS_SLOTS } from '../../src/tracers/runqlat/account.ts';
import { Accounts } from '../../src/tracers/runqlat/accounts.ts';
import type { ProcessRecord, TaskRecord } from '../../src/tracers/runqlat/reader.ts';
import { MAX_TASKS } from '../../src/tracers/runqlat/tasks.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

const comm = new TextEncoder().encode('worker') as never;

/** A process that has waited `count` times 100 ns since it began. */
function waited(pid: number, count: number): TaskRecord {
	const slots = new Uint32Array(PROCESS_SLOTS);
	slots[0] = count;
	const waits = { sum_ns: count * 100, longest: new Uint32Array(4), slots };
	const switches = { voluntary: count, involuntary: 0 };
	return {
		kind: 'process',
		pid,
		start: 1,
		comm,
		waits,
		created: 1,
		...switches,
		cgroup: 5,
		pidns: 9,
		moved_ns: 0,
		gone: null,
	};
}

/** A task that has waited for 9 µs, 5 of them on a CPU that it was moved away from. */
function waiting(pid: number): TaskRecord {
	const thread = { tid: pid, threadStart: 1, cpu: 0, running: 0, longer: false, runnable: true, throttled: false };
	return { kind: 'waiting', pid, start: 1, comm, age_ns: 9000, moved_ns: 5000, ...thread };
}

/** A reader that finds these records. */
const finds = (records: Iterable<TaskRecord>) => ({ cpus: () => [], tasks: () => records });

test('more processes than rows: what has no row is in one, and in its control group and pid namespace', () => {
	const accounts = new Accounts(1, new GroupNames('/nowhere'));
	const surplus = 50;
	for (const turn of [1, 2]) {
		accounts.read(finds(Array.from({ length: MAX_TASKS + surplus }, (_, index) => waited(index + 1, turn * 3))), turn);
		const rows = [...accounts.processes.rows()];
		expect(rows.length).toBe(MAX_TASKS + 1);
		expect(rows.at(-1)).toMatchObject({ comm: '(unlisted)', switches: { voluntary: 3 * surplus } });
		expect(rows.at(-1)?.waits.count).toBe(3 * surplus);
		for (const group of [accounts.cgroups.get(5), accounts.pidns.get(9)]) {
			expect(group?.waits.count).toBe(3 * (MAX_TASKS + surplus));
			expect(group?.waits.sum_ns).toBe(300 * (MAX_TASKS + surplus));
			expect(group?.switchesTotal.voluntary).toBe(turn * 3 * (MAX_TASKS + surplus));
		}
	}
	expect(accounts.beyond).toBe(0);
});

test('a wait that goes on counts in the total as far as its task has left a CPU, and only now', () => {
	const accounts = new Accounts(1, new GroupNames('/nowhere'));
	accounts.read(finds([waited(7, 2), waiting(7)]), 1);
	expect(accounts.waitingNow).toMatchObject([{ pid: 7, age_ns: 9000 }]);
	const figures = () => [...accounts.processes.rows()][0]?.waits.waitFigures();
	expect(figures()).toMatchObject({ count: 2, wait_ns: 200, wait_ns_total: 5200 });
	accounts.read(finds([]), 2);
	expect(accounts.waitingNow).toEqual([]);
	expect(figures()).toMatchObject({ count: 0, wait_ns: 0, wait_ns_total: 200 });
});

test('a wait in which the task was out of budget stays one, also in the moment when the budget is new', () => {
	const accounts = new Accounts(1, new GroupNames('/nowhere'));
	const read = (epoch: number, age_ns: number, throttled: boolean) => {
		accounts.read(finds([{ ...waiting(7), age_ns, throttled } as TaskRecord]), epoch);
		return accounts.waitingNow.map((one) => one.throttled);
	};
	// the reads follow each other at once, so that only a wait of 0 is a new one
	expect(read(1, 10e9, true)).toEqual([true]);
	accounts.drain({ ended: () => [] }, 2);
	expect(read(2, 10e9, false)).toEqual([true]);
	expect(read(3, 10e9, false)).toEqual([true]);
	expect(read(4, 0, false)).toEqual([false]);
	expect(read(5, 10e9, false)).toEqual([false]);
});

test('a leader that ended takes its counters with it; its process goes on under another leader, or ends', () => {
	const accounts = new Accounts(1, new GroupNames('/nowhere'));
	const names = () => [...accounts.processes.rows()].map(({ id, ended }) => `${id} ${ended ? 'ended' : 'alive'}`);
	const gone = (whole: boolean): TaskRecord => ({ kind: 'gone', pid: 7, start: 1, created: 1, whole });
	accounts.read(finds([waited(7, 2), gone(false)]), 1);
	accounts.sweep(false, false);
	expect(names()).toEqual(['7 alive']);
	// its next leader has counters that began anew
	accounts.read(finds([{ ...(waited(7, 1) as ProcessRecord), created: 2, gone: { whole: true } }]), 2);
	expect(names()).toEqual(['7 ended']);
	expect([...accounts.processes.rows()][0]?.waits.waitFigures()).toMatchObject({ count: 1, count_total: 3 });
	accounts.sweep(false, false);
	expect(names()).toEqual([]);
});

test('processes in the root of the unified hierarchy count in their groups of v1', () => {
	tree.set('proc/self/mountinfo', `35 31 0:32 / ${tree.path('memory')} rw - cgroup cgroup rw,memory\n`);
	tree.set('memory/docker/x/tasks', '');
	tree.set('proc/7/cgroup', '4:memory:/docker/x\n0::/\n');
	tree.set('proc/7/stat', `7 (p) ${'0 '.repeat(30)}`);
	const names = new GroupNames(tree.path('proc'));
	names.path = () => '/' as SafeText;
	const accounts = new Accounts(1, names);
	accounts.read(finds([waited(7, 2), waited(8, 5)]), 1);
	const groups = () => [...accounts.cgroups.values()].map(({ comm, waits }) => [comm, waits.count]);
	expect(groups()).toEqual([
		['/docker/x', 2],
		['/', 5],
	]);
	accounts.sweep(true, false);
	expect(groups().length).toBe(2);
	accounts.read(finds([]), 2);
	accounts.sweep(true, false);
	expect(groups()).toEqual([]);
});

test('of a thread that was displayed before only what is added counts; of one that was not, all', () => {
	const accounts = new Accounts(1, new GroupNames('/nowhere'));
	const thread = (tid: number, count: number) => {
		const { waits, voluntary, involuntary } = waited(7, count) as ProcessRecord;
		return { kind: 'thread' as const, pid: 7, start: 1, tid, threadStart: 1, comm, waits, voluntary, involuntary };
	};
	accounts.startFrom([thread(7, 500), thread(8, 0)]);
	accounts.read(finds([thread(7, 503), thread(8, 2), thread(9, 4)]), 1);
	const counts = () => [...accounts.threads.rows()].map(({ id, waits }) => [id, waits.count, waits.sum_ns]);
	expect(counts()).toEqual([
		[7, 3, 300],
		[8, 2, 200],
		[9, 4, 400],
	]);
	accounts.read(finds([thread(7, 504)]), 2);
	expect(counts()[0]).toEqual([7, 1, 100]);
});
