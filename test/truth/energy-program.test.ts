/**
 * The built program's energy tab from end to end. Power counters and GPU are FIXTURES (trees and a fake library; no figure
 * in them was measured); CPU times are those of the running kernel.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Ajv } from 'ajv';
import { expect, onTestFinished, test } from 'vitest';
import { addZone, makeTree, setEnergy, setVendor, type Tree } from '../unit/energy-fixtures.ts';
import { seconds } from './host.ts';
import { copyForOthers } from './other-user.ts';

interface Row {
	pid: number;
	tid?: number;
	comm: string;
	cgroup: string;
	user: string;
	cpu_ns: number;
	energy_uj: number;
	watts: number;
	threads: number;
	unmeasured?: true;
	gpu_uj?: number;
}

interface Line {
	source: {
		kind: string;
		description: string;
		uncertainty: string;
		scope: string;
		weighting: string;
		candidates: { kind: string; state: string; reason: string }[];
	};
	dt_ns: number;
	measured_uj: number;
	idle_uj: number;
	irq_uj: number;
	unattributed_uj: number;
	measured: boolean;
	marked: string[];
	domains: { name: string; counted: boolean; energy_uj: number | null }[];
	gpus: { name: string; energy_uj: number | null; unattributed_uj: number; busy_ns: number | null }[];
	forecast: { seconds: number; learning: boolean; joules?: number; error_share?: number; naive_error_share?: number };
	alive: number;
	group: string;
	rows: Row[];
}

const validate = new Ajv({ allErrors: true, strict: false }).compile(
	JSON.parse(readFileSync('docs/batch.schema.json', 'utf8')) as object,
);

/** A line as it should be: fits the schema, and adds up. */
function check(line: Line): Line {
	validate(line);
	expect(validate.errors ?? []).toEqual([]);
	const rows = line.rows.reduce((sum, row) => sum + row.energy_uj, 0);
	expect(rows + line.idle_uj + line.irq_uj + line.unattributed_uj).toBe(line.measured_uj);
	return line;
}

/** Run the program and hand over each line as it comes. `uid`: as another user. */
async function energy(
	args: string[],
	each: (line: Line, index: number) => void = () => {},
	options: { uid?: number; env?: Record<string, string> } = {},
): Promise<Line[]> {
	const copy = options.uid === undefined ? undefined : copyForOthers();
	if (copy) onTestFinished(copy.remove);
	const { node, program } = copy ?? { node: process.execPath, program: 'dist/wattlag.mjs' };
	const child = spawn(node, [program, '--batch', '--json', '--tab', 'energy', ...args], {
		cwd: copy ? '/' : process.cwd(),
		stdio: ['ignore', 'pipe', 'pipe'],
		env: { ...process.env, ...options.env },
		...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
	});
	const lines: Line[] = [];
	let rest = '';
	let errors = '';
	child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
	child.stdout.on('data', (chunk: Buffer) => {
		const parts = (rest + chunk.toString()).split('\n');
		rest = parts.pop() as string;
		for (const part of parts) {
			lines.push(check(JSON.parse(part) as Line));
			each(lines.at(-1) as Line, lines.length - 1);
		}
	});
	const [code] = (await once(child, 'close')) as [number];
	expect([code, errors]).toEqual([0, '']);
	return lines;
}

/** A tree of two sockets: the first CPU alone in one, all others in the other. */
function twoSockets(): Tree {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	const online = readFileSync('/sys/devices/system/cpu/online', 'utf8').trim();
	tree.set('sys/devices/system/cpu/online', online);
	const last = Number(/\d+$/.exec(online)?.[0] ?? 0);
	for (let cpu = 0; cpu <= last; cpu++)
		tree.set(`sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`, Math.min(cpu, 1));
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	addZone(tree, 'intel-rapl:1', 'package-1', 1_000_000);
	addZone(tree, 'intel-rapl:1:0', 'dram', 1_000_000);
	addZone(tree, 'intel-rapl:2', 'psys', 1_000_000);
	return tree;
}

