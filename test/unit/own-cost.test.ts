import { afterEach, describe, expect, test, vi } from 'vitest';
import type { BpfCost, ProgramCost, Session } from '../../src/core/tracer.ts';
import { OwnCost } from '../../src/sampling/own-cost.ts';
import { deltas, Prices, spreadOf } from '../../src/sampling/prices.ts';
import { isolatedCpus } from '../../src/system/cpus.ts';
import { treePerTest } from '../lib/tree.ts';
import { fakeHost } from './sampling-fixtures.ts';

const tree = treePerTest();
afterEach(() => vi.useRealTimers());

const program = (name: string, runs: number | null, seenRuns = 0, seenNs = 0, load = 1): ProgramCost => ({
	name,
	load,
	runs,
	seen: { runs: seenRuns, ns: seenNs },
});

describe('prices', () => {
	test('runs × what a run took while it was measured', () => {
		const prices = new Prices();
		prices.learn(deltas([], [program('a', 10, 10, 1000), program('b', 2, 2, 4000)]), 1e9, 7);
		const ran = deltas([program('a', 10), program('b', 2)], [program('a', 110), program('b', 3)]);
		expect(prices.estimate(ran, 1e9)).toEqual({
			ns: 100 * 100 + 2000,
			runs: 101,
			unpriced_ns: 0,
			far_ns: 0,
			unknown: false,
			pricedAt: 7,
		});
	});

	test('a program that does not count runs as often as it was measured to', () => {
		const prices = new Prices();
		prices.learn(deltas([], [program('a', null, 50, 5000)]), 0.5e9, 7);
		expect(prices.estimate(deltas([], [program('a', null)]), 2e9)).toMatchObject({ ns: 20_000, runs: 200 });
	});

	test('one without a price gets the mean of the others, which is said; without any nothing is known', () => {
		const prices = new Prices();
		const ran = deltas([], [program('a', 10), program('new', 5)]);
		expect(prices.estimate(ran, 1e9)).toMatchObject({ unknown: true });
		prices.learn(deltas([], [program('a', 10, 10, 1000)]), 1e9, 7);
		expect(prices.estimate(ran, 1e9)).toEqual({
			ns: 1500,
			runs: 15,
			unpriced_ns: 500,
			far_ns: 0,
			unknown: false,
			pricedAt: 7,
		});
	});

	test('programs that were loaded again count from 0, and keep their price', () => {
		const prices = new Prices();
		prices.learn(deltas([], [program('a', 10, 10, 1000)]), 1e9, 7);
		const again = deltas([program('a', 1000, 10, 1000, 1)], [program('a', 7, 0, 0, 2)]);
		expect(prices.estimate(again, 1e9)).toMatchObject({ ns: 700, runs: 7 });
	});

	test('a new measurement counts more than the ones before; a program that did not run keeps its price', () => {
		const prices = new Prices();
		prices.learn(deltas([], [program('a', 10, 10, 1000), program('b', 1, 1, 70)]), 1e9, 7);
		prices.learn(deltas([], [program('a', 10, 10, 4000), program('b', 0)]), 1e9, 7);
		const { ns } = prices.estimate(deltas([], [program('a', 1)]), 1e9);
		expect(ns).toBeCloseTo(300);
		expect(prices.estimate(deltas([], [program('b', 1)]), 1e9).ns).toBeCloseTo(70);
	});

	test('prices are of the rate at which they were measured: the nearest counts, and a far one is said', () => {
		const prices = new Prices();
		prices.learn(deltas([], [program('a', 0, 100, 100_000)]), 1e9, 1);
		const often = deltas([], [program('a', 100_000)]);
		expect(prices.estimate(often, 1e9)).toMatchObject({ ns: 1e8, far_ns: 1e8, pricedAt: 1 });
		prices.learn(deltas([], [program('a', 0, 80_000, 40e6)]), 1e9, 2);
		expect(prices.estimate(often, 1e9)).toMatchObject({ ns: 5e7, far_ns: 0, pricedAt: 2 });
		expect(prices.estimate(deltas([], [program('a', 50)]), 1e9)).toMatchObject({ ns: 50_000, far_ns: 0, pricedAt: 1 });
	});

	test('the spread of the parts is 0 where all are alike, and not known for one part', () => {
		expect(spreadOf([{ actual: 5, expected: 4 }])).toBeUndefined();
		expect(spreadOf([5, 5, 5].map((actual) => ({ actual, expected: 5 })))).toBe(0);
		const two = spreadOf([
			{ actual: 9, expected: 10 },
			{ actual: 11, expected: 10 },
		]);
		expect(two).toBeCloseTo((2 * Math.sqrt(2 * 2)) / 20);
	});
});

