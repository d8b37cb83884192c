/** Synthetic recordings with known differences. */
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { type Buckets, slotCount, slotLower } from '../../src/lib/histogram.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { type CompareRow, compareRecordings } from '../../src/recording/compare/compare.ts';
import { normalQuantile, studentQuantile } from '../../src/recording/compare/statistics.ts';
import { countsOf, quantileOf } from '../../src/recording/quantile.ts';
import type { AnyRecording } from '../../src/recording/recordings.ts';
import { generator } from '../lib/random.ts';
import { base } from '../ui/fixtures/made-up.ts';

interface Load {
	seed: number;
	seconds?: number;
	/** CPU time of the process, share of one CPU. */
	duty: number;
	/** Median wait, ns. */
	wait?: number;
	step?: number;
	kernel?: string;
	cpus?: number;
	source?: string;
	lost?: number;
	pid?: number;
	comm?: string;
}

const SLOTS = slotCount(4);

function bucketsOf(values: readonly number[]): Buckets {
	const counts = new Map<number, number>();
	for (const value of values) {
		let [low, high] = [0, SLOTS];
		while (low < high) {
			const middle = (low + high) >> 1;
			if (slotLower(middle + 1, SLOTS) <= value) low = middle + 1;
			else high = middle;
		}
		const upper = slotLower(low + 1, SLOTS);
		counts.set(upper, (counts.get(upper) ?? 0) + 1);
	}
	return [...counts].sort(([a], [b]) => a - b);
}

/** Load whose noise lasts: each second is much like the one before. */
function recording(load: Load): AnyRecording {
	const { seed, seconds = 60, duty, wait = 50e3, step = 1, kernel = '6.1', cpus = 2, source = 'rapl' } = load;
	const { pid = 100, comm = 'worker', lost = 0 } = load;
	const random = generator(seed * 7919 + 17);
	for (let warm = 0; warm < 20; warm++) random();
	const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
	let drift = 0;
	const snapshots: Snapshot[] = [];
	for (let tick = 1; tick <= seconds / step; tick++) {
		drift = 0.6 * drift + 0.08 * normal();
		const cpu_ns = Math.max(0, Math.round(duty * (1 + drift) * step * 1e9));
		const waits = Array.from({ length: 40 * step }, () => wait * Math.exp(0.7 * normal()));
		const time = {
			time: new Date(1.7e12 + tick * step * 1000).toISOString(),
			mono_ns: tick * step * 1e9,
			dt_ns: step * 1e9,
		};
		const row = {
			pid,
			start_time: 5e9,
			comm: sanitize(comm),
			cgroup: safe`/system.slice/w.service`,
			cpu_ns,
			energy_uj: cpu_ns / 100,
		};
		const head = base('energy', tick, 'process');
		snapshots.push({
			...head,
			...time,
			source: { ...head.source, kind: source },
			lost: { ring: tick > 5 ? lost : 0 },
			measured: true,
			measured_uj: row.energy_uj + 1e6 * step,
			rows: [row],
		} as unknown as Snapshot);
		const key = { kind: 'process', id: pid, comm: sanitize(comm), start_time: 5e9 };
		snapshots.push({
			...base('runqlat', tick, 'process'),
			...time,
			lost: {},
			rows: [{ key, wait_ns: waits.reduce((sum, one) => sum + one, 0), buckets: bucketsOf(waits) }],
		} as unknown as Snapshot);
	}
	return {
		machine: { host: safe`h`, kernel: sanitize(kernel), cpus, boot: '' },
		archive: undefined,
		follow: undefined,
		async *snapshots() {
			yield* snapshots;
		},
		marks: [],
		damage: () => [],
		close: () => {},
	};
}

const compared = (a: Load, b: Load) =>
	compareRecordings({ path: 'a', recording: recording(a) }, { path: 'b', recording: recording(b) });