/** Let the counters of a tree run at these watts until the test is over. */
function run(tree: Tree, zones: Record<string, number>): { gained: Record<string, number>; stop(): void } {
	const gained = Object.fromEntries(Object.keys(zones).map((zone) => [zone, 0]));
	let last = process.hrtime.bigint();
	const timer = setInterval(() => {
		const now = process.hrtime.bigint();
		for (const [zone, watts] of Object.entries(zones)) {
			gained[zone] = (gained[zone] as number) + Math.round((watts * Number(now - last)) / 1000);
			setEnergy(tree, zone, 1_000_000 + (gained[zone] as number));
		}
		last = now;
	}, 10);
	const stop = () => clearInterval(timer);
	onTestFinished(stop);
	return { gained, stop };
}

/** A shell that burns one CPU; it runs, under its own name, when this returns. */
async function hog(cpu: number, nice = 0): Promise<number> {
	const child = spawn('nice', ['-n', String(nice), 'taskset', '-c', String(cpu), 'sh', '-c', 'while :; do :; done'], {
		stdio: 'ignore',
	});
	onTestFinished(() => {
		child.kill('SIGKILL');
	});
	while (readFileSync(`/proc/${child.pid}/comm`, 'utf8') !== 'sh\n') await seconds(0.01);
	return child.pid as number;
}

test('two sockets: packages and DRAM are summed, psys is shown beside, a socket’s energy goes to the processes that ran there', async () => {
	const tree = twoSockets();
	const { gained } = run(tree, { 'intel-rapl:0': 0.1, 'intel-rapl:1': 50, 'intel-rapl:1:0': 5, 'intel-rapl:2': 200 });
	const [cold, hot] = [await hog(0), await hog(1)];
	const lines = await energy(['-n', '4', '-d', '0.5', '--sys-root', tree.sysRoot]);
	const sums = { measured: 0, psys: 0, cold: 0, hot: 0 };
	for (const line of lines) {
		expect(line.source).toMatchObject({ kind: 'rapl', scope: 'CPU packages + DRAM' });
		expect(line.source.candidates[0]).toMatchObject({ kind: 'rapl', state: 'chosen' });
		expect(line.measured).toBe(true);
		const domain = (name: string) => line.domains.find((entry) => entry.name === name);
		expect(domain('psys')?.counted).toBe(false);
		const counted = line.domains
			.filter((entry) => entry.counted)
			.reduce((sum, entry) => sum + (entry.energy_uj ?? 0), 0);
		expect(line.measured_uj).toBe(counted);
		sums.measured += line.measured_uj;
		sums.psys += domain('psys')?.energy_uj ?? 0;
		sums.cold += line.rows.find((row) => row.pid === cold)?.energy_uj ?? 0;
		sums.hot += line.rows.find((row) => row.pid === hot)?.energy_uj ?? 0;
	}
	expect(sums.measured).toBeGreaterThan(0);
	expect(sums.measured).toBeLessThanOrEqual(
		(gained['intel-rapl:0'] as number) + (gained['intel-rapl:1'] as number) + (gained['intel-rapl:1:0'] as number),
	);
	expect(sums.psys).toBeGreaterThan(sums.measured);
	expect(sums.hot).toBeGreaterThan(5 * sums.cold);
	expect(sums.cold).toBeGreaterThan(0);
});

test('energy of memory goes to processes by their cache misses: page faults stand in for misses, which only a PMU counts', async () => {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	addZone(tree, 'intel-rapl:0:0', 'dram', 1_000_000);
	run(tree, { 'intel-rapl:0': 0.01, 'intel-rapl:0:0': 40 });
	const burner = await hog(0);
	// 4 MB are mapped, written to and unmapped again: 1,024 faults each time
	const faulter = spawn(
		'python3',
		[
			'-c',
			'import mmap,time\nwhile True:\n m=mmap.mmap(-1,1<<22,mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS)\n for i in range(0,1<<22,4096): m[i]=1\n m.close(); time.sleep(.02)',
		],
		{ stdio: 'ignore' },
	);
	onTestFinished(() => void faulter.kill('SIGKILL'));
	await seconds(0.5);
	const options = ['-n', '3', '-d', '0.4', '--sys-root', tree.sysRoot];
	const share = async (env: Record<string, string>) => {
		const lines = await energy(options, () => {}, { env });
		const of = (pid: number) =>
			lines.slice(1).reduce((sum, { rows }) => sum + (rows.find((row) => row.pid === pid)?.energy_uj ?? 0), 0);
		return { source: lines.at(-1)?.source, burner: of(burner), faulter: of(faulter.pid as number) };
	};
	const byMisses = await share({ WATTLAG_MISSES_EVENT: '1:2' });
	expect(byMisses.source?.description).toContain('energy of memory by a stand-in for tests: perf event 1:2');
	expect(byMisses.faulter).toBeGreaterThan(5 * byMisses.burner);
	const byTime = await share({ WATTLAG_MISSES_EVENT: '999999:0' });
	expect(byTime.source).toMatchObject({
		missing: expect.arrayContaining([expect.stringMatching(/no cache misses can be counted .* divided by CPU time/)]),
	});
	expect(byTime.burner).toBeGreaterThan(byTime.faulter);
});

