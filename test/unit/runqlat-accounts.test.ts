import { expect, test } from 'vitest';
import { PROCESS_SLOTS } from '../../src/tracers/runqlat/account.ts';
import { Accounts } from '../../src/tracers/runqlat/accounts.ts';
import { MAX_TASKS } from '../../src/tracers/runqlat/tasks.ts';

const comm = new TextEncoder().encode('worker') as never;

/** A process that has waited `count` times 100 ns since it began. */
function waited(accounts: Accounts, pid: number, count: number): void {
	const slots = new Uint32Array(PROCESS_SLOTS);
	slots[0] = count;
	const waits = { sum_ns: count * 100, longest: new Uint32Array(4), slots };
	accounts.process({ pid, start: 1, comm, waits, created: 1, voluntary: count, involuntary: 0, cgroup: 5, pidns: 9 });
}

const idle = { cpus: () => [], tasks: () => undefined } as never;

test('more processes than rows: what has no row is in one, and in its control group and pid namespace', () => {
	const accounts = new Accounts(1, '/nowhere');
	const surplus = 50;
	for (const turn of [1, 2]) {
		accounts.read(idle, turn);
		for (let pid = 1; pid <= MAX_TASKS + surplus; pid++) waited(accounts, pid, turn * 3);
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
	const accounts = new Accounts(1, '/nowhere');
	accounts.read(idle, 1);
	waited(accounts, 7, 2);
	accounts.moved(7, 1, 5000);
	const figures = () => [...accounts.processes.rows()][0]?.waits.figures();
	expect(figures()).toMatchObject({ count: 2, wait_ns: 200, wait_ns_total: 5200 });
	accounts.read(idle, 2);
	expect(figures()).toMatchObject({ count: 0, wait_ns: 0, wait_ns_total: 200 });
});