/** A compiler in a loop: each run takes `each` seconds of CPU time, one after the other, on a CPU that is always busy. */
function loop(each: number, seed: number, seconds = 60): AnyRecording {
	const random = generator(seed);
	const snapshots: Snapshot[] = [];
	let [pid, left, length] = [1000, 0, 0];
	for (let tick = 1; tick <= seconds; tick++) {
		const rows: object[] = [];
		for (let room = 1; room > 0; ) {
			if (left <= 0) {
				pid++;
				length = each * (0.9 + 0.2 * random());
				left = length;
			}
			const part = Math.min(room, left);
			[room, left] = [room - part, left - part];
			const cpu_ns = Math.round(part * 1e9);
			rows.push({ pid, start_time: pid * 1e6, comm: safe`cc1`, cgroup: safe`/`, cpu_ns, energy_uj: cpu_ns / 100 });
		}
		const time = { time: new Date(1.7e12 + tick * 1000).toISOString(), mono_ns: tick * 1e9, dt_ns: 1e9 };
		// the waits of a run that has ended come an interval before its group
		const late = { kind: 'process', id: pid + 1, comm: safe`cc1`, start_time: (pid + 1) * 1e6 };
		snapshots.push({
			...base('energy', tick, 'process'),
			...time,
			lost: {},
			measured: true,
			measured_uj: 1e7,
			rows,
		} as never);
		snapshots.push({
			...base('runqlat', tick, 'process'),
			...time,
			lost: {},
			rows: [{ key: late, wait_ns: 1e7, buckets: [] }],
		} as never);
	}
	return {
		...recording({ seed, duty: 0.1 }),
		async *snapshots() {
			yield* snapshots;
		},
	};
}

test('a loop that takes a whole CPU whatever it does: what each run of it takes is told apart', async () => {
	const of = (each: number, seed: number) => ({ path: 'loop', recording: loop(each, seed) });
	const { rows } = await compareRecordings(of(0.17, 1), of(0.55, 2));
	const verdict = (figure: string) => rows.find((row) => row.name === 'cc1' && row.figure === figure);
	expect(verdict('cpu')?.verdict).toBe('no difference');
	expect(verdict('cpu each')?.verdict).toBe('more');
	expect(verdict('cpu each')?.ratio).toBeCloseTo(0.55 / 0.17, 0);
	expect(verdict('starts')?.verdict).toBe('less');
	// one unit, for waits too
	expect(new Set(rows.filter(({ name }) => name === 'cc1').map(({ unit }) => unit))).toEqual(new Set(['/']));
	const same = await compareRecordings(of(0.17, 1), of(0.17, 3));
	expect(same.rows.filter((row) => ['more', 'less'].includes(row.verdict))).toEqual([]);
});

const find = (rows: readonly CompareRow[], figure: string) => {
	const row = rows.find((one) => one.kind === 'process' && one.figure === figure);
	if (!row) throw new Error(`no ${figure}`);
	return row;
};

