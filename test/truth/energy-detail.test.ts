/**
 * What our own programs add to the kernel's counters, each against the kernel: cycles by thread, time by package, time
 * in interrupts.
 *
 * STAND-INS, since no machine of ours has them: cycles are counted by the kernel's CPU clock (one "cycle" per ns, by
 * which the truth is CPU time), and each CPU is a package of a fixture tree.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { BpfCpu } from '../../src/tracers/energy/cpu/bpf-cpu.ts';
import { CycleCounters } from '../../src/tracers/energy/cpu/cycles.ts';
import { Processors } from '../../src/tracers/energy/power/cpufreq.ts';
import { chooseWeighting } from '../../src/tracers/energy/power/weighting.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { makeTree } from '../unit/energy-fixtures.ts';
import { realHost, seconds } from './host.ts';
import { end } from './leftovers.ts';
import { flood } from './load.ts';
import { buildWorkloads, childrenOf, makeGroup, schedstat, type Workloads } from './workload.ts';

/** PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK */
const cpuClock = { type: 1, config: 0 };

/** schedstat of a thread that is running is behind by up to a tick of its CPU (HZ=100 at worst); ours is not. */
const TRUTH_LAG = 10e6;

let loads: Workloads;

beforeAll(() => {
	loads = buildWorkloads();
});

afterAll(() => loads.stop());

test('cycles are those of the thread that ran, to the nanosecond of its CPU time', async () => {
	const host = realHost();
	const processors = new Processors(makeTree().sysRoot, 1, host.cpus);
	const weighting = chooseWeighting('cycles', processors, () => {
		return new CycleCounters(host.addon, processors.online, cpuClock);
	});
	// they run in turns on one CPU: what one does not get, the others would
	const children = [0.0005, 0.001, 0.002].map((busy) => loads.start(0, 'threads', 2, 60, busy, 0.001));
	await seconds(0.3);
	const cpu = new BpfCpu(host, { weighting, packages: 1, interrupts: false });
	onTestFinished(() => cpu.close());
	const counted = new Map(children.map(({ pid }) => [pid, { cycles: 0, cycles_ns: 0, cpu_ns: 0, work: 0 }]));
	const used = (): number[] => children.map(({ pid }) => schedstat(pid).cpu_ns);
	/** Of a read of ours: the kernel's, right before and right after. */
	const bracketed = (take: () => void): { before: number[]; after: number[] } => {
		const before = used();
		take();
		return { before, after: used() };
	};
	const from = bracketed(() => void cpu.read());
	let to = from;
	const least = (index: number): number => (to.before[index] as number) - (from.after[index] as number);
	// 2 % of so much is more than schedstat is behind
	const isEnough = (): boolean => children.every((_, index) => least(index) > 0.8e9);
	for (let i = 0; i < 6 || (i < 60 && !isEnough()); i++) {
		await seconds(0.5);
		to = bracketed(() => {
			for (const { task, ...use } of cpu.read().used) {
				const sum = counted.get(task.process.pid);
				if (!sum) continue;
				sum.cycles += use.cycles ?? 0;
				sum.cycles_ns += use.cycles_ns ?? 0;
				sum.cpu_ns += use.cpu_ns;
				sum.work += use.work;
			}
		});
	}
	for (const [index, { pid }] of children.entries()) {
		const most = (to.after[index] as number) - (from.before[index] as number);
		const sum = counted.get(pid) as { cycles: number; cycles_ns: number; cpu_ns: number; work: number };
		expect(least(index)).toBeGreaterThan(0.2e9);
		const text = `${sum.cycles} of ${least(index)} to ${most}`;
		expect(sum.cycles, text).toBeGreaterThan(least(index) * 0.98);
		expect(sum.cycles, text).toBeLessThan(most * 1.02 + TRUTH_LAG);
		expect(Math.abs(sum.cycles / sum.cycles_ns - 1)).toBeLessThan(0.001);
		// one cycle per ns is full speed here: the weight is the time
		expect(Math.abs(sum.work / sum.cpu_ns - 1)).toBeLessThan(0.01);
	}
	expect(cpu.read().lost['cycles_unread']).toBe(0);
});

