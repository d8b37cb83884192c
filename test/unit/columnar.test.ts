import { expect, test } from 'vitest';
import { pack, unpack } from '../../src/archive.ts';
import { fromColumns, toColumns } from '../../src/columnar.ts';
import { tickOf } from './triage-fixtures.ts';

const random = (seed: number) => (): number => {
	seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
	return seed / 2 ** 31;
};

/** Anything a row may hold. */
function value(next: () => number): unknown {
	const kinds = [
		() => Math.floor(next() * 2 ** 53),
		() => next() * 1e9 - 5e8,
		() => [Number.NaN, Number.POSITIVE_INFINITY, -0, 0][Math.floor(next() * 4)],
		() => `text ${Math.floor(next() * 5)}`,
		() => null,
		() => undefined,
		() => next() < 0.5,
		() => [[1, next()], []],
		() => ({ kind: 'all', id: next(), deep: { list: [next()] } }),
	];
	return kinds[Math.floor(next() * kinds.length)]?.();
}

test('rows come back as they were, whatever they hold', () => {
	for (let seed = 1; seed <= 200; seed++) {
		const next = random(seed);
		const keys = Array.from({ length: 1 + Math.floor(next() * 8) }, (_, index) => `key${(index * 7) % 8}`);
		const kind = new Map(keys.map((key) => [key, next() < 0.7 ? Math.floor(next() * 1000) : undefined]));
		const rows = Array.from({ length: 1 + Math.floor(next() * 100) }, () =>
			Object.fromEntries(
				keys.map((key) => {
					const same = kind.get(key);
					return [
						key,
						same === undefined ? value(next) : same % 2 ? next() * same : `text ${Math.floor(next() * same)}`,
					];
				}),
			),
		);
		const columns = toColumns(rows);
		expect(columns).toBeDefined();
		const back = fromColumns(structuredClone(columns as NonNullable<typeof columns>));
		expect(back).toStrictEqual(rows);
		expect(back.map((row) => Object.keys(row))).toEqual(rows.map((row) => Object.keys(row)));
	}
});

test('rows that are not alike are left as they are', () => {
	expect(toColumns([])).toBeUndefined();
	expect(toColumns([{ a: 1 }, { a: 1, b: 2 }])).toBeUndefined();
	expect(toColumns([{ a: 1, b: 2 }, { a: 1 }])).toBeUndefined();
	expect(
		toColumns([
			{ a: 1, b: 2 },
			{ b: 2, a: 1 },
		]),
	).toBeUndefined();
});

test('large snapshots survive packing', () => {
	const processes = Array.from({ length: 500 }, (_, index) => ({
		...{ pid: index + 1, comm: `process-${index % 30}`, cgroup: '/system.slice' },
		...{ cpu: 0.001 * index, watts: 0.01 * index, wait: 0, p99: index },
	}));
	for (const snapshot of tickOf({ processes }).values()) expect(unpack(pack(snapshot))).toStrictEqual(snapshot);
});
