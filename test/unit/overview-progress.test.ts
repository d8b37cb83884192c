/** The rules about progress on the labelled corpus: ten made-up days of quiet processes without a line, and every trouble named. */
import { describe, expect, test } from 'vitest';
import { type SafeText, safe } from '../../src/lib/sanitize.ts';
import type { Channel } from '../../src/tracers/overview/tasks/channels.ts';
import { PacketRates } from '../../src/tracers/overview/tasks/packets.ts';
import { Progress, type ProgressRow, type Slowed } from '../../src/tracers/overview/tasks/progress.ts';
import { Services } from '../../src/tracers/overview/tasks/services.ts';
import { ThreadTime } from '../../src/tracers/overview/tasks/time.ts';
import { corpus, judge, scores } from '../triage/corpus.ts';
import { falseLines, recorded } from '../triage/recorded.ts';
import { sleeper } from './overview-fixtures.ts';

describe('the corpus', () => {
	test.each(corpus.map((sequence) => [sequence.name, sequence] as const))('%s', (_, sequence) => {
		const { wrong, missed, after } = judge(sequence, sequence.seconds > 10_000 ? 5 : 1);
		expect({ wrong, missed }).toEqual({ wrong: 0, missed: 0 });
		if (sequence.expected.length > 0) expect(after).toBeLessThanOrEqual(sequence.name.startsWith('slower') ? 60 : 10);
	});

	test('precision and recall are 1, whatever the noise', () => {
		const { precision, recall } = scores(10, [2, 3, 4]);
		expect({ precision, recall }).toEqual({ precision: 1, recall: 1 });
	});
});

describe('recorded sequences', () => {
	test.each(recorded().map((sequence, index) => [index, sequence.name, sequence] as const))(
		'%i %s',
		(_, __, sequence) => {
			expect(sequence.rows.length).toBeGreaterThanOrEqual(30);
			expect(falseLines(sequence)).toEqual([]);
		},
	);

	test('one had no CPU left: it is said', () => {
		const [kept] = recorded().filter(({ expected }) => expected.length > 0);
		if (!kept) throw new Error('none is labelled');
		expect(new Set(falseLines({ ...kept, expected: [] }).map(({ kind }) => kind))).toEqual(new Set(kept.expected));
	});
});

const second = 1e9;
const row = (change: Partial<ProgressRow>): ProgressRow => ({
	...{
		pid: 7,
		start_time: 1,
		comm: safe`x`,
		wakeups: 400,
		time_ns: { cpu: 0.4 * second, poll: 0.6 * second },
	},
	...change,
});

test('kept from work for a moment, after a minute with little to do, is not slowed', () => {
	const progress = new Progress();
	for (let at = 0; at < 30; at++) progress.update([row({})], second);
	const rest = row({ wakeups: 3, time_ns: { cpu: 0.01 * second, poll: 0.99 * second } });
	for (let at = 0; at < 20; at++) expect(progress.update([rest], second)).toEqual([]);
	const held = row({ wakeups: 3, time_ns: { cpu: 0.01 * second, runnable: 0.99 * second } });
	for (let at = 0; at < 3; at++) expect(progress.update([held], second)).toEqual([]);
	expect(progress.update([held], second)).toEqual([expect.objectContaining({ kind: 'slowed', part: 'runnable' })]);
});

test('the reason that has grown is named, not that of helper threads', () => {
	const progress = new Progress();
	const helpers = 3 * second;
	for (let at = 0; at < 30; at++)
		progress.update([row({ time_ns: { cpu: 0.8 * second, poll: 0.2 * second, futex: helpers } })], second);
	let found: Slowed[] = [];
	const less = row({ wakeups: 5, time_ns: { cpu: 0.05 * second, runnable: 0.95 * second, futex: helpers } });
	for (let at = 0; at < 8; at++) found = progress.update([less], second);
	expect(found[0]).toMatchObject({ kind: 'slowed', part: 'runnable' });
});

