/** Synthetic recordings with known differences. */
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { type Buckets, slotCount, slotLower } from '../../src/lib/histogram.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { Archive } from '../../src/recording/archive.ts';
import { compareRecordings } from '../../src/recording/compare/compare.ts';
import { differentWork, differentWorkText } from '../../src/recording/compare/different-work.ts';
import type { CompareRow } from '../../src/recording/compare/row.ts';
import {
	correlationFactor,
	discoveryLimit,
	studentQuantile,
	studentTails,
} from '../../src/recording/compare/statistics.ts';
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
	noise?: Noise;
}

/**
 * What makes two recordings of one load differ. `slow`: each second is much like those of ten seconds before. `neighbour`:
 * another job comes and goes for seconds, and everything waits then. `start`: the first seconds take three times as much.
 * `many`: 40 more processes. `rare`: a quarter of the work comes in bursts, one in ten seconds.
 */
const NOISES = ['steady', 'slow', 'neighbour', 'start', 'many', 'rare'] as const;
type Noise = (typeof NOISES)[number];

const SLOTS = slotCount(4);
const LOWER = Float64Array.from({ length: SLOTS + 1 }, (_, slot) => slotLower(slot, SLOTS));

function bucketsOf(values: readonly number[]): Buckets {
	const counts = new Map<number, number>();
	for (const value of values) {
		let [low, high] = [0, SLOTS];
		while (low < high) {
			const middle = (low + high) >> 1;
			if ((LOWER[middle + 1] as number) <= value) low = middle + 1;
			else high = middle;
		}
		const upper = LOWER[low + 1] as number;
		counts.set(upper, (counts.get(upper) ?? 0) + 1);
	}
	return [...counts].sort(([a], [b]) => a - b);
}

