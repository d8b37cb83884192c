import { describe, expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import type { ProcessInfo, TaskTime } from '../../src/tracers/energy/cpu/cpu-use.ts';
import {
	apportion,
	attribute,
	attributeMemory,
	attributePackages,
	type Policy,
	plus,
} from '../../src/tracers/energy/power/attribution.ts';
import { activeEnergy, modelEnergy, modelError, seedEnergy } from '../../src/tracers/energy/power/model.ts';
import { generator } from '../lib/random.ts';

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

describe('apportion', () => {
	test('parts are whole, not negative, within one of the exact share, and add up', () => {
		const next = generator(1);
		for (let round = 0; round < 300; round++) {
			const weights = Array.from({ length: Math.floor(next() * 200) }, () => (next() < 0.3 ? 0 : next() ** 4 * 1e9));
			const total = Math.floor(next() ** 3 * 1e10);
			const parts = apportion(total, weights);
			const whole = sum(weights);
			expect(sum(parts)).toBe(whole > 0 ? total : 0);
			for (const [i, part] of parts.entries()) {
				expect(Number.isInteger(part) && part >= 0).toBe(true);
				expect(Math.abs(part - (whole > 0 ? (total * (weights[i] as number)) / whole : 0))).toBeLessThan(1);
				if (weights[i] === 0) expect(part).toBe(0);
			}
		}
	});

	test('equal weights: the first ones get the remainder', () => {
		expect(apportion(5, [1, 1, 1])).toEqual([2, 2, 1]);
		expect(apportion(0, [1, 1])).toEqual([0, 0]);
		expect(apportion(7, [])).toEqual([]);
	});

	test('holds for sums beyond the exact range of doubles times weights', () => {
		const total = 9e15;
		expect(sum(apportion(total, [1e15, 3, 2e15, 7e14]))).toBe(total);
	});
});

describe('attribute', () => {
	test('rows, idle, irq and unattributed are the whole, whatever comes', () => {
		const next = generator(2);
		for (let round = 0; round < 300; round++) {
			const measured = { measured_uj: (next() - 0.1) * 1e8, idle_uj: (next() - 0.1) * 1e8 };
			const cpu = Array.from({ length: Math.floor(next() * 50) }, () => (next() < 0.5 ? 0 : Math.floor(next() * 1e9)));
			const result = attribute(measured, cpu, next() < 0.5 ? 0 : next() * 1e9);
			const parts = [...result.rows_uj, result.idle_uj, result.irq_uj, result.unattributed_uj];
			expect(sum(parts)).toBe(result.measured_uj);
			expect(parts.every((part) => Number.isInteger(part) && part >= 0)).toBe(true);
		}
	});

	test('energy without a running process is given to no process', () => {
		expect(attribute({ measured_uj: 100, idle_uj: 40 }, [0, 0], 0)).toEqual({
			measured_uj: 100,
			idle_uj: 40,
			irq_uj: 0,
			rows_uj: [0, 0],
			unattributed_uj: 60,
		});
	});

	test('does not depend on the unit of time, and halves with half the energy', () => {
		const cpu = [3e6, 1e6, 4e6];
		const whole = attribute({ measured_uj: 800, idle_uj: 0 }, cpu, 0).rows_uj;
		expect(
			attribute(
				{ measured_uj: 800, idle_uj: 0 },
				cpu.map((ns) => ns * 1000),
				0,
			).rows_uj,
		).toEqual(whole);
		expect(attribute({ measured_uj: 400, idle_uj: 0 }, cpu, 0).rows_uj).toEqual(whole.map((part) => part / 2));
	});
});

describe('memory', () => {
	const task = (pid: number, work: number, tid = pid): TaskTime => ({
		task: { process: { pid, start: 7 } as ProcessInfo, tid, start: 7, comm: safe`t`, alive: true },
		cpu_ns: work,
		work,
		packageIndex: 0,
	});
	const none = { unattributed: 0, irq: [], policy: 'active' as Policy };

	test('by misses of processes, among their threads by work; misses of no task are no one’s', () => {
		const tasks = [task(1, 300), task(1, 100, 11), task(2, 9000), task(3, 50)];
		const misses = new Map([
			['1:7', 600],
			['2:7', 200],
			['9:7', 200],
		]);
		expect(attributeMemory({ measured_uj: 1500, idle_uj: 500 }, tasks, misses, none)).toEqual({
			measured_uj: 1500,
			idle_uj: 500,
			irq_uj: 0,
			rows_uj: [450, 150, 200, 0],
			unattributed_uj: 200,
		});
		// another process with the same number
		expect(attributeMemory({ measured_uj: 10, idle_uj: 0 }, tasks, new Map([['1:8', 5]]), none)).toMatchObject({
			rows_uj: [0, 0, 0, 0],
			unattributed_uj: 10,
		});
	});

	test('by work where none are counted, as without a counter', () => {
		const tasks = [task(1, 300), task(2, 100)];
		const irq = [{ work: 100, packageIndex: 0 }];
		expect(attributeMemory({ measured_uj: 500, idle_uj: 0 }, tasks, new Map(), { ...none, irq })).toMatchObject({
			rows_uj: [300, 100],
			irq_uj: 100,
		});
	});

	test('packages and memory together always equal the measured energy', () => {
		const next = generator(11);
		for (let round = 0; round < 500; round++) {
			const tasks = Array.from({ length: Math.floor(next() * 40) }, (_, tid) =>
				task(1 + Math.floor(next() * 20), next() < 0.2 ? 0 : next() * 1e9, tid),
			);
			const misses = new Map(
				Array.from({ length: Math.floor(next() * 20) }, () => [`${1 + Math.floor(next() * 25)}:7`, next() * 1e6]),
			);
			const measured = () => {
				const measured_uj = Math.floor(next() * 1e8);
				return { measured_uj, idle_uj: Math.floor(next() * measured_uj) };
			};
			const [memory, package0, machine] = [measured(), measured(), measured()];
			const policy: Policy = next() < 0.5 ? 'active' : 'idle-spread';
			const irq = [{ work: next() * 1e8, packageIndex: 0 }];
			const unattributed = next() * 1e8;
			const all = plus(
				attributePackages([package0, machine], tasks, unattributed, irq, policy),
				attributeMemory(memory, tasks, misses, { unattributed, irq, policy }),
			);
			const parts = [...all.rows_uj, all.idle_uj, all.irq_uj, all.unattributed_uj];
			expect(all.measured_uj).toBe(memory.measured_uj + package0.measured_uj + machine.measured_uj);
			expect(sum(parts)).toBe(all.measured_uj);
			expect(parts.every((part) => Number.isInteger(part) && part >= 0)).toBe(true);
		}
	});
});

describe('packages', () => {
	/** Random packages, tasks and leftovers. */
	function machine(next: () => number) {
		const count = 1 + Math.floor(next() * 4);
		return {
			packages: Array.from({ length: count + 1 }, () => {
				const measured_uj = next() < 0.2 ? 0 : Math.floor(next() ** 2 * 1e8);
				return { measured_uj, idle_uj: Math.floor(next() * 1.2 * measured_uj) };
			}),
			tasks: Array.from({ length: Math.floor(next() * 80) }, () => ({
				work: next() < 0.2 ? 0 : next() ** 4 * 1e9,
				packageIndex: Math.floor(next() * count),
			})),
			unattributed: next() < 0.5 ? 0 : next() * 1e9,
			irq: [{ work: next() < 0.5 ? 0 : next() * 1e8, packageIndex: next() < 0.5 ? null : 0 }],
			policy: (next() < 0.5 ? 'active' : 'idle-spread') as Policy,
		};
	}

	test('whatever comes: whole µJ, none negative, and together the measured energy', () => {
		const next = generator(3);
		for (let round = 0; round < 1000; round++) {
			const { packages, tasks, unattributed, irq, policy } = machine(next);
			const result = attributePackages(packages, tasks, unattributed, irq, policy);
			const parts = [...result.rows_uj, result.idle_uj, result.irq_uj, result.unattributed_uj];
			expect(result.measured_uj).toBe(sum(packages.map(({ measured_uj }) => measured_uj)));
			expect(sum(parts)).toBe(result.measured_uj);
			expect(parts.every((part) => Number.isInteger(part) && part >= 0)).toBe(true);
		}
	});

	test('times in another unit change nothing, twice the energy doubles every part but for rounding', () => {
		const next = generator(4);
		for (let round = 0; round < 300; round++) {
			const { packages, tasks, unattributed, irq, policy } = machine(next);
			const once = attributePackages(packages, tasks, unattributed, irq, policy);
			// a power of two: exact in doubles
			const scaled = tasks.map(({ work, packageIndex }) => ({ work: work * 1024, packageIndex }));
			expect(
				attributePackages(
					packages,
					scaled,
					unattributed * 1024,
					irq.map(({ work, packageIndex }) => ({ work: work * 1024, packageIndex })),
					policy,
				),
			).toEqual(once);
			const doubled = packages.map(({ measured_uj, idle_uj }) => ({
				measured_uj: 2 * measured_uj,
				idle_uj: 2 * idle_uj,
			}));
			const twice = attributePackages(doubled, tasks, unattributed, irq, policy);
			for (const [i, part] of twice.rows_uj.entries()) {
				expect(Math.abs(part - 2 * (once.rows_uj[i] as number))).toBeLessThanOrEqual(2 * packages.length);
			}
		}
	});

	test('two half intervals give what the whole gives, but for rounding', () => {
		const next = generator(5);
		for (let round = 0; round < 300; round++) {
			const { packages, tasks, unattributed, irq, policy } = machine(next);
			const halves = packages.map(({ measured_uj, idle_uj }) => ({
				measured_uj: 2 * measured_uj,
				idle_uj: 2 * Math.min(idle_uj, measured_uj),
			}));
			const half = attributePackages(
				packages.map(({ measured_uj, idle_uj }) => ({ measured_uj, idle_uj: Math.min(idle_uj, measured_uj) })),
				tasks,
				unattributed,
				irq,
				policy,
			);
			const whole = attributePackages(
				halves,
				tasks.map(({ work, packageIndex }) => ({ work: 2 * work, packageIndex })),
				2 * unattributed,
				irq.map(({ work, packageIndex }) => ({ work: 2 * work, packageIndex })),
				policy,
			);
			for (const [i, part] of whole.rows_uj.entries()) {
				expect(Math.abs(part - 2 * (half.rows_uj[i] as number))).toBeLessThanOrEqual(2 * packages.length);
			}
		}
	});

	test('energy goes to the processes that ran on that package, the machine’s own to all', () => {
		const packages = [
			{ measured_uj: 100, idle_uj: 20 },
			{ measured_uj: 1000, idle_uj: 0 },
			{ measured_uj: 40, idle_uj: 0 },
		];
		const tasks = [
			{ work: 5, packageIndex: 0 },
			{ work: 5, packageIndex: 1 },
		];
		expect(attributePackages(packages, tasks, 0, [], 'active')).toMatchObject({ rows_uj: [100, 1020], idle_uj: 20 });
		// idle-spread: nothing is left over
		expect(attributePackages(packages, tasks, 0, [], 'idle-spread')).toMatchObject({
			rows_uj: [120, 1020],
			idle_uj: 0,
		});
		// interrupts take their part of where they were
		const [irq, anywhere] = [
			{ work: 5, packageIndex: 1 },
			{ work: 10, packageIndex: null },
		];
		expect(attributePackages(packages, tasks, 0, [irq], 'active')).toMatchObject({ rows_uj: [94, 513], irq_uj: 513 });
		expect(attributePackages(packages, tasks, 0, [anywhere], 'active')).toMatchObject({
			rows_uj: [50, 510],
			irq_uj: 560,
		});
		// a task whose package is not known ran everywhere
		const stray = [...tasks, { work: 10, packageIndex: null }];
		expect(attributePackages(packages, stray, 0, [], 'active')).toMatchObject({ rows_uj: [50, 510, 560] });
	});
});

describe('model', () => {
	test('15234.56 ms at 15 W over 4 CPUs are 57.13 J', () => {
		expect(activeEnergy({ tdp: 15, idleShare: 0, cpus: 4 }, 15234.56e6) / 1e6).toBeCloseTo(57.1296, 4);
	});

	test('the original’s arithmetic: every CPU-second costs the same, and the rest of the watts is idle', () => {
		const parameters = { tdp: 15, idleShare: 0.2, cpus: 4 };
		const energy = seedEnergy(parameters, 10e9, 15234.56e6);
		expect((energy.measured_uj - energy.idle_uj) / 1e6).toBeCloseTo(57.1296, 4);
		expect(energy.measured_uj).toBe(150e6);
		const { rows_uj } = attribute(energy, [15234.56e6 / 2, 15234.56e6 / 2], 0);
		expect(sum(rows_uj) / 1e6).toBeCloseTo(57.1296, 4);
	});

	test('idle watts when no process runs, TDP when all CPUs are busy', () => {
		const parameters = { tdp: 20, idleShare: 0.25, cpus: 2 };
		expect(modelEnergy(parameters, 1e9, 0)).toEqual({ measured_uj: 5e6, idle_uj: 5e6 });
		expect(modelEnergy(parameters, 1e9, 2e9)).toEqual({ measured_uj: 20e6, idle_uj: 5e6 });
		// times that were read later than the interval ended
		expect(modelEnergy(parameters, 1e9, 2.1e9)).toEqual({ measured_uj: 20e6, idle_uj: 5e6 });
		// all parameters wrong at once: half of the idle watts, 30 % of the others, and what the exponent adds
		expect(modelError({ measured_uj: 5e6, idle_uj: 5e6 }, 0)).toBeCloseTo(0.5);
		expect(modelError({ measured_uj: 20e6, idle_uj: 5e6 }, 0.2)).toBeCloseTo((0.5 * 5 + 0.5 * 15) / 20);
	});
});