/** A session whose program runs 1000 times between two readings; the kernel sees that only while statistics are on. */
function session(host: ReturnType<typeof fakeHost>, nsPerRun: () => number, name = 'one'): Session<object, object> {
	let runs = 0;
	const seen = { runs: 0, ns: 0 };
	return {
		read: () => ({ rows: [], extra: {}, lost: {}, source: { kind: '', description: '', uncertainty: '', hooks: [] } }),
		cost(): BpfCost {
			const on = host.statistics.at(-1) === 'on';
			if (name !== '') {
				runs += 1000;
				if (on) {
					seen.runs += 1000;
					seen.ns += 1000 * nsPerRun();
				}
			}
			const list = name === '' ? [] : [program(name, runs, seen.runs, seen.ns)];
			return { ns: seen.ns, runs: seen.runs, programs: list, recursionMisses: 0, negative: 0 };
		},
		close: () => undefined,
	};
}

describe('measuring', () => {
	test('once after the start, then after pauses that double; estimated in between', () => {
		vi.useFakeTimers({ now: 0, toFake: ['hrtime', 'performance', 'Date'] });
		tree.set('devices/system/cpu/isolated', '\n');
		const host = { ...fakeHost(), sysRoot: tree.root };
		let price = 100;
		const one = session(host, () => price);
		const own = new OwnCost(host);
		own.begin([one]);
		expect(host.statistics).toEqual(['on']);
		const on: number[] = [];
		for (let second = 1; second <= 3600; second++) {
			for (let part = 0; part < 4; part++) {
				vi.advanceTimersByTime(250);
				own.sample([one]);
			}
			const cost = own.tick(new Map([[one, one.cost()]]))(one, 1e9);
			if (second === 1) {
				expect(cost.bpf_measured_ns).toBe(1e9);
				expect(cost).toMatchObject({ bpf_price_age_ns: 0, bpf_uncertainty: 0 });
			}
			if (second > 1) price = 150;
			if (second === 5) {
				// 1000 runs since the tick before, none of them measured
				expect(cost).toMatchObject({ bpf_ns: 100_000, bpf_runs: 1000, bpf_measured_ns: 0, bpf_price_age_ns: 4e9 });
			}
			if (cost.bpf_measured_ns > 0) on.push(second);
			own.next([one]);
		}
		expect(on).toEqual([1, 62, 183, 424, 905, 1866]);
		expect(host.statistics.filter((entry) => entry === 'on')).toHaveLength(6);
		// the second measurement found 150 where 100 was said
		const cost = own.tick(new Map([[one, one.cost()]]))(one, 1e9);
		expect(cost.bpf_uncertainty).toBeLessThan(0.1);
		own.stop();
		expect(host.statistics.at(-1)).toBe('off');
	});

	test('programs that run at a tick only have a price soon, also where the first tick is late', () => {
		vi.useFakeTimers({ now: 0, toFake: ['hrtime', 'performance', 'Date'] });
		tree.set('devices/system/cpu/isolated', '\n');
		const host = { ...fakeHost(), sysRoot: tree.root };
		let runs = 0;
		const seen = { runs: 0, ns: 0 };
		const walk = () => {
			runs += 10;
			if (host.statistics.at(-1) !== 'on') return;
			seen.runs += 10;
			seen.ns += 1000;
		};
		const one: Session<object, object> = {
			...session(host, () => 0),
			cost: () => ({
				...{ ns: seen.ns, runs: seen.runs, recursionMisses: 0, negative: 0 },
				programs: [program('walk', runs, seen.runs, seen.ns)],
			}),
		};
		const own = new OwnCost(host);
		own.begin([one]);
		const tick = (ms: number) => {
			for (let left = ms; left > 0; left -= 250) {
				vi.advanceTimersByTime(Math.min(250, left));
				own.sample([one]);
			}
			walk();
			const cost = own.tick(new Map([[one, one.cost()]]))(one, ms * 1e6);
			own.next([one]);
			return cost;
		};
		expect(tick(1500).bpf_ns).toBeNull();
		expect(tick(500).bpf_ns).toBe(1000);
		expect(host.statistics.filter((entry) => entry === 'on')).toHaveLength(2);
		own.stop();
	});

	test('the distance of a measurement from the prices before it is part of the uncertainty', () => {
		vi.useFakeTimers({ now: 0, toFake: ['hrtime', 'performance', 'Date'] });
		const host = { ...fakeHost(), sysRoot: tree.root };
		let price = 100;
		const one = session(host, () => price);
		const own = new OwnCost(host);
		const second = () => {
			for (let part = 0; part < 4; part++) {
				vi.advanceTimersByTime(250);
				own.sample([one]);
			}
			const cost = own.tick(new Map([[one, one.cost()]]))(one, 1e9);
			own.next([one]);
			return cost;
		};
		own.begin([one]);
		second();
		price = 200;
		for (let n = 0; n < 60; n++) expect(second()).toMatchObject({ bpf_uncertainty: 0 });
		// 100 were said where 200 are measured
		expect(second().bpf_uncertainty).toBeCloseTo(0.5);
	});

	test('never with isolated CPUs, nor where the user or the kernel says no; it says why', () => {
		tree.set('devices/system/cpu/isolated', '2-3\n');
		tree.set('devices/system/cpu/nohz_full', '3,5\n');
		const host = { ...fakeHost(), sysRoot: tree.root };
		const one = session(host, () => 1);
		for (const mode of ['auto', 'on'] as const) {
			const own = new OwnCost(host, mode);
			own.begin([one]);
			const cost = own.tick(new Map([[one, one.cost()]]))(one, 1e9);
			expect(cost).toMatchObject({ bpf_ns: null, bpf_uncertainty: null, bpf_price_age_ns: null });
			expect(cost.bpf_why).toBe('CPUs 2-3,5 are isolated: measuring would interrupt them');
		}
		tree.set('devices/system/cpu/isolated', '\n');
		tree.set('devices/system/cpu/nohz_full', '(null)\n');
		const off = new OwnCost(host, 'off');
		off.begin([one]);
		expect(off.tick(new Map([[one, one.cost()]]))(one, 1e9).bpf_why).toMatch(/--own-cost off/);
		expect(host.statistics).toEqual([]);
		const refusing = {
			...host,
			addon: {
				...host.addon,
				enableStats: () => {
					throw new Error('EPERM');
				},
			},
		};
		const refused = new OwnCost(refusing);
		refused.begin([one]);
		expect(refused.tick(new Map([[one, one.cost()]]))(one, 1e9).bpf_why).toMatch(/refuses/);
	});

	test('on: the statistics stay on and nothing is estimated', () => {
		const host = { ...fakeHost(), sysRoot: tree.root };
		const one = session(host, () => 7);
		const own = new OwnCost(host, 'on');
		own.begin([one]);
		for (let n = 0; n < 3; n++) {
			const cost = own.tick(new Map([[one, one.cost()]]))(one, 1e9);
			if (n > 0) expect(cost).toMatchObject({ bpf_ns: 7000, bpf_runs: 1000, bpf_uncertainty: 0, bpf_price_age_ns: 0 });
			own.next([one]);
		}
		expect(host.statistics).toEqual(['on']);
		own.stop();
	});

	test('a session that comes later is measured soon, one without programs costs nothing', () => {
		vi.useFakeTimers({ now: 0, toFake: ['hrtime', 'performance', 'Date'] });
		const host = { ...fakeHost(), sysRoot: tree.root };
		const [one, later, none] = [session(host, () => 1), session(host, () => 2, 'later'), session(host, () => 0, '')];
		const own = new OwnCost(host);
		own.begin([one, none]);
		vi.advanceTimersByTime(1000);
		const all = () => new Map([one, later, none].map((each) => [each, each.cost()]));
		expect(own.tick(all())(none, 1e9)).toMatchObject({ bpf_ns: 0, bpf_runs: 0 });
		let cost = own.tick(all())(later, 1e9);
		expect(cost).toMatchObject({ bpf_ns: null, bpf_why: 'not measured yet' });
		for (let n = 0; n < 15 && cost.bpf_ns === null; n++) {
			own.next([one, later, none]);
			vi.advanceTimersByTime(1000);
			cost = own.tick(all())(later, 1e9);
		}
		expect(cost.bpf_ns).toBeGreaterThan(0);
		own.stop();
	});
});

test('isolated CPUs of both lists, as the kernel writes them', () => {
	tree.set('devices/system/cpu/isolated', '4,2\n');
	tree.set('devices/system/cpu/nohz_full', '2-3\n');
	expect(isolatedCpus(tree.root)).toBe('2-4');
});
