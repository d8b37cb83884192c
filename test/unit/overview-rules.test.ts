/** Each rule on synthetic ticks: what it says when there is something to say, and that it is silent just below. */
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { registry } from '../../src/registry.ts';
import { Filter } from '../../src/rows/filter/bind.ts';
import type { IoExtra } from '../../src/tracers/io/snapshot.ts';
import { type Finding, ownerText, type Suspicion } from '../../src/tracers/overview/finding.ts';
import { withPrograms } from '../../src/tracers/overview/programs.ts';
import type { Rule } from '../../src/tracers/overview/rule.ts';
import { type RuleId, rules } from '../../src/tracers/overview/rules.ts';
import { OverviewSession } from '../../src/tracers/overview/session.ts';
import { collects } from '../../src/tracers/overview/tasks/collectors.ts';
import { DeadlockFinder } from '../../src/tracers/overview/tasks/deadlock.ts';
import { haltedByLife, isStuck } from '../../src/tracers/overview/tasks/halt.ts';
import { ALL_PROCESSES, type ProfileExtra } from '../../src/tracers/profile/snapshot.ts';
import { generator } from '../lib/random.ts';
import {
	type Busy,
	clock,
	collectingHard,
	crossed,
	heat,
	limited,
	lockWait,
	Machine,
	quietProcesses,
	resting,
	say,
	second,
	sleeper,
	slowed,
	tickOf,
	type World,
} from './overview-fixtures.ts';

const hogs = (each: number, count = 4): Busy[] =>
	Array.from({ length: count }, (_, index) => ({
		pid: 500 + index,
		comm: 'stress-ng-cpu',
		cpu: each,
		watts: 5 * each,
		wait: 0.5,
		p99: 1.2e7,
	}));

const stall = (share: number) => ({ some_ns: share * second, full_ns: (share * second) / 2 });

/** What is said after three seconds of it, by this rule only. */
function said(rule: RuleId, change: Partial<World>): string[] {
	return new Machine()
		.run(3, change)
		.filter((finding) => finding.rule === rule)
		.map(say);
}

const silent = (rule: RuleId, change: Partial<World>) => expect(said(rule, change)).toEqual([]);

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

describe('stopped', () => {
	test('who has stopped, since when, in which wait, behind whom, and who waits for them', () => {
		const [first] = new Machine().run(1, { standstills: [lockWait(8, 28)] });
		expect(say(first as Finding)).toBe(
			'stopped: postgres: 8 of 9 processes have stopped: asleep in a wait for events for 28.0s, ran 400/s before; behind postgres[990] “postgres: app shop [local] idle in transaction”, which waits for its client psql[701]; pgbench[700] waits for them — behind postgres[990]×1',
		);
		expect(first).toMatchObject({ level: 'severe', since: '2026-01-01T14:01:33.000Z' });
		expect(first?.witnesses.length).toBeGreaterThanOrEqual(2);
	});

	test('one process alone, with nobody known in front of it', () => {
		const one = { ...lockWait(1, 5), behind: null };
		expect(said('stopped', { standstills: [one] })).toEqual([
			'stopped: postgres[900]: has stopped: asleep in a wait for events for 5.00s, ran 400/s before; for a signal or event of another process; pgbench[700] waits for it',
		]);
	});

	test('begins and ends as findings do', () => {
		const machine = new Machine();
		const changes = (change: Partial<World>) =>
			machine.tick(change).extra.changes.map(({ change, rule, level }) => [change, rule, level]);
		expect(changes({ standstills: [lockWait(2, 3)] })).toEqual([['begins', 'stopped', 'severe']]);
		expect(changes({ standstills: [lockWait(2, 4)] })).toEqual([]);
		const later = [changes({}), changes({}), changes({}), changes({})].flat();
		expect(later).toEqual([['ends', 'stopped', 'severe']]);
	});
});