test('fewer requests of a process whose threads wait for its own locks are none that it is kept from', () => {
	const progress = new Progress();
	const busy = row({ io_count: 300, io_bytes: 3e6, time_ns: { cpu: 0.4 * second, poll: 0.6 * second, futex: second } });
	for (let at = 0; at < 30; at++) progress.update([busy], second);
	const done = row({ io_count: 0, io_bytes: 0, time_ns: { cpu: 0.4 * second, futex: 1.6 * second } });
	for (let at = 0; at < 30; at++) expect(progress.update([done], second)).toEqual([]);
});

test('one that has worked for a moment only has no past to be compared with', () => {
	const progress = new Progress();
	for (let index = 0; index < 5; index++) progress.update([row({})], second);
	for (let index = 0; index < 20; index++)
		expect(progress.update([row({ wakeups: 2, time_ns: { IO: second } })], second)).toEqual([]);
});

test('it ends when the process works again', () => {
	const progress = new Progress();
	for (let index = 0; index < 30; index++) progress.update([row({})], second);
	const low = row({ wakeups: 2, time_ns: { IO: second } });
	for (let index = 0; index < 3; index++) progress.update([low], second);
	expect(progress.update([low], second)).toMatchObject([{ kind: 'slowed', part: 'IO' }]);
	expect(progress.update([row({})], second)).toEqual([]);
});

describe('services', () => {
	/** Four workers, each of which lives for five seconds. */
	const workers = (second: number, now: Partial<ProgressRow>): (ProgressRow & { cgroup: SafeText })[] =>
		[0, 1, 2, 3].map((index) => ({
			...row({ pid: 100 + 4 * Math.floor(second / 5) + index, wakeups: 100, ...now }),
			cgroup: safe`/system.slice/web.service`,
		}));

	test('a unit whose oldest process ended, and a new one took its place, was restarted; a worker that ends is none', () => {
		const services = new Services();
		const at = (...starts: number[]) => {
			services.sum(
				starts.map((start) => ({ ...row({ pid: start, start_time: start }), cgroup: safe`/system.slice/web.service` })),
			);
			return [...services.restarted];
		};
		expect(at(10, 20)).toEqual([]);
		expect(at(10, 30)).toEqual([]);
		expect(at(40, 50)).toEqual([40]);
		expect(at(40, 60)).toEqual([]);
		const commands = new Services();
		for (const start of [10, 20]) commands.sum([{ ...row({ pid: start, start_time: start }), cgroup: safe`/` }]);
		expect(commands.restarted.size).toBe(0);
	});

	test('processes that rest count as rows of them do', () => {
		const cgroup = safe`/system.slice/web.service`;
		const times = { start_time: 5, time_ns: { poll: second }, wakeups: 0, io_count: 0, io_bytes: 0, packets: 2 };
		const known = [1, 2, 3].map((pid) => ({ ...row({ ...times, pid }), cgroup }));
		const [asRows, resting] = [new Services(), new Services()];
		for (const services of [asRows, resting]) services.sum(known);
		const [busy, ...others] = known.map((one, index) => ({ ...one, wakeups: index === 0 ? 7 : 0 }));
		if (!busy) throw new Error('none is busy');
		const processes = others.map(({ pid, comm }) => ({ pid, start: 5, comm, tasks: [] }));
		const addTo = (parts: { poll?: number }) => {
			parts.poll = (parts.poll ?? 0) + second;
			return true;
		};
		const [sum] = resting.sum([busy], { processes, addTo, packetsOf: () => 2 });
		expect(sum).toMatchObject({ comm: 'web.service', wakeups: 7, members: 3, packets: 6 });
		expect(asRows.sum([busy, ...others])).toEqual([sum]);
		// a service of which nothing is active
		const [asleep] = resting.sum([], { processes, addTo, packetsOf: () => null });
		expect(asleep).toMatchObject({ comm: 'web.service', wakeups: 0, members: 2, time_ns: { poll: 2 * second } });
		// the oldest one ended while nobody worked
		resting.sum([], {
			processes: processes.map((one) => ({ ...one, start: one.pid + 8 })),
			addTo,
			packetsOf: () => null,
		});
		expect([...resting.restarted]).toEqual([2]);
	});

	test('processes that come and go have a past together', () => {
		const [one, all, services] = [new Progress(), new Progress(), new Services()];
		const each = (from: number, until: number, now: Partial<ProgressRow>) => {
			const said: Slowed[][] = [];
			for (let at = from; at < until; at++) {
				const rows = workers(at, now);
				expect(one.update(rows, second)).toEqual([]);
				said.push(all.update(services.sum(rows), second));
			}
			return said.flat();
		};
		expect(each(0, 30, {})).toEqual([]);
		const [found] = each(30, 36, { wakeups: 3, time_ns: { IO: second } });
		expect(found).toMatchObject({ kind: 'slowed', pid: 0, comm: 'web.service', part: 'IO' });
	});
});

