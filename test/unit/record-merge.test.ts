/** Rules by which intervals become one: every numeric field of every tab has one that was chosen. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { mergeSnapshots, type Rule, statedRule } from '../../src/recording/merge.ts';
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

describe('one after the other, 1 s and 3 s', () => {
	/** A field of a row in both intervals, merged. */
	function merged(name: string, first: unknown, second: unknown, more: readonly [object, object] = [{}, {}]): unknown {
		const at = (tick: number, seconds: number, value: unknown) =>
			({
				...base('energy', tick, 'thing'),
				dt_ns: seconds * 1e9,
				rows: [{ name: 'row', [name]: value, ...more[tick - 1] }],
			}) as unknown as Snapshot;
		const whole = mergeSnapshots([at(1, 1, first), at(2, 3, second)], () => 'row');
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