/** Load whose noise lasts: each second is much like the one before. */
function recording(load: Load): AnyRecording {
	const { seed, seconds = 60, duty, wait = 50e3, step = 1, kernel = '6.1', cpus = 2, source = 'rapl' } = load;
	const { pid = 100, comm = 'worker', lost = 0, noise = 'steady' } = load;
	const random = generator(seed * 7919 + 17);
	for (let warm = 0; warm < 20; warm++) random();
	const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
	const stays = noise === 'slow' ? 0.85 : 0.6;
	let drift = 0;
	let disturbed = random() < 1 / 3;
	for (let before = 0; before < 40; before++) drift = stays * drift + 0.08 * normal();
	const snapshots: Snapshot[] = [];
	for (let tick = 1; tick <= seconds / step; tick++) {
		drift = stays * drift + 0.08 * normal();
		if (noise === 'neighbour' && random() < (disturbed ? 1 / 5 : 1 / 10)) disturbed = !disturbed;
		const slower = noise === 'neighbour' && disturbed;
		const part =
			(noise === 'start' ? 1 + 2 * Math.exp(-tick / 5) : 1) *
			(noise === 'rare' ? 0.75 + (random() < 0.1 ? 2.5 : 0) : 1) *
			(slower ? 0.7 : 1);
		const cpu_ns = Math.max(0, Math.round(duty * (1 + drift) * part * step * 1e9));
		const waits = Array.from({ length: 40 * step }, () => wait * (slower ? 4 : 1) * Math.exp(0.7 * normal()));
		const others = [
			...(noise === 'neighbour' ? [disturbed ? 0.9 : 0.02] : []),
			...(noise === 'many' ? Array.from({ length: 40 }, () => 0.01 * Math.exp(0.8 * normal())) : []),
		].map((share, at) => ({
			pid: 1000 + at,
			start_time: 4e9,
			comm: sanitize(`other-${at}`),
			cgroup: safe`/`,
			cpu_ns: Math.round(share * step * 1e9),
			energy_uj: share * step * 1e7,
		}));
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
			measured_uj: [row, ...others].reduce((sum, { energy_uj }) => sum + energy_uj, 1e6 * step),
			rows: [row, ...others],
		} as unknown as Snapshot);
		const key = { kind: 'process', id: pid, comm: sanitize(comm), start_time: 5e9 };
		const figures = { wait_ns: waits.reduce((sum, one) => sum + one, 0), buckets: bucketsOf(waits) };
		snapshots.push({
			...base('runqlat', tick, 'process'),
			...time,
			lost: {},
			rows: [
				{ key: { kind: 'all', id: 0, comm: safe`all` }, ...figures },
				{ key, ...figures },
			],
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

test('a loop that takes a whole CPU whatever it does: what each run of it takes is distinguished', async () => {
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
	test('A against A: no difference in at least 95 % of 200 pairs, whatever the noise', {
		timeout: 60_000,
	}, async () => {
		const wrong: string[] = [];
		for (let pair = 0; pair < 200; pair++) {
			const noise = NOISES[pair % NOISES.length] as Noise;
			// what persists for seconds takes a minute more to be known
			const seconds = noise === 'steady' || noise === 'start' ? 60 : 120;
			const load = { duty: 0.1, noise, seconds };
			const { verdict, figures } = await compared({ ...load, seed: 2 * pair + 1 }, { ...load, seed: 2 * pair + 2 });
			expect(figures).toBeGreaterThanOrEqual(7);
			if (verdict !== 'no difference') wrong.push(noise);
		}
		expect(wrong.length, wrong.join(' ')).toBeLessThanOrEqual(10);
	});

	test('beside a neighbour that comes and goes, a half more is found', async () => {
		let found = 0;
		for (let pair = 0; pair < 20; pair++) {
			const load = { noise: 'neighbour', seconds: 300 } as const;
			const a = { ...load, seed: 5 * pair + 1, duty: 0.1 };
			const { rows } = await compared(a, { ...load, seed: 5 * pair + 2, duty: 0.15 });
			if (rows.find(({ name, figure }) => name === 'worker' && figure === 'cpu')?.verdict === 'more') found++;
		}
		expect(found).toBeGreaterThanOrEqual(19);
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

	test('waits of the machine are those of the row of all, not of the processes once more', async () => {
		const { rows } = await compared({ seed: 4, duty: 0.1 }, { seed: 4, duty: 0.1 });
		const [machine, process] = ['machine', 'process'].map((kind) =>
			rows.find((row) => row.kind === kind && row.figure === 'wait'),
		);
		expect(machine?.a).toBeCloseTo(process?.a as number, 12);
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

	test('names of a redacted bundle are words of that bundle', async () => {
		const [one, other] = [recording({ seed: 1, duty: 0.1 }), recording({ seed: 2, duty: 0.1 })];
		const archive = Object.assign(new Archive([]), { redacted: true });
		const { not_comparable } = await compareRecordings(
			{ path: 'a', recording: { ...one, archive } },
			{ path: 'b', recording: other },
		);
		const reason = 'replaced in A by words of that file: processes have none in common';
		expect(not_comparable).toContainEqual({ what: 'names', reason });
	});

	test('distributions that are none are left out, whoever has written them', async () => {
		const good = recording({ seed: 1, duty: 0.1 });
		const odd = (buckets: unknown): AnyRecording => ({
			...good,
			async *snapshots() {
				for await (const snapshot of good.snapshots())
					yield { ...snapshot, rows: snapshot.rows.map((row) => ({ ...row, buckets })) } as Snapshot;
			},
		});
		for (const buckets of [7, [7], [[1]], [['a', 1]], [[1, -1]], {}]) {
			const { rows } = await compareRecordings({ path: 'a', recording: odd(buckets) }, { path: 'b', recording: good });
			expect(rows.map(({ figure }) => figure)).not.toContain('wait p50');
			expect(rows.map(({ figure }) => figure)).toContain('wait');
		}
	});

	test('a recording without intervals in the part that is asked for', async () => {
		const input = { path: 'a', recording: recording({ seed: 1, duty: 0.1 }) };
		await expect(compareRecordings({ ...input, from: 1.8e12 }, input)).rejects.toThrow('a: nothing was recorded');
	});
});

describe('other work', () => {
	const isWorker = ({ name }: CompareRow) => name === 'worker';

	test('of the same load there is none, of what is meant neither', async () => {
		const same = await compared({ seed: 1, duty: 0.1, noise: 'many' }, { seed: 2, duty: 0.1, noise: 'many' });
		expect(same.different_work).toBeNull();
		const { rows, different_work } = await compared({ seed: 1, duty: 0.1 }, { seed: 2, duty: 0.2 });
		expect(different_work).toMatchObject({ processes: [{ name: 'worker' }] });
		expect(differentWork(rows, isWorker)).toBeNull();
	});

	test('that ran beside one of two recordings is named, with its share of a CPU', async () => {
		// the same job in another group is the same work
		const unit = (row: CompareRow, group: string, side: 'a' | 'b'): CompareRow => ({
			...row,
			...{ unit: sanitize(group), a: null, b: null, [side]: 0.5, verdict: side === 'a' ? 'only A' : 'only B' },
		});
		const [row] = (await compared({ seed: 1, duty: 0.1 }, { seed: 2, duty: 0.1 })).rows.filter(
			({ kind, figure }) => kind === 'process' && figure === 'cpu',
		);
		expect(differentWork([unit(row as CompareRow, '/1', 'a'), unit(row as CompareRow, '/2', 'b')])).toBeNull();
		// 40 other processes, a hundredth of a CPU each and more
		const { rows, different_work } = await compared({ seed: 1, duty: 0.1 }, { seed: 2, duty: 0.1, noise: 'many' });
		expect(find(rows.filter(isWorker), 'cpu').verdict).toBe('no difference');
		const work = differentWork(rows, isWorker);
		expect(work).toEqual(different_work);
		expect(work?.a).toBeCloseTo(0.1, 1);
		expect(work?.changed).toBeCloseTo((work?.b ?? 0) - 0.1, 1);
		expect(work?.processes).toHaveLength(5);
		for (const one of work?.processes ?? [])
			expect(one).toMatchObject({ name: expect.stringMatching(/^other-/), a: null });
		expect(differentWorkText(work as never)).toMatch(
			/^other-\d+ – → [\d.]+%, .*; in all [\d.]+% of a CPU, where all processes take /,
		);
	});
});

describe('statistics', () => {
	test('quantiles of the distribution', () => {
		expect(studentQuantile(0.975, 9)).toBeCloseTo(2.262, 2);
		expect(studentQuantile(0.975, 19)).toBeCloseTo(2.093, 3);
		expect(studentQuantile(0.9995, 19)).toBeCloseTo(3.883, 3);
		expect(studentQuantile(0.975, 1)).toBeCloseTo(12.7062, 3);
		expect(studentQuantile(0.9999, 4)).toBeCloseTo(13.034, 2);
		for (const freedom of [1, 2.5, 7, 30])
			expect(studentTails(studentQuantile(0.99, freedom), freedom)).toBeCloseTo(0.02, 9);
	});

	test('resemblance of neighbours: the variance of a sum is that of series whose truth is known', () => {
		const random = generator(11);
		const normal = () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
		const mean = (stays: number) => {
			let sum = 0;
			for (let round = 0; round < 200; round++) {
				let drift = 0;
				const series = Array.from({ length: 400 }, () => {
					drift = stays * drift + normal();
					return drift;
				});
				const middle = series.reduce((all, one) => all + one, 0) / series.length;
				sum += correlationFactor(series.map((one) => one - middle));
			}
			return sum / 200;
		};
		// (1 + r) / (1 - r)
		expect(mean(0)).toBeGreaterThan(0.95);
		expect(mean(0)).toBeLessThan(1.2);
		expect(mean(0.6) / 4).toBeGreaterThan(0.9);
		expect(mean(0.6) / 4).toBeLessThan(1.15);
		expect(mean(0.9) / 19).toBeGreaterThan(0.8);
		expect(mean(0.9) / 19).toBeLessThan(1.2);
	});

	test('many probabilities: at most the stated share of findings is chance (Benjamini and Hochberg 1995, table 1)', () => {
		const published = [
			0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
		];
		expect(discoveryLimit(published, 0.05)).toBe(0.0095);
		expect(discoveryLimit([0.2, 0.5], 0.05)).toBe(0);
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
