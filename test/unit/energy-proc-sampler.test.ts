/** The /proc sampler on fixture trees: files that look like proc, made in a temporary directory by each test. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Unavailable } from '../../src/core/errors.ts';
import type { ProcReading, ProcSamplerOptions } from '../../src/tracers/energy/proc/reading.ts';
import { ProcSampler } from '../../src/tracers/energy/proc/sampler.ts';
import {
	clockTicksPerSecond,
	emptyProcessStat,
	parseMachineStat,
	parseProcessStat,
} from '../../src/tracers/energy/proc/stat.ts';
import { treePerTest } from '../lib/tree.ts';

/** Fixtures count 100 ticks per second: a tick is 10 ms. */
const TICK = 10_000_000;

interface FixtureProcess {
	comm?: string | Uint8Array;
	state?: string;
	utime?: number;
	stime?: number;
	threads?: number;
	/** Clock ticks since boot. */
	start?: number;
}

const tree = treePerTest();
let samplers: ProcSampler[] = [];

beforeEach(() => {
	machine({});
	uptime(1000);
});

afterEach(() => {
	for (const sampler of samplers) sampler.close();
	samplers = [];
});

/** A fixture line as the kernel would write it. */
function statLine(pid: number, process: FixtureProcess): Buffer {
	const { comm = 'fixture', state = 'S', utime = 0, stime = 0, threads = 1, start = 500 } = process;
	const after = `${state} 1 1 1 0 -1 4194304 102 0 0 0 ${utime} ${stime} 7 9 20 0 ${threads} 0 ${start} 3133440 358 18446744073709551615 1 2 3 0\n`;
	return Buffer.concat([Buffer.from(`${pid} (`), Buffer.from(comm), Buffer.from(`) ${after}`)]);
}

function put(pid: number, process: FixtureProcess): void {
	tree.set(`${pid}/stat`, statLine(pid, process));
}

function end(pid: number): void {
	tree.remove(String(pid));
}

function machine(ticks: {
	user?: number;
	system?: number;
	idle?: number;
	iowait?: number;
	irq?: number;
	softirq?: number;
	steal?: number;
}): void {
	const { user = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0 } = ticks;
	tree.set(
		'stat',
		`cpu  ${user} 0 ${system} ${idle} ${iowait} ${irq} ${softirq} ${steal} 5 0\ncpu0 1 2 3 4\nintr 1 2 3\n`,
	);
}

function uptime(seconds: number): void {
	tree.set('uptime', `${seconds.toFixed(2)} 12.00\n`);
}

function start(options: ProcSamplerOptions = {}): ProcSampler {
	const sampler = new ProcSampler({ procRoot: tree.root, clockTicks: 100, ...options });
	samplers.push(sampler);
	return sampler;
}

function row(reading: ProcReading, pid: number) {
	return reading.rows.find((candidate) => candidate.pid === pid);
}

test('CPU time of the interval, and since the start', () => {
	put(10, { comm: 'worker', utime: 1000, stime: 500, threads: 3, start: 123 });
	const sampler = start();
	put(10, { comm: 'worker', utime: 1007, stime: 502, threads: 4, start: 123 });
	expect(row(sampler.read(), 10)).toEqual({
		pid: 10,
		start_time: 123 * TICK,
		comm: 'worker',
		cgroup: '',
		cpu_ns: 9 * TICK,
		cpu_ns_total: 9 * TICK,
		threads: 4,
	});
	put(10, { comm: 'worker', utime: 1008, stime: 502, threads: 4, start: 123 });
	expect(row(sampler.read(), 10)).toMatchObject({ cpu_ns: TICK, cpu_ns_total: 10 * TICK });
	expect(row(sampler.read(), 10)).toMatchObject({ cpu_ns: 0, cpu_ns_total: 10 * TICK });
});

test('samples in between do not close the interval', () => {
	put(10, {});
	const sampler = start();
	for (const utime of [1, 2, 3]) {
		put(10, { utime });
		sampler.sample();
	}
	const reading = sampler.read();
	expect(reading.samples).toBe(4);
	expect(row(reading, 10)?.cpu_ns).toBe(3 * TICK);
});