describe('slowed and halted', () => {
	test('figures of now beside those of before, and what keeps it from work', () => {
		expect(said('slowed', { slowed: [slowed('slowed')] })).toEqual([
			'slowed: worker[77]: has done less for 6.00s: 12.0/s wake-ups, where it was 90% of a CPU, 400/s wake-ups; its threads spend 80% of the time in waits for IO (before: 10% kept from work)',
		]);
		expect(said('halted', { slowed: [slowed('halted')] })).toHaveLength(1);
	});

	test('one that stands still within a request is reported once, as stopped', () => {
		const machine = new Machine();
		const pid = lockWait(1, 6).still[0].pid;
		const findings = machine.run(3, { standstills: [lockWait(1, 6)], slowed: [{ ...slowed('slowed'), pid }] });
		expect(findings.map(({ rule }) => rule)).toEqual(['stopped']);
	});
});

describe('halted', () => {
	test('high only where the threads that worked wait for locks in a process that never rested', () => {
		const [weak] = new Machine().run(3, { slowed: [slowed('halted')] });
		expect(weak?.level).toBe('notice');
		const [strong] = new Machine().run(3, { slowed: [slowed('halted', 2)] });
		expect([strong?.level, strong?.text]).toEqual([
			'high',
			expect.stringMatching(/all 2 threads that worked are .*: a deadlock, or a pool whose work is done/),
		]);
	});

	test('a process that rested, or whose worker waits for events, is no more than a notice', () => {
		const busy = (cpu: number, reason: 'futex' | 'poll') => {
			const process = sleeper(7, 'app', 0);
			const [task] = process.tasks as [(typeof process.tasks)[0]];
			const worker = { ...task, tid: 8, cpu_ns: cpu * second, reason, state: 'S' as const };
			return { ...process, start: 0, tasks: [{ ...task, cpu_ns: 0.01 * second }, worker] };
		};
		expect(isStuck(busy(18, 'futex'), 5 * second, 25 * second)).toBe(true);
		expect(isStuck(busy(18, 'poll'), 5 * second, 25 * second)).toBe(false);
		expect(isStuck(busy(18, 'futex'), 5 * second, 250 * second)).toBe(false);
	});

	test('one that halted before the first interval is known by its life', () => {
		const halted = (
			asleep_s: number,
			now_s: number,
			change: { cpu?: number; reason?: 'futex' | 'poll'; delay_s?: number } = {},
		) => {
			const { cpu = 9, reason = 'futex', delay_s = 0 } = change;
			const process = sleeper(7, 'app', asleep_s);
			const [main] = process.tasks as [(typeof process.tasks)[0]];
			const work = { cpu_ns: cpu * second, delay_ns: delay_s * second, switches: 90, reason, state: 'S' as const };
			const tasks = [
				{ ...main, reason: 'poll' as const },
				{ ...main, ...work, tid: 8 },
				{ ...main, ...work, tid: 9 },
			];
			return haltedByLife({ ...process, start: 0, tasks }, now_s * second);
		};
		expect(halted(5, 25)).toMatchObject({ kind: 'halted', stuck: 2, by: 'life', for_ns: 5 * second, part: 'futex' });
		expect(halted(5, 25)?.before.cpu).toBeCloseTo(0.9, 1);
		// on a busy machine the workers waited most of the time
		expect(halted(5, 25, { cpu: 1, delay_s: 9 })?.stuck).toBe(2);
		// it has just slept, worked for a moment only, rested all its life, sleeps for hours, waits for events
		expect(halted(3, 25)).toBeUndefined();
		expect(halted(5, 12)).toBeUndefined();
		expect(halted(5, 250)).toBeUndefined();
		expect(halted(400, 420)).toBeUndefined();
		expect(halted(5, 25, { reason: 'poll' })).toBeUndefined();
		const late = halted(5, 25);
		if (!late) throw new Error('none');
		const [finding] = new Machine().run(3, { slowed: [late] });
		expect([finding?.level, finding?.witnesses[0]]).toEqual(['notice', expect.stringContaining('whole life')]);
	});
});