test('a thread that never leaves its CPU is weighed by the clock of that CPU', async () => {
	const host = realHost();
	const processors = new Processors(makeTree().sysRoot, 1, host.cpus);
	const cycles = new CycleCounters(host.addon, processors.online, cpuClock);
	onTestFinished(() => cycles.close());
	// no context switch was seen between these two
	const counter = Number(cycles.counters.get(0)?.read().value);
	const still = new Map([[0, { counter, at_ns: Number(process.hrtime.bigint()), idle: 0 }]]);
	cycles.tick(still);
	expect(cycles.ghz(0, undefined)).toBeUndefined();
	await seconds(0.2);
	cycles.tick(still);
	expect(cycles.ghz(0, undefined)).toBeCloseTo(1, 2);
	expect(cycles.ghz(0, 3)).toBe(3);
});

test('a thread that goes from package to package is charged in each for what it used there', async () => {
	const host = realHost();
	const tree = makeTree();
	tree.set('sys/devices/system/cpu/online', '0-1');
	for (const cpu of [0, 1]) tree.set(`sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`, cpu);
	const processors = new Processors(tree.sysRoot, 1, 2);
	expect(processors.packages).toEqual([0, 1]);
	const child = loads.start(0, 'threads', 1, 60, 0.01, 0);
	await seconds(0.3);
	const weighting = chooseWeighting('time', processors, () => {
		throw new TypeError('not asked for');
	});
	const cpu = new BpfCpu(host, { weighting, packages: 2, interrupts: false });
	onTestFinished(() => cpu.close());
	const ours = [0, 0];
	// it is moved between the two readings of each command: bounds of what it used in each package
	const least = [0, 0];
	const most = [0, 0];
	let last = { before: schedstat(child.pid).cpu_ns, after: schedstat(child.pid).cpu_ns };
	let at = 0;
	const moved = (before: number, to: number): void => {
		const after = schedstat(child.pid).cpu_ns;
		least[at] = (least[at] as number) + Math.max(0, before - last.after);
		most[at] = (most[at] as number) + after - last.before;
		last = { before, after };
		at = to;
	};
	cpu.read();
	for (let i = 0; i < 8; i++) {
		// most of each interval in one package, the end of it in the other
		for (const [packageIndex, time] of i % 2 === 0
			? ([
					[0, 0.4],
					[1, 0.1],
				] as const)
			: ([
					[1, 0.3],
					[0, 0.1],
				] as const)) {
			const before = schedstat(child.pid).cpu_ns;
			execFileSync('taskset', ['-a', '-c', '-p', String(packageIndex), String(child.pid)]);
			moved(before, packageIndex);
			await seconds(time);
		}
		for (const { task, packageIndex, cpu_ns } of cpu.read().used)
			if (task.process.pid === child.pid)
				ours[packageIndex as number] = (ours[packageIndex as number] as number) + cpu_ns;
	}
	moved(schedstat(child.pid).cpu_ns, at);
	const lost = cpu.read().lost['moves'];
	child.kill();
	expect(lost).toBe(0);
	for (const packageIndex of [0, 1]) {
		const text = `${packageIndex}: ${ours[packageIndex]} of ${least[packageIndex]} to ${most[packageIndex]}`;
		expect(least[packageIndex], text).toBeGreaterThan(0.03e9);
		// 1 %, and what is not in schedstat yet of a thread that runs
		expect(ours[packageIndex], text).toBeGreaterThan((least[packageIndex] as number) * 0.99 - TRUTH_LAG);
		expect(ours[packageIndex], text).toBeLessThan((most[packageIndex] as number) * 1.01 + TRUTH_LAG);
	}
});

