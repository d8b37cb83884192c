/** Rules by which intervals become one: every numeric field of every tab has one that was chosen. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { SnapshotSum } from '../../src/recording/merge.ts';
import { type Rule, statedRule } from '../../src/recording/merge-rules.ts';
import { base } from '../ui/fixtures/made-up.ts';

type Schema = Record<string, unknown>;

const isObject = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

function isNumeric(schema: unknown): boolean {
	if (!isObject(schema)) return false;
	const types = [schema['type']].flat();
	return schema['$ref'] === '#/definitions/integer' || types.includes('integer') || types.includes('number');
}

/** Names of the numeric fields, and of lists of numbers; where fields need no description, those that must be there. */
function numericFields(node: unknown, found = new Set<string>()): Set<string> {
	if (Array.isArray(node)) for (const one of node) numericFields(one, found);
	else if (isObject(node)) {
		const properties = isObject(node['properties']) ? node['properties'] : {};
		for (const [name, schema] of Object.entries(properties))
			if (isNumeric(schema) || (isObject(schema) && isNumeric(schema['items']))) found.add(name);
		if (isNumeric(node['additionalProperties']))
			for (const name of (node['required'] as string[] | undefined) ?? []) if (!(name in properties)) found.add(name);
		for (const value of Object.values(node)) numericFields(value, found);
	}
	return found;
}

const schema = JSON.parse(readFileSync('docs/batch.schema.json', 'utf8')) as Schema;
/** Names of processes' fields that are no numbers stand among those that must be there. */
const TEXTS = ['comm', 'cgroup', 'user', 'state', 'reason', 'wchan', 'container', 'command', 'role'];
const fields = [...numericFields(schema)].filter((name) => !TEXTS.includes(name));

test('every numeric field of every tab has a rule that was chosen', () => {
	expect(fields.length).toBeGreaterThan(150);
	expect(fields.filter((name) => statedRule(name) === undefined)).toEqual([]);
});

/** What a unit or the meaning of a word excludes. */
const impossible: readonly [names: RegExp, rules: readonly Rule[]][] = [
	// a share, a rate or a clock that is added up is another one
	[/(_share|_ghz|_per_s|^share|^watts|^ghz|uncertainty)$/, ['sum', 'buckets']],
	// a percentile is never averaged, added up, or that of one interval
	[/(^|_)p\d\d_ns$/, ['sum', 'mean', 'mean-of-events', 'last', 'last-whole']],
	[/(^|_)max_ns$/, ['sum', 'mean', 'mean-of-events', 'last', 'last-whole']],
	[/_total$/, ['sum', 'mean', 'mean-of-events', 'most']],
	[/^(pid|tid|id|cpu|irq|port|package|netns|sector|start_time|mono_ns|trigger_pid)$/, ['sum', 'mean', 'most']],
	[/^(rss|swap|memory|memory_available|swap_used|kernel|symbol)_bytes$/, ['sum', 'mean']],
	[/(^|_)(count|uj|faults|errors|requests)$/, ['mean', 'mean-of-events', 'buckets']],
	[/^(cpu|wait|irq|time|busy|steal|dt)_ns$/, ['mean', 'mean-of-events', 'most', 'last', 'last-whole', 'buckets']],
];
/** Of a single moment, although their unit is that of a sum. */
const states = ['inflight_count', 'waiting_count', 'process_count', 'second_uj'];

test('no rule contradicts the unit of its field', () => {
	const wrong = fields
		.filter((name) => !states.includes(name))
		.filter((name) =>
			impossible.some(([names, rules]) => names.test(name) && rules.includes(statedRule(name) as Rule)),
		);
	expect(wrong).toEqual([]);
});

/** Of rows whose name is their identity. */
function sum(parts: readonly Snapshot[]): Snapshot {
	const whole = new SnapshotSum({ rowKey: (row) => String((row as Schema)['name']) });
	for (const part of parts) whole.add(part);
	return whole.merged() as Snapshot;
}

describe('one after the other, 1 s and 3 s', () => {
	/** A field of a row in both intervals, merged. */
	function merged(name: string, first: unknown, second: unknown, more: readonly [object, object] = [{}, {}]): unknown {
		const at = (tick: number, seconds: number, value: unknown) =>
			({
				...base('energy', tick, 'thing'),
				dt_ns: seconds * 1e9,
				rows: [{ name: 'row', [name]: value, ...more[tick - 1] }],
			}) as unknown as Snapshot;
		const whole = sum([at(1, 1, first), at(2, 3, second)]);
		return (whole.rows[0] as Schema)[name];
	}
	const expected: Readonly<Record<Exclude<Rule, 'buckets' | 'mean-of-events'>, [number, number]>> = {
		sum: [8, 8],
		last: [6, 2],
		'last-whole': [6, 2],
		most: [6, 6],
		// by length: (2 × 1 + 6 × 3) / 4, (6 × 1 + 2 × 3) / 4
		mean: [5, 3],
	};

	test.each(fields.filter((name) => !['mean-of-events', 'buckets'].includes(statedRule(name) ?? '')))('%s', (name) => {
		const [rising, falling] = expected[statedRule(name) as keyof typeof expected];
		expect(merged(name, 2, 6)).toBe(rising);
		expect(merged(name, 6, 2)).toBe(falling);
	});

	test('lists of shares are means by length, lists of counts sums, lists of numbers of processes the last', () => {
		expect(merged('states', [1, 0], [0, 1])).toEqual([0.25, 0.75]);
		expect(merged('log2', [1, 2], [3, 4])).toEqual([4, 6]);
		expect(merged('pids', [1, 2], [3, 4])).toEqual([3, 4]);
	});

	test('what each event took is weighted by events', () => {
		expect(merged('mean_ns', 10, 20, [{ count: 3 }, { count: 1 }])).toBe(13);
	});

	test('who had the CPU that was waited for: times of the same pair are sums, each pair stands once', () => {
		const of = (pid: number, wait_ns: number) => ({ pid, start_time: 1, comm: `p${pid}`, wait_ns, turns: 1 });
		const one = { pid: 7, wait_ns: 5, culprits: [of(1, 4), of(2, 1)] };
		const other = { pid: 7, wait_ns: 3, culprits: [of(2, 3)] };
		expect(merged('culprits', [one], [other, { pid: 8, wait_ns: 1, culprits: [of(1, 1)] }])).toEqual([
			{ pid: 7, wait_ns: 8, culprits: [{ ...of(1, 4) }, { ...of(2, 4), turns: 2 }] },
			{ pid: 8, wait_ns: 1, culprits: [of(1, 1)] },
		]);
		const many = (from: number) => Array.from({ length: 10 }, (_, at) => of(from + at, at + 1));
		const lists = merged('culprits', [{ ...one, culprits: many(1) }], [{ ...one, culprits: many(21) }]) as Schema[];
		// as in every interval: the ten longest
		const [{ culprits = [] } = {}] = lists as { culprits?: { wait_ns: number }[] }[];
		expect(culprits.map(({ wait_ns }) => wait_ns)).toEqual([10, 10, 9, 9, 8, 8, 7, 7, 6, 6]);
	});
});