test('a counter that breaks leaves a marked gap, never 0 W, and comes back', async () => {
	const tree = twoSockets();
	const zones = { 'intel-rapl:0': 10, 'intel-rapl:1': 10, 'intel-rapl:1:0': 10 };
	const all = Object.keys(zones);
	let running = run(tree, zones);
	const lines = await energy(['-n', '6', '-d', '0.4', '--sys-root', tree.sysRoot], (_, index) => {
		if (index === 1) {
			running.stop();
			for (const zone of all) setEnergy(tree, zone, 'garbage');
		} else if (index === 3) running = run(tree, zones);
	});
	const gap = lines[3] as Line;
	expect(gap.measured).toBe(false);
	expect(gap.measured_uj).toBe(0);
	expect(gap.marked[0]).toBe('not measured in this interval');
	expect(gap.rows.length).toBeGreaterThan(0);
	expect(gap.rows.every((row) => row.unmeasured === true)).toBe(true);
	expect([lines[0]?.measured, lines[5]?.measured]).toEqual([true, true]);
});

test('without privilege the /proc sampler stands in, with badge and reason; nothing is missing but precision', async () => {
	// before all others, whatever else the machine does
	const pid = await hog(0, -10);
	const [, line] = await energy(['-n', '2', '-d', '0.5'], () => {}, { uid: 65534, env: { HOME: '/nonexistent' } });
	expect(line?.source.kind).toBe('proc');
	expect(line?.source.description).toMatch(/(CAP_BPF|permitted).*root.*so CPU time is from \/proc/);
	expect(line?.source.candidates.find(({ kind }) => kind === 'proc')?.state).toBe('chosen');
	expect(line?.rows.find((row) => row.pid === pid)?.cpu_ns).toBeGreaterThan(0.1e9);
});

test.each(['thread', 'cgroup', 'user', 'command'])('grouped by %s: the same energy in other rows', async (group) => {
	// before all others, whatever else the machine does
	const pid = await hog(0, -10);
	const [line] = await energy(['-n', '1', '-d', '0.4', '--group', group]);
	expect(line?.group).toBe(group);
	const busy = line?.rows.filter((row) => row.cpu_ns > 0) ?? [];
	expect(busy.length).toBeGreaterThan(0);
	expect(new Set(line?.rows.map((row) => `${row.pid}:${row.tid}:${row.comm}:${row.cgroup}`)).size).toBe(
		line?.rows.length,
	);
	if (group === 'thread') expect(busy.find((row) => row.tid === pid)?.pid).toBe(pid);
	else expect(busy.every((row) => row.pid === 0)).toBe(true);
	if (group === 'command') expect(busy.find((row) => row.comm === 'sh')?.cpu_ns).toBeGreaterThan(0);
	if (group === 'user') expect(busy.find((row) => row.user === 'root')?.comm).toBe('root');
});

test('the original’s policy: each row is watts / CPUs × seconds', async () => {
	const [, line] = await energy(['-n', '2', '-d', '0.5', '--seed-compatible', '-p', '16']);
	const cpus = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)?.length as number;
	expect(Math.abs((line?.measured_uj ?? 0) - ((line?.dt_ns ?? 0) * 16) / 1000)).toBeLessThan(
		((line?.dt_ns ?? 0) * 0.16) / 1000,
	);
	for (const row of line?.rows ?? [])
		expect(Math.abs(row.energy_uj - (row.cpu_ns * 16) / cpus / 1000)).toBeLessThan(10 + row.threads);
});