describe('deadlock', () => {
	test('names the circle, and is severe since memory and iterator say so', () => {
		const [finding] = new Machine().run(1, { deadlocks: [crossed] });
		expect(finding).toMatchObject({ rule: 'deadlock', level: 'severe' });
		expect(finding?.text).toBe(
			'2 threads wait for each other’s mutexes: reader[41] for one of writer[42], writer[42] for one of reader[41], for 12.0s',
		);
		expect(finding?.witnesses).toHaveLength(3);
	});

	const waiting = (tid: number, switches = 9) => {
		const [task] = sleeper(40, 'app', 0).tasks;
		return {
			...(task as NonNullable<typeof task>),
			tid,
			switches,
			state: 'S' as const,
			reason: 'futex' as const,
			asleep_ns: 5e9,
		};
	};
	const processOf = (tasks: ReturnType<typeof waiting>[]) => [{ ...sleeper(40, 'app', 0), tasks }];

	test('a circle is found behind a tail, a chain is none, and a sleep is asked about once', () => {
		const owners: Record<number, number> = { 41: 42, 42: 43, 43: 42 };
		const asked: number[] = [];
		const finder = new DeadlockFinder((_, tid) => {
			asked.push(tid);
			return { owner: owners[tid] ?? 0, address: '0x1' };
		});
		const tasks = [waiting(41), waiting(42), waiting(43)];
		expect(finder.find(processOf(tasks), 0).map(({ circle }) => circle.map(({ tid }) => tid))).toEqual([[42, 43]]);
		finder.find(processOf(tasks), 0);
		expect(asked).toEqual([41, 42, 43]);
		owners[43] = 0;
		expect(finder.find(processOf([waiting(41), waiting(42), waiting(43, 10)]), 0)).toEqual([]);
	});

	test('a thread that waits for its own mutex', () => {
		const finder = new DeadlockFinder(() => ({ owner: 41, address: '0x1' }));
		expect(finder.find(processOf([waiting(40), waiting(41)]), 0).map(({ circle }) => circle.length)).toEqual([1]);
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

describe('garbage', () => {
	test('by the time of the collectors beside that of the program', () => {
		expect(said('garbage', { collecting: [collectingHard] })).toEqual([
			'garbage: java[50]: collects garbage 94% of its CPU time: 2 threads take 150% of a CPU; its heap is nearly full',
		]);
		silent('garbage', { collecting: [{ ...collectingHard, collector_ns: 0.5 * second }] });
		silent('garbage', { collecting: [{ ...collectingHard, collector_ns: 0.2 * second, cpu_ns: 0.21 * second }] });
	});

	test.each(['GC Thread#0', 'G1 Conc#0', 'VM Thread', 'ZWorkerYoung#1', 'Shenandoah GC T', '.NET Server GC'])(
		'%s collects',
		(name) => expect(collects(sanitize(name))).toBe(true),
	);
	test.each(['java', 'C2 CompilerThre', 'VM Periodic Tas', 'http-nio-8080-e', 'Zygote'])('%s does not', (name) =>
		expect(collects(sanitize(name))).toBe(false),
	);
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

describe('the order of what touches most', () => {
	const rulesOf = (change: Partial<World>) => new Machine().run(3, change).map(({ rule, level }) => `${level} ${rule}`);
	/** Neighbours that wait for CPUs, a slow disk, a storm of interrupts. */
	const noise: Partial<World> = {
		processes: [...quietProcesses, ...hogs(0.98), { pid: 70, comm: 'cron', cpu: 0.01, wait: 0.5, p99: 4e7 }],
		wait: 2,
		p99: 4e7,
		io: [{ device: 'vdb', op: 'write', count: 400, slow: 200, mean: 2e7 }],
	};

	test('a service that has stopped is above the noise of its neighbours, also where that is severe', () => {
		const [first] = rulesOf({ ...noise, standstills: [lockWait(8, 6)] });
		expect(first).toBe('severe stopped');
		const starved = { pid: 70, comm: 'cron', cpu: 1, age: 9e9 };
		const both = rulesOf({
			...noise,
			standstills: [lockWait(1, 3)],
			waiting: [starved],
			pressure: { cpu: stall(0.9) },
		});
		expect(both.slice(0, 2)).toEqual(['severe stopped', 'severe starving']);
	});

	test('lack of memory is above all that it makes slow', () => {
		const pressure = { memory: stall(0.6), io: stall(0.9), cpu: stall(0.9) };
		expect(rulesOf({ ...noise, pressure })[0]).toBe('high pressure');
		expect(new Machine().run(3, { ...noise, pressure })[0]?.subject).toBe('memory pressure');
		const limit = { ...limited, members: ['500:500000000000'] };
		expect(rulesOf({ ...noise, pressure, atLimit: [limit] })[0]).toBe('high memory-limit');
	});

	test('the one in front is above the one that waits for it', () => {
		const [front, behind] = [lockWait(1, 3), lockWait(1, 9)];
		const still = {
			...front.still[0],
			pid: 990,
			start_time: 990e9,
			comm: sanitize('broker'),
			reason: 'stopped' as const,
		};
		const standstills = [
			behind,
			{ ...front, comm: sanitize('broker'), parent: 1, still: [still] as const, behind: null },
		];
		expect(new Machine().run(3, { standstills }).map(({ subject }) => subject)).toEqual([
			'broker[990]',
			'postgres[900]',
		]);
	});
});

describe('sentences', () => {
	test('one is one, two are two', () => {
		const starved = { pid: 77, comm: 'worker', cpu: 1, age: 3.4e9, running: 502 };
		const two = said('starving', { waiting: [starved, { ...starved, pid: 78 }] })[0];
		expect(two).toContain('so has 1 more process');
		expect(said('garbage', { collecting: [{ ...collectingHard, threads: 1 }] })[0]).toContain(
			'1 thread takes 150% of a CPU',
		);
		const one = { cgroup: sanitize('/system.slice/batch.service'), periods: 1, throttled: 1, throttled_ns: second };
		expect(said('throttled', { throttled: [one] })).toEqual([
			'throttled: batch.service: throttled by its CPU quota in 1 of 1 period, 100% of the time; no active process is known in it',
		]);
		const cooled = (events: number, cooling: number) =>
			said('throttled-heat', { rest: resting({ throttling: { ...heat, events, cooling } }) })[0];
		expect(cooled(1, 0)).toContain('slowed down by heat once in this interval');
		expect(cooled(3, 0)).toContain('slowed down by heat 3 times');
		expect(cooled(0, 1)).toContain('1 cooling device slows processors down');
		expect(cooled(0, 2)).toContain('2 cooling devices slow processors down');
	});

	test('what stands in front and is stopped does not sleep', () => {
		const standstill = lockWait(1, 4);
		const behind = {
			...(standstill.behind as NonNullable<typeof standstill.behind>),
			reason: 'stopped' as const,
			client: null,
		};
		expect(said('stopped', { standstills: [{ ...standstill, behind }] })[0]).toMatch(
			/”, stopped by a signal \(SIGSTOP\) or a debugger for 4.00s; pgbench/,
		);
	});

	test('figures that miss events say so', () => {
		const slow = { io: [{ device: 'vdb', op: 'write', count: 400, slow: 200, mean: 2e7 }], waiting: [] };
		const machine = new Machine();
		const victim = { pid: 812, comm: 'postgres', cpu: 0.2, watts: 1, wait: 0.4, p99: 3.8e7 };
		const processes = [victim, ...hogs(0.9)];
		for (let tick = 1; tick <= 3; tick++) machine.tick({ ...slow, processes, lost: tick * 5000 });
		const found = machine.tick({ ...slow, processes, lost: 20_000 }).extra.findings;
		expect(found.find(({ rule }) => rule === 'waits')?.text).toMatch(
			/; \d+% of the events of tab runqlat are lost, so that its figures are too low$/,
		);
		expect(found.find(({ rule }) => rule === 'slow-device')?.text).not.toContain('lost');
	});

	test('a name that all programs of a runtime have is followed by the program', () => {
		const base = { about: '', excess: 1, text: sanitize('x'), figures: {}, link: { tab: 'io' as const, filter: '' } };
		const owner = { role: sanitize('by'), pid: 9, start_time: 1, comm: sanitize('MainThread'), processes: 2 };
		const program = (pid: number) => sanitize(pid === 7 ? 'node server.js' : pid === 9 ? 'node build.mjs' : '');
		const named = (subject: string, more: Partial<Suspicion> = {}) =>
			withPrograms({ ...base, owner: null, subject: sanitize(subject), ...more }, program);
		expect(named('MainThread[7]').subject).toBe('MainThread[7] (node server.js)');
		expect(named('MainThread ×3', { link: { ...base.link, process: '7:1' } }).subject).toBe(
			'MainThread ×3 (node server.js)',
		);
		expect(ownerText(named('vda', { owner }))).toBe('by MainThread ×2 (node build.mjs)');
		for (const subject of ['MainThread[8]', 'MainThreads[7]', 'postgres[7]', 'MainThread'])
			expect(named(subject).subject).toBe(subject);
	});

	test('an owner without a name', () => {
		const owner = { role: sanitize('from'), pid: 9, start_time: 1, comm: sanitize(' '), processes: 1 };
		expect(ownerText({ owner })).toBe('from a process without a name[9]');
		expect(ownerText({ owner: null })).toBe('');
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

/** Of 2 s: a lock of a database, and the functions that run. */
const profiled: Partial<ProfileExtra> = {
	mode: 'wall',
	target: ALL_PROCESSES,
	profile_seconds: 2,
	hottest: [
		{
			comm: sanitize('postgres'),
			pid: 812,
			function: sanitize('XactLockTableWait'),
			state: 'lock',
			callers: [],
			ns: 8 * second,
			share: 0.9,
		},
		{
			comm: sanitize('hog'),
			pid: 900,
			function: sanitize('spin'),
			state: 'on-cpu',
			callers: [sanitize('main')],
			ns: second,
			share: 0.6,
		},
		{
			comm: sanitize('wattlag'),
			pid: process.pid,
			function: sanitize('drawScreen'),
			state: 'on-cpu',
			callers: [],
			ns: second / 2,
			share: 0.3,
		},
	],
	hottest_locks: [
		{ name: sanitize('lock in XactLockTableWait'), comm: sanitize('postgres'), pid: 812, waiters: 6, ns: 8 * second },
		{
			name: sanitize('mutex in pipe_read'),
			comm: sanitize('cat'),
			pid: 813,
			waiters: 1,
			ns: 0.1 * second,
			owner: sanitize('dd[7]'),
		},
	],
};

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

test('rules whose tabs do not work here are not checked, with the reason', () => {
	const { unchecked, findings } = new Machine().tick({ without: ['runqlat', 'irq', 'io'] }).extra;
	expect(unchecked.map(({ rule }) => rule).sort()).toEqual(
		['cpu-saturated', 'irq-time', 'irq-storm', 'slow-device', 'softirq-late', 'starving', 'stuck-io', 'waits'].sort(),
	);
	expect(unchecked[0]?.reason).toMatch(/^tab \w+ does not work here$/);
	expect(findings).toEqual([]);
});

test('--device-only: rules about single requests are not checked', () => {
	const tick = tickOf({ io: [{ device: 'vda', op: 'read', count: 400, slow: 0, mean: 1e6 }] });
	const io = tick.get('io') as Snapshot<object, IoExtra>;
	const full_path = { ...io.full_path, state: 'unavailable' as const };
	tick.set('io', { ...io, slow_threshold_ns: 0, full_path } as Snapshot);
	const readers = { pressure: { read: () => null }, groups: { read: () => ({}) }, quota: { read: () => [] } };
	const { findings, unchecked } = new OverviewSession(4, readers).read(2 * second, 'process', tick).extra;
	expect(findings).toEqual([]);
	const reason = 'single requests are not traced (--device-only)';
	expect(unchecked).toEqual(expect.arrayContaining(['stuck-io', 'slow-device'].map((rule) => ({ rule, reason }))));
});

describe('links', () => {
	/** Everything at once. */
	const everything: Partial<World> = {
		processes: [
			{ pid: 812, comm: 'odd "name" (x)', cpu: 0.2, watts: 1, wait: 0.4, p99: 3.8e7, irqTime: 0.3 },
			...hogs(0.95),
			...Array.from({ length: 40 }, (_, index) => ({ pid: 5000 + index, comm: 'srv', start_time: 9e15, cpu: 0.05 })),
		],
		tasks: [sleeper(4999, 'srv', 0), { ...sleeper(5000, 'srv', 0), parent: 4999, start: 9e15 }],
		spaces: [{ mount: sanitize('/var'), total_bytes: 1e9, free_bytes: 0, inodes: 1000, free_inodes: 900 }],
		slowed: [slowed('slowed'), slowed('halted')],
		deadlocks: [crossed],
		collecting: [collectingHard],
		atLimit: [limited],
		wait: 4,
		irq: [{ kind: 'soft', name: 'NET_RX', cpu: 1, rate: 90_000, share: 0.5, late: [4000, 3e7] }],
		io: [{ device: 'vda', op: 'read', count: 400, slow: 200, mean: 8e7 }],
		inflight: [{ device: 'sda', age: 3.2e9, pid: 812, comm: 'x' }],
		waiting: [{ pid: 812, comm: 'x', cpu: 0, age: 3.2e9 }],
		pressure: { memory: stall(0.5), io: stall(0.9), cpu: stall(0.9) },
		throttled: [{ cgroup: sanitize('/a b/c'), periods: 10, throttled: 8, throttled_ns: second }],
		cost: 0.9,
		events: [
			{ kind: 'drop', reason: 'SOCKET_RCVBUFF', who: 'eth0', count: 900 },
			{ kind: 'retransmit', reason: 'Loss', who: 'odd "name" (x)', pid: 812, count: 90 },
			{ kind: 'oom', reason: 'VICTIM', who: 'java', pid: 813, count: 1 },
			{ kind: 'reclaim', reason: 'DIRECT', who: 'java', pid: 813, count: 5, stalled: 0.6 },
			{ kind: 'tick-gap', reason: 'STOLEN', who: 'cpu1', count: 9, stalled: 0.3 },
			{ kind: 'link', reason: 'DOWN', who: 'eth1', count: 1 },
			{ kind: 'block-error', reason: 'IOERR', who: 'sda', count: 2 },
		],
		blocked: [{ root: 'vda', tasks: 37, age: 4.2e9 }],
		profile: profiled,
		standstills: [lockWait(8, 28)],
		rest: resting({ throttling: { ...heat, events: 3 }, frequency: { ...clock, limit_ghz: 2, capped: true } }),
	};
	/** Busy CPUs cannot rest. */
	const restless: Partial<World> = { rest: resting({}, 0.1, 2000) };
	const tracers = registry.map(({ tracer }) => tracer);

	const linking: readonly Rule[] = rules.filter(({ id }) => id !== 'losses');
	test.each(linking.map((rule) => [rule.id, rule] as const))('%s: tab, column, group and filter exist', (_id, rule) => {
		const check = vi.spyOn(rule, 'check');
		new Machine().tick(rule.id === 'no-rest' ? restless : everything);
		const [result] = check.mock.results;
		check.mockRestore();
		const seen = ((result?.value ?? []) as Suspicion[]).filter(({ excess }) => excess >= 1).map(({ link }) => link);
		expect(seen.length).toBeGreaterThan(0);
		for (const link of seen) {
			const tracer = tracers.find(({ id }) => id === link.tab);
			expect(tracer).toBeDefined();
			if (link.sort) expect(tracer?.columns.map(({ key }) => key)).toContain(link.sort);
			if (link.group) expect(tracer?.groups).toContain(link.group);
			const bound = new Filter(link.filter, tracers as never).bind(tracer as never);
			expect(bound.ignored).toEqual([]);
			expect(bound.test === null).toBe(link.filter === '');
		}
	});

	test('at most five findings, two of a rule, the worst first', () => {
		const findings = new Machine().run(3, everything);
		expect(findings).toHaveLength(5);
		expect(findings.map(({ rule }) => rule).slice(0, 3)).toEqual(['stopped', 'deadlock', 'stuck-io']);
		const levels = findings.map(({ level }) => level);
		expect(levels).toEqual(['severe', 'severe', 'severe', 'severe', 'high']);
	});
});

test('docs/overview.md has every rule in its own words', () => {
	const text = readFileSync('docs/overview.md', 'utf8');
	for (const { id, level, help } of rules) {
		const line = text.split('\n').find((one) => one.startsWith(`| \`${id}\``));
		expect(line?.replace(/ +/g, ' '), id).toBe(`| \`${id}\` | ${level} | ${help} |`);
	}
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