test('the machine beside it, and what no row accounts for', () => {
	put(10, { utime: 50 });
	machine({ user: 100, system: 100, idle: 1000, iowait: 50, irq: 1, softirq: 2, steal: 3 });
	const sampler = start();
	put(10, { utime: 80 });
	machine({ user: 130, system: 120, idle: 1100, iowait: 55, irq: 3, softirq: 5, steal: 7 });
	const reading = sampler.read();
	expect(reading.machine).toEqual({
		busy: 55 * TICK,
		idle: 100 * TICK,
		iowait: 5 * TICK,
		irq: 2 * TICK,
		softirq: 3 * TICK,
		steal: 4 * TICK,
	});
	expect(reading.missed_ns).toBe(25 * TICK);
});

test('counters that go backwards (IO wait, a CPU taken offline) count as nothing', () => {
	put(10, { utime: 50 });
	machine({ user: 100, idle: 1000, iowait: 50 });
	const sampler = start();
	put(10, { utime: 49 });
	machine({ user: 90, idle: 900, iowait: 40 });
	const reading = sampler.read();
	expect(reading.machine).toMatchObject({ busy: 0, idle: 0, iowait: 0 });
	expect(row(reading, 10)?.cpu_ns).toBe(0);
	put(10, { utime: 51 });
	expect(row(sampler.read(), 10)?.cpu_ns).toBe(TICK);
});

test('a process born in the interval is charged from its birth', () => {
	const sampler = start();
	put(11, { utime: 4, start: 100_005 });
	expect(row(sampler.read(), 11)).toMatchObject({ cpu_ns: 4 * TICK, cpu_ns_total: 4 * TICK });
});

test('an old process that becomes visible late brings no past along', () => {
	const sampler = start();
	put(11, { utime: 360_000, start: 500 });
	expect(row(sampler.read(), 11)?.cpu_ns).toBe(0);
	put(11, { utime: 360_001, start: 500 });
	expect(row(sampler.read(), 11)).toMatchObject({ cpu_ns: TICK, cpu_ns_total: TICK });
});

test('a process that ended keeps what it was seen to use, and is shown as ended once', () => {
	put(10, { comm: 'short' });
	const sampler = start();
	put(10, { comm: 'short', utime: 5 });
	sampler.sample();
	end(10);
	const reading = sampler.read();
	expect(row(reading, 10)).toMatchObject({ comm: 'short', cpu_ns: 5 * TICK, threads: 0 });
	expect(reading).toMatchObject({ alive: 0, ended: 1 });
	expect(sampler.read()).toMatchObject({ rows: [], ended: 0 });
});

test('a zombie has ended, is shown once, and not again when it is reaped', () => {
	put(10, {});
	put(11, { state: 'Z' });
	const sampler = start();
	put(10, { state: 'Z', utime: 3 });
	const reading = sampler.read();
	expect(reading).toMatchObject({ alive: 0, ended: 1 });
	expect(reading.rows).toMatchObject([{ pid: 10, cpu_ns: 3 * TICK, threads: 0 }]);
	expect(sampler.read().rows).toEqual([]);
	end(10);
	expect(sampler.read()).toMatchObject({ rows: [], ended: 0 });
});

test('a dead leader whose threads run on is no zombie', () => {
	put(10, { state: 'Z', threads: 3 });
	expect(row(start().read(), 10)?.threads).toBe(3);
});

test('the same pid again is another process', () => {
	put(10, { comm: 'first', utime: 1000, start: 500 });
	const sampler = start();
	put(10, { comm: 'first', utime: 1002, start: 500 });
	sampler.sample();
	put(10, { comm: 'second', utime: 3, start: 100_010 });
	const reading = sampler.read();
	expect(reading.rows.map(({ comm, cpu_ns, threads }) => [comm, cpu_ns / TICK, threads])).toEqual([
		['second', 3, 1],
		['first', 2, 0],
	]);
});