// without a load of their own: at the same time
test.concurrent('nothing but garbage: the model, labelled, with the reason why no counter is used', async () => {
	const tree = twoSockets();
	for (const zone of ['intel-rapl:0', 'intel-rapl:1', 'intel-rapl:1:0', 'intel-rapl:2']) setEnergy(tree, zone, 'x');
	const [line] = await energy(['-n', '1', '-d', '0.3', '--sys-root', tree.sysRoot]);
	expect(line?.source.kind).toBe('model');
	expect(line?.source.uncertainty).toMatch(/±\d+ %.*modelled/);
	expect(line?.source.candidates[0]).toMatchObject({ kind: 'rapl', state: 'unavailable' });
});

test.concurrent('a source that was asked for and is not there: what is missing, exit code 77', async () => {
	const { sysRoot } = makeTree();
	mkdirSync(sysRoot, { recursive: true });
	const args = ['dist/wattlag.mjs', '-b', '-n', '1', '--source', 'rapl', '--sys-root', sysRoot];
	const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
	const [errors, end] = await Promise.all([text(child.stderr), once(child, 'close')]);
	expect(end).toEqual([77, null]);
	expect(errors).toMatch(/^wattlag: energy: no RAPL zone/);
});

test.concurrent('CPU seconds only: no watts, which is reported', async () => {
	const [line] = await energy(['-n', '1', '-d', '0.3', '--source', 'time']);
	expect(line?.source).toMatchObject({ kind: 'time', scope: 'none' });
	expect(line?.measured).toBe(false);
	expect(line?.rows.some((row) => row.cpu_ns > 0)).toBe(true);
	expect(line?.rows.every((row) => row.unmeasured && row.watts === 0)).toBe(true);
});

test.concurrent('the sampler when asked for', async () => {
	const [line] = await energy(['-n', '1', '-d', '0.5', '--source', 'proc']);
	expect(line?.source.kind).toBe('proc');
	expect(line?.rows.length).toBeGreaterThan(0);
});

test.concurrent('the weighting of energy is reported; a stand-in for cycles is named as one, and their lack is an error', async () => {
	const [, counted] = await energy(['-n', '2', '-d', '0.5', '--weight', 'cycles'], () => {}, {
		env: { WATTLAG_CYCLES_EVENT: '1:0' },
	});
	expect(counted?.source).toMatchObject({ weighting: 'cycles' });
	expect(counted?.source.description).toContain('shared out by cycles (a stand-in for tests: perf event 1:0)');
	const [plain] = await energy(['-n', '1', '-d', '0.3', '--weight', 'time']);
	expect(plain?.source.weighting).toBe('run time');
	const failed = spawn(process.execPath, ['dist/wattlag.mjs', '-b', '-n', '1', '--weight', 'cycles'], {
		stdio: 'ignore',
		// no PMU has this event
		env: { ...process.env, WATTLAG_CYCLES_EVENT: '999999:0' },
	});
	expect(await once(failed, 'close')).toEqual([77, null]);
});

test.concurrent('idle-spread leaves no idle energy', async () => {
	const [line] = await energy(['-n', '1', '-d', '0.3', '--policy', 'idle-spread']);
	expect(line?.idle_uj).toBe(0);
	expect(line?.measured_uj).toBeGreaterThan(0);
});

test.concurrent('the forecast learns, then says how wrong it has been', async () => {
	const lines = await energy(['-n', '40', '-d', '0.1', '--forecast', '1']);
	expect(lines[0]?.forecast).toEqual({ seconds: 1, learning: true });
	const last = lines.at(-1)?.forecast;
	expect(last?.learning).toBe(false);
	expect(last?.joules).toBeGreaterThan(0);
	expect(last?.error_share).toBeGreaterThanOrEqual(0);
	expect(last?.naive_error_share).toBeGreaterThanOrEqual(0);
});

