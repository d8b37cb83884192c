/** Weights by which energy is shared out. Clocks are FIXTURES, cycles come from an invented counter. */
import { describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/core/errors.ts';
import type { PerfCounter } from '../../src/core/native.ts';
import { CycleCounters } from '../../src/tracers/energy/cpu/cycles.ts';
import { ClassUse } from '../../src/tracers/energy/power/class-use.ts';
import { ClassPrices } from '../../src/tracers/energy/power/classes.ts';
import { Processors } from '../../src/tracers/energy/power/cpufreq.ts';
import { chooseWeighting } from '../../src/tracers/energy/power/weighting.ts';
import type { CpuClassField } from '../../src/tracers/energy/snapshot.ts';
import { generator } from '../lib/random.ts';
import { makeTree, type Tree } from './energy-fixtures.ts';

/** Two CPUs of at most 4 GHz, clocked at 4 and 2. */
function clocked(): Tree {
	const tree = makeTree();
	tree.set('sys/devices/system/cpu/online', '0-1');
	for (const [cpu, khz] of [4_000_000, 2_000_000].entries()) {
		tree.set(`sys/devices/system/cpu/cpu${cpu}/cpufreq/scaling_cur_freq`, khz);
		tree.set(`sys/devices/system/cpu/cpu${cpu}/cpufreq/cpuinfo_max_freq`, 4_000_000);
	}
	return tree;
}

/** A counter on each CPU; what it says can be set. `broken`: it cannot be opened on that CPU. */
function counting(cpus: readonly number[], broken?: number) {
	const values = new Map<number, bigint>();
	const open = new Set<number>();
	const openCounter = (_type: number, _config: number, cpu: number): PerfCounter => {
		if (cpu === broken) throw Object.assign(new Error('no'), { code: 'ENOENT' });
		open.add(cpu);
		return {
			read: () => ({ value: values.get(cpu) ?? 0n, enabledNs: 1, runningNs: 1 }),
			fd: () => -1,
			close: () => open.delete(cpu),
		};
	};
	return { values, open, make: () => new CycleCounters({ openCounter }, cpus) };
}

const none = (): CycleCounters => {
	throw new Unavailable('no CPU cycles can be counted (ENOENT)', '');
};

describe('choice', () => {
	test('frequency, else time; cycles only by name; missing facts are reported', () => {
		const processors = new Processors(clocked().sysRoot, 1, 2);
		const bare = new Processors(makeTree().sysRoot, 1, 2);
		const counters = counting([0, 1]);
		for (const make of [counters.make, none])
			expect(chooseWeighting('auto', processors, make)).toMatchObject({ kind: 'run time × frequency', why: '' });
		expect(chooseWeighting('cycles', processors, counters.make)).toMatchObject({ kind: 'cycles', why: '' });
		expect(chooseWeighting('auto', bare, none)).toMatchObject({
			kind: 'run time',
			why: 'cpufreq does not report the frequency of the CPUs',
		});
		expect(chooseWeighting('time', processors, counters.make)).toMatchObject({ kind: 'run time', why: '' });
	});

	test('a weighting that is named is used, or its lack is an error', () => {
		const processors = new Processors(clocked().sysRoot, 1, 2);
		const bare = new Processors(makeTree().sysRoot, 1, 2);
		expect(chooseWeighting('frequency', processors, none)).toMatchObject({ kind: 'run time × frequency', why: '' });
		expect(() => chooseWeighting('frequency', bare, none)).toThrow(Unavailable);
		expect(() => chooseWeighting('cycles', processors, none)).toThrow('no CPU cycles can be counted (ENOENT)');
	});

	test('a counter that is missing on one CPU leaves none open', () => {
		const counters = counting([0, 1], 1);
		expect(counters.make).toThrow('no CPU cycles can be counted (ENOENT)');
		expect(counters.open.size).toBe(0);
	});
});

describe('reads that would interrupt another CPU', () => {
	test('neither of idle CPUs nor of isolated ones', () => {
		const reads: number[] = [];
		const openCounter = (_type: number, _config: number, cpu: number): PerfCounter => ({
			read: () => ({ value: BigInt(reads.push(cpu)), enabledNs: 1, runningNs: 1 }),
			fd: () => -1,
			close: () => undefined,
		});
		const counters = new CycleCounters({ openCounter }, [0, 1, 2, 3], undefined, [2]);
		const at = { counter: 100, at_ns: 5, idle: 0 };
		// CPU 1 is idle, CPU 2 isolated, CPU 3 switches
		for (const at_ns of [6, 7]) {
			counters.tick(
				new Map([
					[0, at],
					[1, { ...at, idle: 1 }],
					[2, at],
					[3, { ...at, at_ns }],
				]),
			);
		}
		expect(reads).toEqual([0]);
	});
});

describe('speed', () => {
	test('by frequency: of the CPU, to the exponent', () => {
		const { speedOf } = chooseWeighting('frequency', new Processors(clocked().sysRoot, 2, 2), none);
		expect([speedOf(0), speedOf(1)]).toEqual([1, 0.25]);
		const time = chooseWeighting('time', new Processors(clocked().sysRoot, 2, 2), none);
		expect(time.speedOf(1)).toBe(1);
	});

	test('by cycles: of the thread, then of its CPU, then the mean, then by frequency; nonsense is none', () => {
		const counters = counting([0, 1]);
		const { cycles, speedOf } = chooseWeighting('cycles', new Processors(clocked().sysRoot, 1, 2), counters.make);
		expect([speedOf(1), speedOf(0, 1)]).toEqual([0.5, 0.25]);
		expect(speedOf(0, 1e6)).toBe(1);
		cycles?.learn(3e9, 1e9);
		expect(speedOf(1)).toBe(0.75);
		// no context switch on CPU 1 for about a second, in which it counted 1 GHz
		const at = { counter: 100, at_ns: Number(process.hrtime.bigint()) - 1e9, idle: 0 };
		cycles?.tick(new Map([[1, at]]));
		counters.values.set(1, 1_000_000_100n);
		cycles?.tick(new Map([[1, at]]));
		expect(speedOf(1)).toBeCloseTo(0.25, 2);
		expect(speedOf(0)).toBe(0.75);
		expect(speedOf(1, 4)).toBe(1);
	});

	test('where the full speed is not known, the highest that was seen stands for it', () => {
		const counters = counting([0]);
		const { cycles, speedOf } = chooseWeighting('cycles', new Processors(makeTree().sysRoot, 1, 1), counters.make);
		cycles?.learn(2e9, 1e9);
		expect([speedOf(0, 2), speedOf(0, 1)]).toEqual([1, 0.5]);
	});
});

describe('classes of CPUs', () => {
	test('a nanosecond weighs by cpu_capacity, the mean over the CPUs being 1', () => {
		const tree = makeTree();
		tree.set('sys/devices/system/cpu/online', '0-3');
		for (const [cpu, capacity] of [446, 446, 1024, 1024].entries())
			tree.set(`sys/devices/system/cpu/cpu${cpu}/cpu_capacity`, capacity);
		const { speedOf, limits } = chooseWeighting('auto', new Processors(tree.sysRoot, 2, 4), none);
		expect([0, 1, 2, 3].map((cpu) => Math.round(speedOf(cpu) * 735))).toEqual([446, 446, 1024, 1024]);
		expect(limits).toMatch(/cpu_capacity.*±50 %/);
		expect(chooseWeighting('time', new Processors(tree.sysRoot, 0, 4), none).speedOf(0)).toBe(1);
	});

	test('hybrids without it are named', () => {
		const tree = makeTree();
		tree.set('sys/devices/system/cpu/online', '0-3');
		expect(new Processors(tree.sysRoot, 2, 4).limits).toBe('');
		tree.set('sys/bus/event_source/devices/cpu_core/cpus', '0-1');
		tree.set('sys/bus/event_source/devices/cpu_atom/cpus', '2-3');
		const { limits, speedOf } = chooseWeighting('auto', new Processors(tree.sysRoot, 2, 4), none);
		expect(limits).toMatch(/P-core and on an E-core weighs the same/);
		expect(speedOf(3)).toBe(1);
	});

	test('threads of a core share it: alone one weighs more, all busy each weighs 1', () => {
		const tree = makeTree();
		tree.set('sys/devices/system/cpu/online', '0-3');
		for (const cpu of [0, 1, 2, 3])
			tree.set(`sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, cpu < 2 ? '0-1' : `${cpu}`);
		const processors = new Processors(tree.sysRoot, 2, 4);
		expect(processors.limits).toMatch(/SMT/);
		// nothing is known yet
		expect(processors.speedOf(0)).toBe(1);
		processors.tick(new Map([0, 1, 2, 3].map((cpu) => [cpu, cpu === 1 ? 0 : 1])));
		expect(processors.speedOf(0)).toBeCloseTo(2 / 1.3, 9);
		expect(processors.speedOf(2)).toBe(1);
		processors.tick(new Map([0, 1, 2, 3].map((cpu) => [cpu, 1])));
		expect([processors.speedOf(0), processors.speedOf(1)]).toEqual([1, 1]);
		// the sum of the work of a core is its power
		processors.tick(new Map([0, 1, 2, 3].map((cpu) => [cpu, 0.5])));
		expect(processors.speedOf(0)).toBeGreaterThan(1);
		expect(processors.speedOf(0)).toBeLessThan(2 / 1.3);
	});

	/** 8 P-cores at 6 W, 8 E-cores at 1.4 W, 9 W at rest: the counter of `seconds` random intervals. */
	function hybrid(noise: number, seconds: number, seed: number) {
		const random = generator(seed);
		const tree = makeTree();
		tree.set('sys/devices/system/cpu/online', '0-15');
		tree.set('sys/bus/event_source/devices/cpu_core/cpus', '0-7');
		tree.set('sys/bus/event_source/devices/cpu_atom/cpus', '8-15');
		const processors = new Processors(tree.sysRoot, 2, 16);
		const use = new ClassUse(processors);
		let fields: CpuClassField[] = [];
		for (let second = 0; second < seconds; second++) {
			const busy = new Map(Array.from({ length: 16 }, (_, cpu) => [cpu, random() < 0.5 ? random() : 0]));
			const of = (from: number): number =>
				Array.from({ length: 8 }, (_, cpu) => busy.get(cpu + from) as number).reduce((sum, one) => sum + one, 0);
			const watts = (9 + 6 * of(0) + 1.4 * of(8)) * (1 + noise * (random() - 0.5));
			processors.tick(busy);
			fields = use.update({
				dt: 1e9,
				busy,
				measured_uj: Math.round(watts * 1e6),
				active_uj: Math.round((watts - 9) * 1e6),
				cpu_ns: (of(0) + of(8)) * 1e9,
				counter: true,
			});
		}
		return { processors, fields };
	}

	test('the weights of a hybrid are recovered from its counter within 5 %, with what is left unexplained', () => {
		for (const seed of [1, 2, 3]) {
			const { processors, fields } = hybrid(0.04, 400, seed);
			expect(fields.map(({ name, from }) => [name, from])).toEqual([
				['P-core', 'regression'],
				['E-core', 'regression'],
			]);
			const [big, little] = fields.map(({ second_uj }) => (second_uj as number) / 1e6) as [number, number];
			expect(Math.abs(big / 6 - 1)).toBeLessThan(0.05);
			expect(Math.abs(little / 1.4 - 1)).toBeLessThan(0.05);
			expect(Math.abs(processors.speedOf(0) / processors.speedOf(8) / (6 / 1.4) - 1)).toBeLessThan(0.07);
			// uniform noise of ±2 % has a standard deviation of 1.2 %
			expect(fields[0]?.residual_share).toBeGreaterThan(0.008);
			expect(fields[0]?.residual_share).toBeLessThan(0.02);
			expect(processors.limits).toMatch(/weigh by the counter, ±\d+ %, residual 1 % of the power/);
		}
	});

	test('too few intervals, a model in place of a counter, classes that are busy together: nothing is learned', () => {
		expect(hybrid(0, 10, 1).fields.map(({ from }) => from)).toEqual(['mean', 'mean']);
		const prices = new ClassPrices(2);
		for (let i = 1; i < 100; i++) prices.update(9 + i / 10, [i % 7, 2 * (i % 7)]);
		expect(prices.prices).toBeUndefined();
	});
});