test('thirty tasks that change packages all the time: no move is lost, and the parts are the whole', async () => {
	const tree = makeTree();
	tree.set('sys/devices/system/cpu/online', '0-1');
	for (const cpu of [0, 1]) tree.set(`sys/devices/system/cpu/cpu${cpu}/topology/physical_package_id`, cpu);
	const weighting = chooseWeighting('time', new Processors(tree.sysRoot, 1, 2), () => {
		throw new TypeError('not asked for');
	});
	const cpu = new BpfCpu(realHost(), { weighting, packages: 2, interrupts: false });
	const child = loads.start(undefined, 'migrate', 30, 20);
	onTestFinished(() => {
		cpu.close();
		child.kill();
	});
	await seconds(0.5);
	const tasks = childrenOf(child.pid);
	const truth = (): number => tasks.reduce((sum, pid) => sum + schedstat(pid).cpu_ns, 0);
	const bracket = <Value>(read: () => Value) => ({ before: truth(), value: read(), after: truth() });
	const from = bracket(() => cpu.read());
	for (let turn = 0; turn < 20; turn++) {
		await seconds(0.1);
		cpu.drain();
	}
	const to = bracket(() => cpu.read());
	const { used, lost } = to.value;
	const [least, most] = [to.before - from.after, to.after - from.before];
	const ours = [0, 1].map((index) =>
		used
			.filter(({ task, packageIndex }) => tasks.includes(task.process.pid) && packageIndex === index)
			.reduce((sum, { cpu_ns }) => sum + cpu_ns, 0),
	) as [number, number];
	expect(lost['moves']).toBe(0);
	expect(Math.min(...ours), String(ours)).toBeGreaterThan(0.2 * least);
	const sum = ours[0] + ours[1];
	expect(sum, `${sum} of ${least} to ${most}`).toBeGreaterThan(0.98 * least - 2 * TRUTH_LAG);
	expect(sum, `${sum} of ${least} to ${most}`).toBeLessThan(1.02 * most + 2 * TRUTH_LAG);
});

test('a process that sleeps is found in the group that others put it into', () => {
	const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
	const group = makeGroup();
	const session = energy.start(realHost(), {});
	onTestFinished(async () => {
		session.close();
		const gone = once(sleeper, 'exit');
		sleeper.kill();
		await gone;
		group.remove();
	});
	const groupOf = () => session.read(1e6, 'process').rows.find(({ pid }) => pid === sleeper.pid)?.cgroup;
	for (let i = 0; i < 5; i++) expect(groupOf()).not.toBe(group.name);
	group.add(sleeper.pid as number);
	const found = new Set(Array.from({ length: 31 }, groupOf));
	expect(found).toContain(group.name);
	expect(found).not.toContain(undefined);
});

test('interrupts have their own energy, for the time that the interrupts tab counts', async () => {
	const host = realHost();
	const watts = energy.start(host, {});
	const interrupts = irq.start(host, {});
	onTestFinished(() => {
		watts.close();
		interrupts.close();
	});
	const clock = (): number => Number(process.hrtime.bigint());
	let at = clock();
	watts.read(1, 'process');
	interrupts.read(1, 'line');
	const sums = { ours: 0, theirs: 0, irq_uj: 0, measured_uj: 0 };
	const load = flood(60_000);
	for (let i = 0; i < 5; i++) {
		await seconds(0.6);
		const now = clock();
		const { rows, extra } = watts.read(now - at, 'process');
		const theirs = interrupts.read(now - at, 'line').rows;
		at = now;
		const { measured_uj, idle_uj, irq_uj, unattributed_uj } = extra;
		expect(rows.reduce((sum, row) => sum + row.energy_uj, idle_uj + irq_uj + unattributed_uj)).toBe(measured_uj);
		sums.ours += extra.irq_ns;
		sums.theirs += theirs.reduce((sum, row) => sum + row.time_ns, 0);
		sums.irq_uj += irq_uj;
		sums.measured_uj += measured_uj;
	}
	await load;
	expect(sums.theirs).toBeGreaterThan(1e6);
	expect(Math.abs(sums.ours / sums.theirs - 1), JSON.stringify(sums)).toBeLessThan(0.15);
	expect(sums.irq_uj).toBeGreaterThan(0);
});

test('a process that sleeps is in its new control group in the interval of its move', async () => {
	const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
	const group = makeGroup();
	const session = energy.start(realHost(), {});
	onTestFinished(async () => {
		session.close();
		await end(sleeper);
		group.remove();
	});
	const groupNow = (): string | undefined =>
		session.read(1e9, 'process').rows.find(({ pid }) => pid === sleeper.pid)?.cgroup;
	await seconds(0.3);
	for (let i = 0; i < 3; i++) groupNow();
	expect(groupNow()).not.toContain(group.name);
	group.add(sleeper.pid as number);
	expect(groupNow()).toContain(group.name);
});