describe('an interval at a time', () => {
	const of = (tick: number, rows: readonly object[], more: object = {}) =>
		({ ...base('energy', tick, 'thing'), dt_ns: 1e9, ...more, rows }) as unknown as Snapshot;

	test('a row at rest that is the same object stays it; one that was missing, or changed, does not', () => {
		const idle = { name: 'idle', pid: 7, cpu_ns: 0, cpu_ns_total: 5, share: 0.5, lengths: [] };
		const all = [1, 2, 3].map((tick) => of(tick, [idle]));
		expect(sum(all).rows[0]).toBe(idle);
		const later = sum([of(1, []), of(2, [idle]), of(3, [idle])]).rows[0] as Schema;
		// 0 where the row was missing
		expect(later).toEqual({ ...idle, share: 0.333333 });
		const woken = { ...idle, cpu_ns: 9, cpu_ns_total: 14, share: 0.2 };
		const changed = sum([of(1, [idle]), of(2, [idle]), of(3, [woken]), of(4, [idle])]).rows[0];
		expect(changed).toEqual({ ...idle, cpu_ns: 9, share: 0.425 });
	});

	test('fields that come, go, change their kind or order', () => {
		const rows = [
			{ name: 'a', count: 1, user: 'x', wait_ns: null },
			{ name: 'a', wakes: 3, count: 2, wait_ns: 7 },
			{ count: 4, name: 'a', wait_ns: null, device_uj: 2 },
		];
		const [row] = sum(rows.map((one, tick) => of(tick + 1, [one]))).rows;
		expect(row).toEqual({ count: 7, name: 'a', wait_ns: 7, device_uj: 2, user: 'x', wakes: 3 });
		expect(Object.keys(row as object)).toEqual(['count', 'name', 'wait_ns', 'device_uj', 'user', 'wakes']);
	});

	test('distributions that overlap, in any order of their bounds', () => {
		const buckets = [
			[
				[8, 1],
				[32, 2],
			],
			[[16, 5]],
			[],
			[
				[4, 1],
				[32, 1],
				[64, 3],
			],
		] as const;
		const rows = buckets.map((one) => ({ name: 'a', count: 0, max_ns: 60, p50_ns: 1, buckets: one }));
		const [row] = sum(rows.map((one, tick) => of(tick + 1, [one]))).rows as Schema[];
		expect(row?.['buckets']).toEqual([
			[4, 1],
			[8, 1],
			[16, 5],
			[32, 3],
			[64, 3],
		]);
		// half of twelve are in the third bucket
		expect(row?.['p50_ns']).toBeGreaterThan(8);
		expect(row?.['p50_ns']).toBeLessThanOrEqual(16);
	});

	test('a row twice in one interval is one', () => {
		const twice = of(2, [
			{ name: 'a', count: 5 },
			{ name: 'a', count: 6 },
		]);
		expect(sum([of(1, [{ name: 'a', count: 1 }]), twice]).rows).toEqual([{ name: 'a', count: 12 }]);
	});

	test('times by cause, energy as a quotient of sums, events of a list in their order', () => {
		const part = (tick: number, energy_uj: number, slow: readonly object[]) =>
			of(tick, [{ name: 'a', energy_uj, watts: 1, share: 1, time_ns: { disk: tick, [`lock${tick}`]: 1 } }], {
				measured_uj: 10,
				slow,
			});
		const whole = sum([part(1, 2, [{ mono_ns: 1 }]), part(2, 6, [{ mono_ns: 2 }, { mono_ns: 3 }])]);
		expect(whole.rows).toEqual([
			{
				name: 'a',
				energy_uj: 8,
				watts: expect.closeTo(4e-6, 12),
				share: 0.4,
				time_ns: { disk: 3, lock2: 1, lock1: 1 },
			},
		]);
		expect((whole as unknown as Schema)['slow']).toEqual([{ mono_ns: 1 }, { mono_ns: 2 }, { mono_ns: 3 }]);
	});

	test('a single interval is itself; the parts are as they were', () => {
		const only = of(1, [{ name: 'a', count: 1 }]);
		expect(sum([only])).toBe(only);
		const parts = [1, 2, 3].map((tick) => of(tick, [{ name: 'a', count: tick, buckets: [[8, tick]] }]));
		const before = JSON.stringify(parts);
		sum(parts);
		expect(JSON.stringify(parts)).toBe(before);
	});
});
