/** Rules about processes that make no progress, on synthetic ticks: stopped, slowed, halted, in a circle, collecting garbage. */
import { describe, expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { collects } from '../../src/tracers/overview/tasks/collectors.ts';
import { DeadlockFinder } from '../../src/tracers/overview/tasks/deadlock.ts';
import { haltedByLife, isStuck } from '../../src/tracers/overview/tasks/halt.ts';
import {
	collectingHard,
	crossed,
	lockWait,
	Machine,
	say,
	second,
	sleeper,
	slowed,
	type World,
} from './overview-fixtures.ts';
import { said, silent } from './overview-said.ts';

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