describe('packets', () => {
	const socket = (inode: number, pid: number, packets: number, drops = 0): Channel => ({
		drops,
		...{ pid, fd: 3, kind: 'tcp', mode: 3, inode, peer: 0, local: 'a', remote: 'b' },
		...{ established: true, port: 1, listens: false, named: false, bytes: 0, packets },
		...{ pending: 0, name: 0, awaits: 0, remotePort: 0 },
	});

	test('rates of a process over its sockets, each once, also where the counter turns', () => {
		const rates = new PacketRates();
		rates.take([socket(1, 7, 2 ** 32 - 10), socket(2, 7, 5)], 1e9);
		expect(rates.of(7)).toBeNull();
		rates.take([socket(1, 7, 90), socket(2, 7, 5), socket(2, 8, 5), socket(3, 9, 40)], 3e9);
		expect([rates.of(7), rates.of(8), rates.of(9)]).toEqual([50, null, 20]);
	});

	test('what was dropped at its sockets is in the intervals after a reading, all of it and once', () => {
		const rates = new PacketRates();
		rates.take([socket(1, 7, 0, 1000)], 1e9);
		expect(rates.droppedIn(7, 1e9)).toBe(0);
		rates.take([socket(1, 7, 0, 1503), socket(2, 8, 0, 0)], 6e9);
		const first = [1, 2, 3].map(() => rates.droppedIn(7, 1e9));
		expect(first).toEqual([101, 101, 101]);
		expect(rates.droppedIn(8, 1e9)).toBe(0);
		// the next reading comes early: what is left stays
		rates.take([socket(1, 7, 0, 1510)], 10e9);
		let sum = first.reduce((all, one) => all + one, 0);
		for (let at = 0; at < 6; at++) sum += rates.droppedIn(7, 1e9);
		expect(sum).toBe(510);
	});
});

describe('the time of threads', () => {
	test('adds up to the interval: CPU and waits as the kernel counts them, the rest by the reason of sleep', () => {
		const time = new ThreadTime();
		const first = sleeper(5, 'a', 1);
		const [task] = first.tasks as [(typeof first.tasks)[0]];
		time.take([first], second);
		const later = {
			...first,
			tasks: [{ ...task, cpu_ns: task.cpu_ns + 0.3 * second, delay_ns: 0.1 * second, sleeps: task.sleeps + 7 }],
		};
		const spent = time.take([later], second).get(5);
		expect(spent?.wakeups).toBe(7);
		expect(spent?.parts.cpu).toBeCloseTo(0.3 * second, -1);
		expect(spent?.parts.runnable).toBeCloseTo(0.1 * second, -1);
		expect(spent?.parts.poll).toBeCloseTo(0.6 * second, -1);
		expect(Object.values(spent?.parts ?? {}).reduce((sum, ns) => sum + ns, 0)).toBeCloseTo(second, -1);
	});

	test('threads that are there are known after a thousand others have ended, also of an iterator', () => {
		const time = new ThreadTime();
		const ended = Array.from({ length: 1100 }, (_, index) => sleeper(100 + index, 'a', 1));
		const stays = sleeper(5, 'a', 1);
		time.take([stays, ...ended].values(), second);
		time.take([stays].values(), second);
		expect(time.take([stays].values(), second).size).toBe(1);
	});

	test('of a pid that was used again nothing is compared', () => {
		const time = new ThreadTime();
		time.take([sleeper(5, 'a', 1)], second);
		expect(time.take([{ ...sleeper(5, 'b', 1), start: 9e9 }], second).size).toBe(0);
	});
});