test('a GPU is shown beside the rest, shared out by busy time; without one there is nothing', async () => {
	const tree = makeTree();
	const library = join(tree.sysRoot, '..', 'libfake-nvml.so');
	const state = join(tree.sysRoot, '..', 'state');
	execFileSync('clang', [
		'-shared',
		'-fPIC',
		'-O1',
		`-DSTATE="${state}"`,
		`-DLOG="${state}.log"`,
		'test/unit/fixtures/fake-nvml.c',
		'-o',
		library,
	]);
	const pid = await hog(0);
	let millijoules = 1000;
	let stamp = 1000;
	const say = () => {
		millijoules += 500;
		stamp += 100_000;
		writeFileSync(state, `gpu ${millijoules} 50000 Fake GPU\nsample 0 ${pid} ${stamp} 50\n`);
	};
	say();
	const timer = setInterval(say, 50);
	onTestFinished(() => clearInterval(timer));
	const lines = await energy(['-n', '3', '-d', '0.4'], () => {}, { env: { WATTLAG_NVML_LIBRARY: library } });
	const line = lines.at(-1) as Line;
	expect(line.gpus).toHaveLength(1);
	expect(line.gpus[0]?.name).toBe('Fake GPU');
	const row = line.rows.find((candidate) => candidate.pid === pid);
	expect(row?.gpu_uj).toBeGreaterThan(0);
	expect((row?.gpu_uj ?? 0) + (line.gpus[0]?.unattributed_uj ?? 0)).toBe(line.gpus[0]?.energy_uj);
	const [without] = await energy(['-n', '1', '-d', '0.3']);
	expect(without?.gpus).toEqual([]);
	expect(without?.rows.every((candidate) => candidate.gpu_uj === undefined)).toBe(true);
});

test('compare --live: both sources over the same seconds, what each missed and what each cost', async () => {
	await hog(0);
	const churn = spawn('sh', ['-c', 'while :; do /bin/true; done'], { stdio: 'ignore' });
	onTestFinished(() => {
		churn.kill('SIGKILL');
	});
	const output = execFileSync(
		process.execPath,
		['dist/wattlag.mjs', 'compare', '--live', '--duration', '3', '--json'],
		{
			encoding: 'utf8',
			maxBuffer: 1 << 28,
		},
	);
	const result = JSON.parse(output) as Record<
		'bpf' | 'proc',
		{ processes: number; cost_ns: number; cpu_ns: number; missed: { processes: number } }
	> & { seconds: number };
	expect(result.seconds).toBeGreaterThan(2.9);
	// processes that live for a millisecond are what the sampler cannot see
	expect(result.proc.missed.processes).toBeGreaterThan(100);
	expect(result.bpf.processes).toBeGreaterThan(result.proc.processes + 100);
	for (const side of ['bpf', 'proc'] as const) expect(result[side].cost_ns).toBeGreaterThan(0);
	const table = execFileSync(process.execPath, ['dist/wattlag.mjs', 'compare', '--live', '--duration', '1'], {
		encoding: 'utf8',
	});
	expect(table).toContain('processes never seen');
});

test('-v: a line per slice, no more than asked for, and how many more there were', async () => {
	const pid = await hog(0);
	const second = await hog(0);
	await seconds(0.2);
	const output = execFileSync(process.execPath, ['dist/wattlag.mjs', '-v', '--rate', '20', '--duration', '2.2'], {
		encoding: 'utf8',
	});
	const [header, ...lines] = output.trimEnd().split('\n');
	expect(header).toMatch(/^TIME +CPU +PID +TID +COMMAND +NS$/);
	const slices = lines.filter((line) => !line.startsWith('#'));
	// by the times of the slices, not ours: a busy machine takes longer than asked
	const moment = (line = ''): number => {
		const [hours, minutes, rest] = line.slice(0, 15).split(':').map(Number) as [number, number, number];
		return hours * 3600 + minutes * 60 + rest;
	};
	const span = (moment(slices.at(-1)) - moment(slices[0]) + 86_400) % 86_400;
	expect(slices.length).toBeLessThanOrEqual(20 * (Math.floor(span) + 2));
	for (const line of slices) expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{6} +\d+ +\d+ +\d+ .{15,} +\d+$/);
	expect(lines.some((line) => /^# [1-9]\d* slices suppressed \(--rate 20\), 0 lost$/.test(line))).toBe(true);
	expect(pid).not.toBe(second);
});
