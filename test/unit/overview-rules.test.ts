/** Each rule about load, waits, devices and limits on synthetic ticks: what it says when there is something to say, and that it is silent just below. */
import { describe, expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import { rules } from '../../src/tracers/overview/rules.ts';
import { generator } from '../lib/random.ts';
import {
	type Busy,
	clock,
	heat,
	limited,
	Machine,
	quietProcesses,
	resting,
	say,
	second,
	sleeper,
	type World,
} from './overview-fixtures.ts';
import { hogs, profiled, said, silent, stall } from './overview-said.ts';

describe('a machine at rest', () => {
	test('nothing stands out, for as long as it rests', () => {
		const machine = new Machine();
		for (let second = 0; second < 60; second++) expect(machine.tick().extra.findings).toEqual([]);
	});

	test('every rule can be checked', () => {
		const { checked, unchecked } = new Machine().tick().extra;
		const asked = new Machine().tick({ profile: profiled }).extra.checked;
		expect(asked).toEqual(rules.map(({ id }) => id));
		expect(checked).toEqual(asked.filter((id) => id !== 'contention'));
		expect(unchecked).toEqual([]);
	});

	test('random noise below the limits stays below them', () => {
		const random = generator(7);
		const machine = new Machine();
		for (let second = 0; second < 300; second++) {
			const processes = quietProcesses.map((one) => ({
				...one,
				cpu: random() * 0.2,
				watts: random(),
				wait: random() * 0.05,
				p99: random() * 4e7,
				irqTime: random() * 0.05,
			}));
			expect(machine.tick({ processes, wait: random() * 0.5, p99: random() * 2e7 }).extra.findings).toEqual([]);
		}
	});
});

describe('cpu-saturated', () => {
	test('names the program with most CPU time, all its processes together', () => {
		expect(said('cpu-saturated', { processes: [...quietProcesses, ...hogs(0.96)], wait: 1, p99: 1.2e7 })).toEqual([
			'cpu-saturated: CPUs: 96% busy, 3.0 tasks wait for one (p99 12.0ms) — most CPU by stress-ng-cpu[500]×4',
		]);
	});

	test('busy is no harm where nobody waits; neither is waiting while CPUs idle', () => {
		const alone = hogs(0.99).map((hog) => ({ ...hog, wait: 0 }));
		silent('cpu-saturated', { processes: alone });
		silent('cpu-saturated', { processes: hogs(0.85) });
	});

	test('a filtered run queue says nothing about all tasks', () => {
		const machine = new Machine();
		const { extra } = machine.tick({ processes: hogs(0.96), filter: 'pid 500' });
		expect(extra.unchecked).toEqual([{ rule: 'cpu-saturated', reason: 'run queue is filtered: pid 500' }]);
	});
});

describe('waits', () => {
	const victim: Busy = { pid: 812, comm: 'postgres', cpu: 0.2, watts: 1, wait: 0.4, p99: 3.8e7 };

	test('names the victim, and who used most CPU', () => {
		expect(said('waits', { processes: [victim, ...hogs(0.9)] })).toEqual([
			'waits: postgres[812]: waits 40% of the time for a CPU (p99 38.0ms) — most CPU by stress-ng-cpu[500]×4',
		]);
	});

	test('names who ran meanwhile where that is known', () => {
		const culprits = [
			{
				pid: 812,
				wait_ns: 0.4 * second,
				culprits: [
					{ pid: -1, comm: sanitize('?'), wait_ns: 0.2 * second, turns: 1 },
					{ pid: 77, comm: sanitize('backup'), wait_ns: 0.1 * second, turns: 9 },
				],
			},
		] as unknown as World['culprits'];
		const backup: Busy = { pid: 77, comm: 'backup', cpu: 0.3 };
		expect(said('waits', { processes: [victim, backup, ...hogs(0.9)], culprits })).toEqual([
			expect.stringMatching(/— behind backup\[77\]×1$/),
		]);
	});

	test('a kernel thread with one long wait, a short wait, a process that mostly runs: no', () => {
		// a wait counts when it ends: not a share of the time any more
		expect(said('waits', { processes: [{ ...victim, wait: 1.93, p99: 1.9e9 }, ...hogs(0.9)] })[0]).toMatch(
			'postgres[812]: waited 1.93s for a CPU in 1.00s (p99 1.90s) — ',
		);
		silent('waits', { processes: [{ ...victim, wait: 0.05 }] });
		silent('waits', { processes: [{ ...victim, p99: 5e6 }] });
		silent('waits', { processes: [{ ...victim, cpu: 0.22, wait: 0.1 }] });
		silent('waits', { processes: [{ ...victim, cpu: 0.3, wait: 0.6 }] });
	});
});

describe('throttled', () => {
	const cgroup = sanitize('/system.slice/batch.service');
	const inside: Busy = { pid: 700, comm: 'encoder', cpu: 0.5, cgroup: `${cgroup}/worker` };
	const one = { cgroup, periods: 10, throttled: 8, throttled_ns: 0.8 * second };

	test('names the group, and who in it needs the CPU', () => {
		expect(said('throttled', { processes: [inside, ...hogs(0.9)], throttled: [one] })).toEqual([
			'throttled: batch.service: throttled by its CPU quota in 8 of 10 periods, 80% of the time — most CPU by encoder[700]×1',
		]);
	});

	test('who is out of quota waits for that, not for others, and is no sign of busy CPUs', () => {
		const waiting = { ...inside, cpu: 0.2, wait: 0.8, p99: 9e7 };
		const processes = [waiting, ...hogs(0.95).map((hog) => ({ ...hog, wait: 0 }))];
		expect(new Machine().run(3, { processes, wait: 0.2, throttled: [one] }).map(({ rule }) => rule)).toEqual([
			'throttled',
			'power',
		]);
		expect(new Machine().run(3, { processes, wait: 0.2 }).map(({ rule }) => rule)).toEqual([
			'cpu-saturated',
			'waits',
			'power',
		]);
		const { pid, comm } = waiting;
		const tasks = [{ ...sleeper(pid, comm, 0, 'R'), start: 1, deadline: true }];
		expect(new Machine().run(3, { processes, wait: 0.2, tasks }).map(({ rule }) => rule)).toEqual(['power']);
	});

	test('once in twenty periods, or for a blink: no', () => {
		silent('throttled', { throttled: [{ ...one, periods: 20, throttled: 1 }] });
		silent('throttled', { throttled: [{ ...one, throttled_ns: 0.01 * second }] });
	});
});

describe('power', () => {
	test('names who draws most', () => {
		expect(said('power', { processes: [...quietProcesses, ...hogs(0.9, 2)] })).toEqual([
			'power: power: 9.00W, 99% of process power — by stress-ng-cpu[500]×2',
		]);
	});

	test('most of next to nothing is nothing; half as much as others neither', () => {
		silent('power', { processes: [{ pid: 9, comm: 'idler', cpu: 0.2, watts: 3 }] });
		const others = Array.from({ length: 5 }, (_, index) => ({ pid: index + 1, comm: `p${index}`, cpu: 0.6, watts: 3 }));
		silent('power', { processes: others });
	});

	test('without a source of power it is not judged', () => {
		const { unchecked } = new Machine().tick({ source: 'time', processes: hogs(0.9) }).extra;
		expect(unchecked).toEqual([{ rule: 'power', reason: 'no source of power (--source time)' }]);
	});
});

describe('irq-storm', () => {
	const ping: Busy = { pid: 60, comm: 'ping', cpu: 0.8, irqTime: 0.3 };

	test('names line, CPU and whom it hits', () => {
		const irq = [
			{ kind: 'soft' as const, name: 'NET_RX', cpu: 1, rate: 120_000, share: 0.45 },
			{ kind: 'soft' as const, name: 'NET_RX', cpu: 2, rate: 30_000, share: 0.1 },
		];
		expect(said('irq-storm', { processes: [ping], irq })).toEqual([
			'irq-storm: NET_RX on cpu1: 120k/s interrupts, 45% of the CPU (a storm on 2 CPUs) — mostly during ping[60]×1',
		]);
	});

	test('just below both bounds: no; a storm that calms down a little goes on', () => {
		const irq = (rate: number, share: number) => [{ kind: 'hard' as const, name: 'eth0', cpu: 0, rate, share }];
		silent('irq-storm', { irq: irq(19_000, 0.24) });
		const machine = new Machine();
		expect(machine.run(3, { irq: irq(25_000, 0.1) })).toHaveLength(1);
		expect(machine.run(10, { irq: irq(15_000, 0.1) })).toHaveLength(1);
		expect(machine.run(10, { irq: irq(13_000, 0.1) })).toHaveLength(0);
	});
});

test('irq-time: a process that loses a good part of its time', () => {
	const one: Busy = { pid: 60, comm: 'server', cpu: 0.5, irqTime: 0.2 };
	expect(said('irq-time', { processes: [one] })).toEqual([
		'irq-time: server[60]: loses 20% of a CPU to interrupts, 40% of its time',
	]);
	// not by name: the tab of interrupts writes that of a kernel thread as [ksoftirqd/1]
	const [thread] = new Machine().run(3, { processes: [{ pid: 22, comm: 'ksoftirqd/1', cpu: 0.2, irqTime: 0.2 }] });
	expect(thread?.link).toMatchObject({ tab: 'irq', group: 'process', process: '22:22000000000', filter: 'pid = 22' });
	silent('irq-time', { processes: [{ ...one, irqTime: 0.14 }] });
	silent('irq-time', { processes: [{ ...one, cpu: 0.99 }] });
});

test('softirq-late: with enough of them', () => {
	const irq = (count: number, late: number) => [
		{
			kind: 'soft' as const,
			name: 'NET_RX',
			cpu: 0,
			rate: count,
			share: 0.01,
			late: [count, late] as [number, number],
		},
	];
	expect(said('softirq-late', { irq: irq(400, 1.4e7), processes: hogs(0.5) })).toEqual([
		'softirq-late: softirq NET_RX: starts 14.0ms late (p99 of 400/s), at most 28.0ms — most CPU by stress-ng-cpu[500]×4',
	]);
	silent('softirq-late', { irq: irq(40, 1.4e7) });
	silent('softirq-late', { irq: irq(400, 8e6) });
});

describe('slow-device', () => {
	const device = { device: 'vda', op: 'read', count: 400, slow: 200, mean: 8e7 };

	test('says where slow requests wait, how deep the queue is, and whose they are', () => {
		expect(said('slow-device', { io: [device] })).toEqual([
			'slow-device: vda: 80% of slow reads wait in the device, queue depth 32.0 (p99 40.0ms) — from postgres[812]×1',
		]);
		expect(said('slow-device', { io: [{ ...device, stage: 'queue' }] })).toEqual([
			expect.stringContaining('100% of slow reads wait in the queue'),
		]);
	});

	test('flushes, whose owner is not known, have most IO beside them or no owner', () => {
		const flushes = { ...device, op: 'flush', pid: 0, comm: '' };
		const [text] = said('slow-device', { io: [flushes] });
		expect(text).toMatch(
			/^slow-device: vda: 80% of slow flushes wait in the device, queue depth 32.0 \(p99 40.0ms\)( — most IO by \S+|; no process is known that queued them)$/,
		);
	});

	test('a few, or few among many: no', () => {
		silent('slow-device', { io: [{ ...device, slow: 4 }] });
		silent('slow-device', { io: [{ ...device, count: 40_000, slow: 200 }] });
		silent('slow-device', { io: [{ ...device, count: 0, slow: 0 }] });
	});
});

describe('memory limits', () => {
	const memory = { memory: stall(0.5), io: stall(0), cpu: stall(0) };
	test('a group at its limit by its own pressure; of cgroup v1 by that of the machine', () => {
		expect(said('memory-limit', { atLimit: [limited], pressure: memory })).toEqual([
			'memory-limit: /shop: is at its memory limit of 64.0MiB, reached 1.20k/s; 0/s page faults wait for a device; tasks are stalled on memory 60% of the time; which of its processes needs the memory is not known',
		]);
		expect(said('memory-limit', { atLimit: [{ ...limited, stalled_ns: null }], pressure: memory })).toEqual([
			expect.stringContaining('stalled on memory 50% of the time'),
		]);
	});

	test('a group that is full of pages of files, which cost nothing to drop, is none', () => {
		silent('memory-limit', { atLimit: [{ ...limited, stalled_ns: 0.01 * second }], pressure: memory });
	});
});

describe('full', () => {
	const space = { mount: sanitize('/var'), total_bytes: 1 << 30, free_bytes: 1 << 29, inodes: 1000, free_inodes: 900 };

	test('bytes or inodes, whichever there are less of', () => {
		silent('full', { spaces: [space] });
		silent('full', { spaces: [{ ...space, inodes: 0, free_inodes: 0 }] });
		expect(said('full', { spaces: [{ ...space, free_bytes: 0 }] })).toEqual([
			'full: /var: is full: 0 of 1.00GiB free; writes fail',
		]);
		expect(said('full', { spaces: [{ ...space, free_inodes: 5 }] })).toEqual([
			'full: /var: is nearly full: 5 of 1000 inodes free',
		]);
	});
});

describe('storm', () => {
	const born = (count: number, cpu: number): Partial<World> => ({
		processes: Array.from({ length: count }, (_, index) => ({ pid: 5000 + index, comm: 'srv', start_time: 9e15, cpu })),
		tasks: [sleeper(4999, 'srv', 0), { ...sleeper(5000, 'srv', 0), parent: 4999, start: 9e15 }],
	});

	test('who forks for each connection', () => {
		expect(said('storm', born(40, 0.05))).toEqual([
			'storm: srv: starts 40.0 processes a second, most often one for each connection: 2 live, 100% of all CPU time is theirs — all by srv[4999]×1',
		]);
	});

	test('not a few, and not a build: its processes have another name than their parent', () => {
		silent('storm', born(10, 0.05));
		silent('storm', { ...born(40, 0.05), tasks: [sleeper(4999, 'make', 0)] });
	});
});

describe('pressure', () => {
	test('memory, and IO with who has most of it', () => {
		const processIo = [
			{
				pid: 44,
				start_time: 1,
				comm: sanitize('rsync'),
				cgroup: sanitize('/'),
				count: 10,
				bytes_read: 1e6,
				bytes_written: 0,
				mean_ns: 1,
				p99_ns: 1,
				max_ns: 1,
				count_total: 10,
				bytes_total: 1e6,
			},
		];
		expect(said('pressure', { pressure: { memory: stall(0.23), io: stall(0.5) }, processIo })).toEqual([
			'pressure: memory pressure: tasks stalled on memory 23% of the time, all of them 12% — most IO by rsync[44]×1',
			'pressure: IO pressure: tasks stalled on IO 50% of the time, all of them 25% — most IO by rsync[44]×1',
		]);
	});

	test('memory: the control group it comes from, and who is at work in it', () => {
		const [db, shell] = [sanitize('/system.slice/db.service'), sanitize('/user.slice')];
		const processes = [
			{ pid: 7, comm: 'make', cgroup: shell, cpu: 0.9 },
			{ pid: 8, comm: 'mysqld', cgroup: db, cpu: 0.2 },
		];
		const world = { processes, pressure: { memory: stall(0.4) }, stalled: { memory: { cgroup: db, ...stall(0.38) } } };
		expect(said('pressure', world)).toEqual([
			'pressure: memory pressure: tasks stalled on memory 40% of the time, all of them 20%; in db.service 38% — most CPU by mysqld[8]×1',
		]);
		expect(new Machine().run(3, world)[0]?.link).toEqual({
			tab: 'overview',
			group: 'process',
			filter: 'cgroup = /system.slice/db.service',
			sort: 'cpu',
			process: '8:8000000000',
		});
	});

	test('for CPUs only where nobody knows better', () => {
		silent('pressure', { pressure: { cpu: stall(0.9) } });
		expect(said('pressure', { pressure: { cpu: stall(0.9) }, without: ['runqlat'] })).toHaveLength(1);
	});

	test('below: no; without PSI it is said that there is none', () => {
		silent('pressure', { pressure: { memory: stall(0.09), io: stall(0.29) } });
		const { unchecked, pressure } = new Machine().tick({ pressure: null }).extra;
		expect(pressure).toBeNull();
		const reason = 'no /proc/pressure: kernel without CONFIG_PSI, or psi=0';
		expect(unchecked).toEqual([{ rule: 'pressure', reason }]);
	});
});

test('losses: only while they grow, and only where they weigh', () => {
	const machine = new Machine();
	for (let tick = 1; tick <= 3; tick++) machine.tick({ lost: tick * 5000 });
	expect(machine.tick({ lost: 20_000 }).extra.findings.map(say)).toEqual([
		'losses: wattlag: lost 5000 events of tab runqlat, 17% of them',
	]);
	// what was lost is not lost again
	expect(machine.run(5, { lost: 20_000 })).toEqual([]);
	// one in a hundred of 24,000
	for (let tick = 1; tick <= 3; tick++) expect(machine.tick({ lost: 20_000 + tick * 240 }).extra.findings).toEqual([]);
});

test('own-cost: the tool itself', () => {
	expect(said('own-cost', { cost: 0.4, dt: 6 * second })).toEqual([
		'own-cost: wattlag: takes 40% of a CPU itself (BPF 0%)',
	]);
	silent('own-cost', { cost: 0.2, dt: 6 * second });
	// starting up
	silent('own-cost', { cost: 0.4 });
});

describe('a profile that was taken on demand', () => {
	test('contention: the lock with its waiters; none without a profile, with one of running code, or of 1 s', () => {
		expect(said('contention', { profile: profiled })).toEqual([
			'contention: postgres: lock in XactLockTableWait: 6 threads waited 8.00s in 2.00s',
		]);
		silent('contention', {});
		silent('contention', { profile: { ...profiled, mode: 'on-cpu' } });
		silent('contention', { profile: { ...profiled, profile_seconds: 1 } });
		const owned = profiled.hottest_locks?.map((lock) => ({ ...lock, owner: sanitize('dd[7] in vfs_write') }));
		expect(said('contention', { profile: { ...profiled, hottest_locks: owned ?? [] } })[0]).toMatch(
			/; held by dd\[7\] in vfs_write$/,
		);
	});

	test('it is neither checked nor missing without one', () => {
		const { checked, unchecked } = new Machine().tick().extra;
		expect([...checked, ...unchecked.map(({ rule }) => rule)]).not.toContain('contention');
		expect(new Machine().tick({ profile: profiled }).extra.checked).toContain('contention');
	});

	test('cpu-saturated and own-cost name the hottest function', () => {
		const busy = { processes: hogs(1), wait: 4, profile: profiled };
		expect(said('cpu-saturated', busy)[0]).toContain('; hottest: spin below main in hog[900], 60% of running code');
		expect(said('own-cost', { cost: 0.4, dt: 6 * second, profile: profiled })[0]).toContain(
			'; hottest: drawScreen in wattlag[',
		);
		expect(said('cpu-saturated', { ...busy, profile: null })[0]).not.toContain('hottest');
		// 60 % of what one process runs is no share of what the machine does
		const ofOne = { ...busy, profile: { ...profiled, target: sanitize('pid 900') } };
		expect(said('cpu-saturated', ofOne)[0]).not.toContain('hottest');
	});
});

describe('how the machine rests', () => {
	test('no-rest: idle CPUs that do not reach the deepest state, and who is woken', () => {
		silent('no-rest', { rest: resting() });
		silent('no-rest', { rest: resting({}, 0.3, 20) });
		expect(said('no-rest', { rest: resting({}, 0.19, 2000) })).toEqual([
			expect.stringContaining('idle CPUs: 20% of the idle time in the deepest state C6'),
		]);
		// busy CPUs cannot rest
		silent('no-rest', { rest: resting({}, 0.19, 2000), processes: hogs(1, 4) });
	});

	test('no-rest in a virtual machine: a halt only', () => {
		silent('no-rest', { rest: resting({ virtual: true }, 0.1, 100) });
		expect(said('no-rest', { rest: resting({ virtual: true }, 0.9, 5000) })).toHaveLength(1);
	});

	test('throttled-heat: counters or cooling devices', () => {
		silent('throttled-heat', { rest: resting({ throttling: heat }) });
		expect(said('throttled-heat', { rest: resting({ throttling: { ...heat, events: 3 } }) })).toEqual([
			expect.stringContaining('slowed down by heat 3 times'),
		]);
		expect(said('throttled-heat', { rest: resting({ throttling: { ...heat, cooling: 2 } }) })).toHaveLength(1);
	});

	test('frequency-capped: only while CPUs are busy', () => {
		const frequency = { ...clock, limit_ghz: 2, capped: true };
		silent('frequency-capped', { rest: resting({ frequency }) });
		silent('frequency-capped', { rest: resting({ frequency: { ...frequency, limit_ghz: 4 } }), processes: hogs(1, 4) });
		expect(said('frequency-capped', { rest: resting({ frequency }), processes: hogs(1, 4) })).toEqual([
			expect.stringContaining('clock: limited by policy to 2.00 of 4.00 GHz'),
		]);
	});
});