test.each([
	['spaces and brackets', 'a) R 1 (b', 'a) R 1 (b'],
	[
		'what looks like a whole line',
		'x) S 1 1 1 0 -1 0 0 0 0 0 99 99 0 0 20 0 1 0 1',
		'x) S 1 1 1 0 -1 0 0 0 0 0 99 99 0 0 20 0 1 0 1',
	],
	['newline', 'a\nb', 'a^Jb'],
	['escape sequence', '\x1b]0;pwned\x07', '^[]0;pwned^G'],
	['nothing at all', '', ''],
	['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0x9b, 0x29]), 'a\\xff\\x9b)'],
	['UTF-8', 'naïve ✓', 'naïve ✓'],
	['64 bytes', 'kworker/'.padEnd(64, 'x'), 'kworker/'.padEnd(64, 'x')],
])('hostile name: %s', (_name, comm, shown) => {
	put(10, { comm, utime: 5, threads: 2, start: 77 });
	const sampler = start();
	put(10, { comm, utime: 6, threads: 2, start: 77 });
	expect(row(sampler.read(), 10)).toMatchObject({ comm: shown, cpu_ns: TICK, threads: 2, start_time: 77 * TICK });
});

test('a backslash in stat may be an escape: comm has the bytes', () => {
	put(10, { comm: 'a\\nb' });
	tree.set('10/comm', 'a\nb\n');
	put(11, { comm: 'a\\nb' });
	tree.set('11/comm', 'a\\nb\n');
	put(12, { comm: 'gone\\\\' });
	const reading = start().read();
	expect([10, 11, 12].map((pid) => row(reading, pid)?.comm)).toEqual(['a^Jb', 'a\\nb', 'gone\\\\']);
});

test('a new program renames the process', () => {
	put(10, { comm: 'sh' });
	const sampler = start();
	expect(row(sampler.read(), 10)?.comm).toBe('sh');
	put(10, { comm: 'sh2' });
	expect(row(sampler.read(), 10)?.comm).toBe('sh2');
});

test.each([
	['empty', ''],
	['words', 'no such thing'],
	['no end of name', '10 (abc S 1 1 1'],
	['cut short', '10 (abc) S 1 1 1 0 -1 4194304 102 0 0 0 5'],
	['cut in the last field', '10 (abc) S 1 1 1 0 -1 4194304 102 0 0 0 5 5 0 0 20 0 1 0 50'],
	['negative time', '10 (abc) S 1 1 1 0 -1 4194304 102 0 0 0 -5 5 0 0 20 0 1 0 500 0\n'],
	['absurd time', `10 (abc) S 1 1 1 0 -1 4194304 102 0 0 0 ${'9'.repeat(30)} 5 0 0 20 0 1 0 500 0\n`],
	['letters in numbers', '10 (abc) S 1 1 1 0 -1 4194304 102 0 0 0 5x 5 0 0 20 0 1 0 500 0\n'],
	['two spaces', '10 (abc) S 1 1 1 0 -1 4194304 102 0 0 0  5 0 0 20 0 1 0 500 0\n'],
	['zeros', Buffer.alloc(300)],
	['too long', 'x'.repeat(5000)],
])('a garbage line (%s) is counted and no row', (_name, line) => {
	put(10, { utime: 5 });
	put(11, { utime: 5 });
	const sampler = start();
	tree.set('11/stat', line);
	put(10, { utime: 6 });
	const reading = sampler.read();
	expect(row(reading, 10)?.cpu_ns).toBe(TICK);
	// it is still there, we only cannot read it now
	expect(row(reading, 11)).toMatchObject({ cpu_ns: 0, threads: 1 });
	expect(reading.lost.garbled).toBe(1);
	put(11, { utime: 9 });
	expect(row(sampler.read(), 11)?.cpu_ns).toBe(4 * TICK);
});

test('what an earlier, longer line left in the buffer is not taken for the end of a shorter one', () => {
	const line = Buffer.alloc(2048);
	statLine(10, { comm: 'a name that is long' }).copy(line);
	const short = Buffer.from('11 (abc');
	short.copy(line);
	expect(parseProcessStat(line, short.length, emptyProcessStat())).toBe(false);
	expect(parseProcessStat(line, 0, emptyProcessStat())).toBe(false);
});

