/** Rules that ask for a second witness, on synthetic ticks: requests that are stuck, tasks that starve. */
import { describe, expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { Machine, quietProcesses, say, second, sleeper, type World } from './overview-fixtures.ts';
import { hogs, said, silent, stall } from './overview-said.ts';

describe('stuck-io', () => {
	test('comes before everything else, with the oldest request', () => {
		const inflight = [
			{ device: 'sda', age: 3.2e9, pid: 812, comm: 'postgres' },
			{ device: 'sda', age: 2e9, pid: 9, comm: 'other' },
			{ device: 'sda', age: 1e6, pid: 9, comm: 'other' },
		];
		const [first] = new Machine().run(3, {
			inflight,
			processes: hogs(1),
			wait: 4,
			tasks: [sleeper(812, 'postgres', 3.2, 'D')],
		});
		expect(first?.witnesses).toEqual([
			'sysfs: sda counts requests in flight',
			'the task iterator: thread 812 sleeps uninterruptibly in do_epoll_wait for 3.20s',
		]);
		expect(say(first as Finding)).toBe(
			'stuck-io: sda: write in the device for 3.20s, and 1 more — from postgres[812]×1',
		);
		expect(first?.level).toBe('severe');
	});

	const old = { device: 'sda', age: 5e9, pid: 812, comm: 'postgres' };

	test('severe with two witnesses beside the own stamp, else high', () => {
		const levelOf = (change: Partial<World>) =>
			new Machine().run(3, change).find(({ rule }) => rule === 'stuck-io')?.level;
		expect(levelOf({ inflight: [old] })).toBe('high');
		expect(levelOf({ inflight: [old], pressure: { io: stall(0.9) } })).toBe('severe');
		expect(levelOf({ inflight: [old], tasks: [sleeper(812, 'postgres', 5, 'D')] })).toBe('severe');
		expect(levelOf({ inflight: [old], tasks: [sleeper(812, 'postgres', 5)] })).toBe('high');
	});

	test('the state of its thread is one witness, whoever reads it', () => {
		const owner = [{ ...old, op: 'flush', witness: 'owner' as const }];
		const tasks = [sleeper(812, 'postgres', 5, 'D')];
		const [alone] = new Machine().run(3, { inflight: owner, tasks, pressure: null });
		expect(alone).toMatchObject({ rule: 'stuck-io', level: 'high' });
		expect(alone?.witnesses).toHaveLength(1);
		const [both] = new Machine().run(3, { inflight: owner, tasks, pressure: { io: stall(0.9) } });
		expect(both).toMatchObject({ rule: 'stuck-io', level: 'severe' });
	});

	test('only where a second witness says so', () => {
		silent('stuck-io', { inflight: [{ ...old, witness: 'none' }] });
		expect(said('stuck-io', { inflight: [{ ...old, op: 'flush', witness: 'owner' }] })).toEqual([
			'stuck-io: sda: flush in the device for 5.00s — from postgres[812]×1',
		]);
	});

	test('operations that take long by nature are not stuck', () => {
		for (const op of ['drv_in', 'drv_out', 'secure_erase', 'discard', 'write_zeroes', 'zone_reset', 'op_77'])
			silent('stuck-io', { inflight: [{ ...old, op }] });
	});

	test('an unknown owner is none, and the place is named', () => {
		expect(said('stuck-io', { inflight: [{ ...old, pid: 0, comm: 'kworker/0:1', stage: 'request' }] })).toEqual([
			'stuck-io: sda: write waiting for a request or a flush for 5.00s; the process that queued it is not known',
		]);
		expect(said('stuck-io', { inflight: [{ ...old, stage: 'queue' }] })).toEqual([
			'stuck-io: sda: write in the queue for 5.00s — from postgres[812]×1',
		]);
	});

	test('half a second is long, not stuck', () => {
		silent('stuck-io', { inflight: [{ device: 'sda', age: 0.9e9, pid: 1, comm: 'x' }] });
	});
});

describe('starving', () => {
	const starved = { pid: 77, comm: 'worker', cpu: 1, age: 3.4e9, running: 502 };

	test('who waits and has not run, whom no figure about waits has; and who runs', () => {
		const [first] = new Machine().run(3, {
			processes: [...quietProcesses, ...hogs(0.6)],
			waiting: [starved],
			tasks: [sleeper(77, 'worker', 0, 'R')],
			pressure: { cpu: stall(0.9) },
		});
		expect(say(first as Finding)).toBe(
			'starving: worker[77]: has waited 3.40s for cpu1 and not run yet — behind stress-ng-cpu[502]×1',
		);
		expect(first).toMatchObject({ level: 'severe', link: { tab: 'runqlat', filter: 'comm = worker' } });
		const others = [
			{ ...starved, age: 9e9 },
			{ ...starved, pid: 78 },
			{ ...starved, pid: 79 },
		];
		expect(said('starving', { waiting: others })).toEqual([
			expect.stringMatching(
				/^starving: worker\[77\]: has waited 9.00s for cpu1 and not run yet; so have 2 more processes/,
			),
			expect.stringContaining('worker[78]'),
		]);
	});

	test('two reads of the state of a task are one witness: without PSI it is high', () => {
		const tasks = [sleeper(77, 'worker', 0, 'R')];
		const [alone] = new Machine().run(3, { waiting: [starved], tasks, pressure: null });
		expect(alone).toMatchObject({ rule: 'starving', level: 'high' });
		expect(alone?.witnesses).toEqual([
			'the task iterator: thread 77 is runnable at the read of the run queue tab and again at the end of the interval',
		]);
	});

	test('it ends with the wait: a task that has run is not said to starve', () => {
		const machine = new Machine();
		expect(machine.run(3, { waiting: [starved] })).toHaveLength(1);
		expect(machine.run(1, { waiting: [] })).toEqual([]);
	});

	test('a stamp alone is no evidence: the list of tasks has to show it runnable', () => {
		silent('starving', { waiting: [{ ...starved, runnable: false }] });
		// of one process, another thread may be the witness, with its own age
		const threads = [
			{ ...starved, age: 9e9, runnable: false },
			{ ...starved, longer: true },
		];
		expect(said('starving', { waiting: threads })).toEqual([
			expect.stringContaining('has waited more than 3.40s for cpu1 and not run yet —'),
		]);
	});

	test('a long wait is not starving; nor is who is out of its quota', () => {
		silent('starving', { waiting: [{ ...starved, age: 1.9e9 }] });
		// by the kernel's mark, also where the process has no row and its group is not known
		silent('starving', { waiting: [{ ...starved, throttled: true }] });
		const threads = [
			{ ...starved, age: 9e9, throttled: true },
			{ ...starved, age: 2.5e9 },
		];
		expect(said('starving', { waiting: threads })).toEqual([expect.stringContaining('has waited 2.50s')]);
		silent('starving', {
			processes: [...quietProcesses, { pid: 77, comm: 'worker', cgroup: '/x', cpu: 0.1 }],
			waiting: [starved],
			throttled: [{ cgroup: sanitize('/x'), periods: 10, throttled: 1, throttled_ns: second / 100 }],
		});
	});
});
