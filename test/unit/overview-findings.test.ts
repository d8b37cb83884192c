/** The list of findings on synthetic ticks: order, sentences, links to the evidence, and the rules that cannot be checked. */
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { registry } from '../../src/registry.ts';
import { Filter } from '../../src/rows/filter/bind.ts';
import type { IoExtra } from '../../src/tracers/io/snapshot.ts';
import { ownerText, type Suspicion } from '../../src/tracers/overview/finding.ts';
import { withPrograms } from '../../src/tracers/overview/programs.ts';
import type { Rule } from '../../src/tracers/overview/rule.ts';
import { rules } from '../../src/tracers/overview/rules.ts';
import { OverviewSession } from '../../src/tracers/overview/session.ts';
import {
	clock,
	collectingHard,
	crossed,
	heat,
	limited,
	lockWait,
	Machine,
	quietProcesses,
	resting,
	second,
	sleeper,
	slowed,
	tickOf,
	type World,
} from './overview-fixtures.ts';
import { hogs, profiled, said, stall } from './overview-said.ts';

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