test('a process that vanishes between listing and reading is counted', () => {
	// a directory without its file is what a reader sees of a process that has just ended
	tree.folder('10');
	const reading = start().read();
	expect(reading.rows).toEqual([]);
	expect(reading.lost).toMatchObject({ vanished: 2, failed: 0 });
});

test('a file that cannot be read is counted, and does not end its process', () => {
	put(10, { utime: 5 });
	const sampler = start({ maxOpen: 0 });
	tree.remove('10/stat');
	tree.link('10/stat', 'stat');
	expect(row(sampler.read(), 10)).toMatchObject({ cpu_ns: 0, threads: 1 });
	tree.remove('10/stat');
	put(10, { utime: 7 });
	const reading = sampler.read();
	expect(row(reading, 10)?.cpu_ns).toBe(2 * TICK);
	expect(reading.lost.failed).toBe(1);
});

test.each([0, 1, 100])('holding %i files open changes nothing', (maxOpen) => {
	for (const pid of [10, 11, 12]) put(pid, { utime: pid });
	const sampler = start({ maxOpen });
	for (const pid of [10, 11, 12]) put(pid, { utime: pid + 1 });
	sampler.sample();
	end(11);
	const reading = sampler.read();
	expect(reading.rows.map(({ pid, cpu_ns, threads }) => [pid, cpu_ns / TICK, threads])).toEqual([
		[10, 1, 1],
		[12, 1, 1],
		[11, 1, 0],
	]);
});

test('folders of no process are ignored', () => {
	for (const name of ['self', 'sys', '0', '.hidden']) tree.folder(name);
	expect(start().read()).toMatchObject({ rows: [], lost: { vanished: 0, garbled: 0 } });
});

test('cgroup: by path, only when asked for', () => {
	put(10, {});
	tree.set('10/cgroup', '0::/system.slice/a:b.service\n');
	expect(row(start().read(), 10)?.cgroup).toBe('/system.slice/a:b.service');
	expect(row(start({ cgroups: false }).read(), 10)?.cgroup).toBe('');
});

test.each(['', 'cpu', 'cpu 1 2\n', 'intr 5\n', 'cpu a b c d e\n', 'cpu -1 2 3 4\n'])(
	'machine line %j is none',
	(text) => {
		expect(parseMachineStat(Buffer.from(text), text.length)).toBeUndefined();
	},
);

test('an old kernel with four columns has no interrupts to show', () => {
	const text = Buffer.from('cpu  1 2 3 4\n');
	expect(parseMachineStat(text, text.length)).toEqual({ busy: 6, idle: 4, iowait: 0, irq: 0, softirq: 0, steal: 0 });
});

test('without proc: unavailable, in words', () => {
	tree.remove('stat');
	expect(() => start()).toThrow(Unavailable);
	tree.set('stat', 'garbage\n');
	expect(() => start()).toThrow(/does not begin with the times of all CPUs/);
});

test('the source says what it cannot see', () => {
	expect(start({ period: 250e6 }).source().description).toContain('every 250 ms');
	expect(start().source().uncertainty).toBe('±20 ms per process and interval (clock ticks of 10 ms)');

	tree.folder('self/ns');
	tree.set(
		'self/mountinfo',
		'25 30 0:23 / /sys rw - sysfs sysfs rw\n24 30 0:22 / /proc rw,nosuid - proc proc rw,gid=5,hidepid=invisible\n',
	);
	tree.link('self/ns/pid', 'pid:[4026532500]');
	expect(start().source().description).toMatch(
		/hidepid=invisible: only your own processes are visible\. This is a pid namespace/,
	);

	// whoever can read the first process is exempt
	put(1, {});
	expect(start().source().description).not.toContain('hidepid');
});

test('clock ticks are those of the C library', () => {
	expect(clockTicksPerSecond()).toBe(Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })));
});