describe('verdicts', () => {
	test('A against A: no difference in at least 95 % of 200 pairs', { timeout: 60_000 }, async () => {
		let wrong = 0;
		for (let pair = 0; pair < 200; pair++) {
			const { verdict, figures } = await compared({ seed: 2 * pair + 1, duty: 0.1 }, { seed: 2 * pair + 2, duty: 0.1 });
			expect(figures).toBeGreaterThanOrEqual(7);
			if (verdict !== 'no difference') wrong++;
		}
		expect(wrong).toBeLessThanOrEqual(10);
	});

	test('10 % against 12 % of a CPU: found with the right sign in at least 95 % of 200 pairs', {
		timeout: 60_000,
	}, async () => {
		let found = 0;
		let covered = 0;
		for (let pair = 0; pair < 200; pair++) {
			const { rows } = await compared({ seed: 3 * pair + 1, duty: 0.1 }, { seed: 3 * pair + 2, duty: 0.12, pid: 7 });
			const cpu = find(rows, 'cpu');
			if (cpu.verdict === 'more') found++;
			if ((cpu.low as number) <= 1.2 && 1.2 <= (cpu.high as number)) covered++;
		}
		expect(found).toBeGreaterThanOrEqual(190);
		// the 95 % interval contains the truth about so often
		expect(covered).toBeGreaterThanOrEqual(180);
	});

	test('a change below five percent is none, however sure', async () => {
		const { rows } = await compared({ seed: 1, duty: 0.5, seconds: 2000 }, { seed: 1, duty: 0.515, seconds: 2000 });
		expect(find(rows, 'cpu')).toMatchObject({ verdict: 'no difference', ratio: expect.closeTo(1.03, 2) });
	});

	test('waits: the quantile has the error of its bucket, and a doubled wait is found', async () => {
		const { rows } = await compared({ seed: 4, duty: 0.1 }, { seed: 5, duty: 0.1, wait: 100e3 });
		const p50 = find(rows, 'wait p50');
		expect(p50).toMatchObject({ verdict: 'more', measure: 'ns' });
		expect(p50.a).toBeGreaterThan(50e3 * (15 / 16) ** 2);
		expect(p50.a).toBeLessThan(50e3 * (17 / 16) ** 2);
		expect(p50.low).toBeLessThan(2);
		expect(p50.high).toBeGreaterThan(2);
	});

	test('what only one side has is not a change, and nothing is invented for the other', async () => {
		const { rows } = await compared({ seed: 1, duty: 0.1, comm: 'old' }, { seed: 2, duty: 0.1, comm: 'new' });
		expect(rows.filter(({ kind, figure }) => kind === 'process' && figure === 'cpu')).toMatchObject([
			{ name: expect.any(String), ratio: null, low: null, high: null },
			{ name: expect.any(String), ratio: null, low: null, high: null },
		]);
		expect(
			find(
				rows.filter(({ name }) => name === 'old'),
				'cpu',
			),
		).toMatchObject({ verdict: 'only A', b: null });
		expect(
			find(
				rows.filter(({ name }) => name === 'new'),
				'cpu',
			),
		).toMatchObject({ verdict: 'only B', a: null });
	});

	test('four seconds are too short for a verdict', async () => {
		const { rows } = await compared({ seed: 1, duty: 0.1, seconds: 4 }, { seed: 2, duty: 0.9, seconds: 4 });
		expect(find(rows, 'cpu').verdict).toBe('too short');
	});

	test('different intervals are compared at the longer one', async () => {
		const { rows, a, b, not_comparable } = await compared({ seed: 1, duty: 0.1 }, { seed: 2, duty: 0.2, step: 5 });
		expect([a.step, b.step]).toEqual([1, 5]);
		expect(find(rows, 'cpu')).toMatchObject({ verdict: 'more', a: expect.closeTo(0.1, 1), b: expect.closeTo(0.2, 1) });
		expect(not_comparable.map(({ what }) => what)).toContain('interval');
	});

	test('the same recordings give the same result', async () => {
		const [one, two] = [
			await compared({ seed: 1, duty: 0.1 }, { seed: 2, duty: 0.11 }),
			await compared({ seed: 1, duty: 0.1 }, { seed: 2, duty: 0.11 }),
		];
		expect(one).toEqual(two);
	});
});

describe('what cannot be compared', () => {
	test('is listed with the reason; power of another source is left out', async () => {
		const result = await compared(
			{ seed: 1, duty: 0.1 },
			{ seed: 2, duty: 0.1, kernel: '6.9', cpus: 8, source: 'model', lost: 12 },
		);
		const reasons = Object.fromEntries(result.not_comparable.map(({ what, reason }) => [what, reason]));
		expect(reasons).toMatchObject({
			kernel: expect.stringMatching(/^6.1 against 6.9/),
			CPUs: expect.stringMatching(/^2 against 8/),
			power: expect.stringMatching(/^rapl against model: another source of power/),
			'lost in B': expect.stringMatching(/^12 events/),
		});
		expect(result.rows.filter(({ figure }) => figure === 'power')).toEqual([]);
	});

	test('a recording without intervals in the part that is asked for', async () => {
		const input = { path: 'a', recording: recording({ seed: 1, duty: 0.1 }) };
		await expect(compareRecordings({ ...input, from: 1.8e12 }, input)).rejects.toThrow('a: nothing was recorded');
	});
});

describe('statistics', () => {
	test('quantiles of the distributions', () => {
		expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 5);
		expect(normalQuantile(0.001)).toBeCloseTo(-3.090232, 5);
		expect(studentQuantile(0.975, 9)).toBeCloseTo(2.262, 2);
		expect(studentQuantile(0.975, 19)).toBeCloseTo(2.093, 3);
		expect(studentQuantile(0.9995, 19)).toBeCloseTo(3.883, 1);
	});

	test('quantiles of merged buckets are those of the raw values within a bucket', () => {
		const random = generator(3);
		for (let round = 0; round < 50; round++) {
			const values = Array.from({ length: 500 }, () => 200 * Math.exp(12 * random())).sort((a, b) => a - b);
			const buckets = bucketsOf(values);
			for (const rank of [0.5, 0.9, 0.99]) {
				const raw = values[Math.max(0, Math.ceil(rank * values.length) - 1)] as number;
				const merged = quantileOf(countsOf(buckets), rank);
				expect(Math.abs(merged - raw) / raw).toBeLessThanOrEqual(1 / 16 + 0.01);
			}
		}
	});
});
