import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import {
	columnBytes,
	decode,
	encode,
	pack,
	rowCount,
	unpack,
	withLazyRows,
	withoutLists,
	withoutRows,
} from '../../src/history/archive.ts';
import { bytesOf, dropLists, fromColumns, separated, toColumns } from '../../src/history/columnar.ts';
import { lazyRows } from '../../src/history/lazy-rows.ts';
import { sharedColumns } from '../../src/history/sharing.ts';
import { tickOf } from './overview-fixtures.ts';

const random = (seed: number) => (): number => {
	seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
	return seed / 2 ** 31;
};

/** Anything a row may hold, to some depth. */
function value(next: () => number, depth = 0): unknown {
	const list = () => Array.from({ length: Math.floor(next() * 4) }, () => value(next, depth + 1));
	const kinds = [
		() => Math.floor(next() * 2 ** 53),
		() => next() * 1e9 - 5e8,
		() => [Number.NaN, Number.POSITIVE_INFINITY, -0, 0][Math.floor(next() * 4)],
		() => `text ${Math.floor(next() * 5)}`,
		() => null,
		() => undefined,
		() => next() < 0.5,
		...(depth > 2
			? []
			: [
					() => Array.from({ length: Math.floor(next() * 3) }, () => [1, next()]),
					list,
					() => ({ kind: 'all', id: next(), deep: value(next, depth + 1) }),
					() => Object.fromEntries(list().map((one, place) => [next() < 0.5 ? 'x' : `y${place}`, one])),
				]),
	];
	return kinds[Math.floor(next() * kinds.length)]?.();
}

/** Most properties are of one kind in all rows, some are missing here and there. */
function randomRows(seed: number): object[] {
	const next = random(seed);
	const keys = Array.from({ length: 1 + Math.floor(next() * 8) }, (_, index) => `key${(index * 7) % 8}`);
	const kind = new Map(keys.map((key) => [key, next() < 0.7 ? Math.floor(next() * 1000) : undefined]));
	const missing = next() < 0.3 ? keys[0] : undefined;
	return Array.from({ length: Math.floor(next() * 100) }, () =>
		Object.fromEntries(
			keys.flatMap((key): [string, unknown][] => {
				if (key === missing && next() < 0.5) return [];
				const same = kind.get(key);
				if (same === undefined) return [[key, value(next)]];
				return [[key, same % 2 ? next() * same : `text ${Math.floor(next() * same)}`]];
			}),
		),
	);
}

/** With lists empty, wherever they are, said in another way. */
function withEmptyLists(of: unknown): unknown {
	if (Array.isArray(of)) return [];
	if (typeof of !== 'object' || of === null) return of;
	return Object.fromEntries(Object.entries(of).map(([key, item]) => [key, withEmptyLists(item)]));
}

test('rows come back as they were, whatever they hold; without their lists where these were left out', () => {
	for (let seed = 1; seed <= 300; seed++) {
		const rows = randomRows(seed);
		const columns = structuredClone(toColumns(rows));
		const back = fromColumns(columns);
		expect(back).toStrictEqual(rows);
		// properties in their order too
		expect(JSON.stringify(back)).toBe(JSON.stringify(rows));
		expect(fromColumns(dropLists(columns))).toStrictEqual(rows.map(withEmptyLists));
	}
});

test('rows that have nothing in common come back too', () => {
	const rows = Array.from({ length: 100 }, (_, place) => ({ [`only${place}`]: place, ['__proto__']: [place] }));
	expect(fromColumns(structuredClone(toColumns(rows)))).toStrictEqual(rows);
	expect(fromColumns(toColumns([]))).toEqual([]);
});

test('a property of any name is a property', () => {
	const rows = [JSON.parse('{"__proto__":{"pid":1},"a":1}'), JSON.parse('{"__proto__":{"pid":2},"a":2}')];
	const back = fromColumns(structuredClone(toColumns(rows))) as { pid?: number }[];
	expect(JSON.stringify(back)).toBe(JSON.stringify(rows));
	expect(back[0]?.pid).toBeUndefined();
});

/** Every property of the rows, from the last row to the first. */
function expectAlike(lazy: readonly object[], rows: readonly object[]): void {
	expect(lazy).toHaveLength(rows.length);
	for (const [index, row] of [...rows.entries()].toReversed()) {
		const own = lazy[index] as Record<string, unknown>;
		for (const [key, known] of Object.entries(row)) expect(own[key]).toStrictEqual(known);
		expect(own['no such property']).toBeUndefined();
	}
}

test('a lazy row has what the row has, in any order of reading; a property that it lacks is missing', () => {
	for (let seed = 1; seed <= 300; seed++) {
		const rows = randomRows(seed);
		const columns = structuredClone(toColumns(rows));
		const lazy = lazyRows(columns);
		expectAlike(lazy, rows);
		expectAlike(lazyRows(dropLists(columns)), rows.map(withEmptyLists) as object[]);
		const keys = new Set(rows.flatMap((row) => Object.keys(row)));
		for (const [index, row] of rows.entries())
			for (const key of keys) if (!(key in row)) expect(key in (lazy[index] as object)).toBe(false);
	}
	const named = [JSON.parse('{"__proto__":{"pid":1},"constructor":1}'), JSON.parse('{"__proto__":2,"constructor":2}')];
	expectAlike(lazyRows(toColumns(named)), named);
	const apart = Array.from({ length: 100 }, (_, place) => ({ [`only${place}`]: place }));
	expectAlike(lazyRows(structuredClone(toColumns(apart))), apart);
	expect(lazyRows(toColumns([]))).toEqual([]);
});

test('a snapshot with lazy rows is one object, and is packed as the whole one', () => {
	const [snapshot] = [...tickOf({ processes: [{ pid: 7, comm: 'sh', cpu: 1 }] }).values()] as [Snapshot];
	const arrived = decode(encode(snapshot));
	const lazy = withLazyRows(arrived);
	expect(withLazyRows(arrived)).toBe(lazy);
	expect(lazy.rows).toBe(lazy.rows);
	expectAlike(lazy.rows, snapshot.rows);
	expect({ ...lazy, rows: [] }).toStrictEqual({ ...snapshot, rows: [] });
	expect(unpack(pack(lazy))).toStrictEqual(snapshot);
	// of a recording: it is plain already
	expect(withLazyRows(snapshot)).toBe(snapshot);
});

test('rows are made once, when they are read', () => {
	const [snapshot] = [...tickOf({ processes: [{ pid: 7, comm: 'sh', cpu: 1 }] }).values()];
	const arrived = decode(encode(snapshot as Snapshot));
	expect(rowCount(arrived)).toBe(snapshot?.rows.length);
	expect(arrived.rows).toBe(arrived.rows);
	expect(arrived).toStrictEqual(snapshot);
	expect({ ...arrived }).toStrictEqual(snapshot);
	expect(JSON.parse(JSON.stringify(arrived))).toStrictEqual(JSON.parse(JSON.stringify(snapshot)));
	expect(decode(encode(arrived))).toStrictEqual(snapshot);
	expect(withoutRows(arrived)).toStrictEqual({ ...snapshot, rows: [] });
});

test('lists of processes count as rows do, and go with them; lists of events and of CPUs stay', () => {
	const [snapshot] = [...tickOf({ processes: [{ pid: 7, comm: 'sh', cpu: 1 }] }).values()];
	const list = (entry: object) => Array.from({ length: 100 }, (_, n) => ({ ...entry, n }));
	const [processes, events, cpus] = [list({ pid: 1, comm: 'sh' }), list({ pid: 1, mono_ns: 1 }), list({ cpu: 1 })];
	const arrived = decode(encode({ ...snapshot, processes, events, cpus } as unknown as Snapshot));
	const plain = decode(encode({ ...snapshot, events, cpus } as unknown as Snapshot));
	// three columns of numbers, one of them indices into texts
	expect(columnBytes(arrived) - columnBytes(plain)).toBeGreaterThanOrEqual(3 * 8 * 100);
	expect(withoutRows(arrived)).toStrictEqual({ ...snapshot, processes: [], events, cpus, rows: [] });
	expect(columnBytes(withoutRows(arrived))).toBe(0);
});

test('texts and values that are no numbers have their part in the memory of rows', () => {
	const rows = (text: (n: number) => string | null) => Array.from({ length: 1000 }, (_, n) => ({ text: text(n) }));
	const bytes = (text: (n: number) => string | null) => bytesOf(toColumns(rows(text)));
	const few = bytes(() => 'x');
	expect(bytes((n) => `${n}`.padStart(20, 'x')) - few).toBeGreaterThanOrEqual(1000 * 20);
	expect(bytes((n) => (n % 2 ? 'x' : null))).toBeGreaterThanOrEqual(500 * 8);
});

test('a kept part of a message does not keep the message', () => {
	const row = { a: 1, b: 'text', list: [1, 2] };
	// as it arrives: parts of one buffer, those of bytes as Node's Buffer
	const message = Buffer.alloc(10_000);
	const { numbers, lists, ...columns } = toColumns(Array.from({ length: 10 }, () => row));
	new Float64Array(message.buffer, message.byteOffset, numbers.length).set(numbers);
	message.set(lists as Uint8Array, 5000);
	const arrived = {
		...columns,
		numbers: new Float64Array(message.buffer, message.byteOffset, numbers.length),
		lists: message.subarray(5000, 5000 + (lists as Uint8Array).length),
	};
	const kept = separated(arrived);
	expect(fromColumns(kept)).toEqual(fromColumns(arrived));
	expect(kept.numbers.buffer.byteLength).toBe(kept.numbers.byteLength);
	expect(kept.lists?.buffer.byteLength).toBe(kept.lists?.byteLength);
});

test('large snapshots survive packing', () => {
	const processes = Array.from({ length: 500 }, (_, index) => ({
		...{ pid: index + 1, comm: `process-${index % 30}`, cgroup: '/system.slice' },
		...{ cpu: 0.001 * index, watts: 0.01 * index, wait: 0, p99: index },
	}));
	for (const snapshot of tickOf({ processes }).values()) expect(unpack(pack(snapshot))).toStrictEqual(snapshot);
});

test.each([1, 8, 9, 40])('texts of %i kinds, in any order, and a text that is none', (kinds) => {
	const rows = Array.from({ length: 200 }, (_, n) => ({
		a: `text ${(n * 7) % kinds}`,
		b: n < 199 ? `${n % 3}` : null,
	}));
	expect(fromColumns(toColumns(rows))).toEqual(rows);
});

test('rows that share with those before are the same rows, and unchanged ones are the object before', () => {
	let before: ReturnType<typeof toColumns> | undefined;
	for (let seed = 1; seed <= 300; seed++) {
		const rows = randomRows(Math.ceil(seed / 2));
		const shared = sharedColumns(structuredClone(toColumns(rows)), before);
		expect(fromColumns(shared)).toStrictEqual(rows);
		// the bytes of equal lists may differ
		if (shared.lists === null && seed % 2 === 0) expect(shared).toBe(before);
		before = shared;
	}
});

test('rows with other numbers at the same places share all but these', () => {
	const columns = (one: number) =>
		structuredClone(toColumns([7, 8].map((pid) => ({ pid, comm: `sh ${pid}`, cpu: one, state: null, deep: { one } }))));
	const before = sharedColumns(columns(1), undefined);
	const shared = sharedColumns(columns(2), before);
	expect(shared.rows).toBe(before.rows);
	expect(fromColumns(shared)).toMatchObject([{ cpu: 2 }, { cpu: 2 }]);
	// 0 and -0 are equal by value
	expect(fromColumns(sharedColumns(columns(-0), sharedColumns(columns(0), undefined)))).toMatchObject([
		{ cpu: -0 },
		{ cpu: -0 },
	]);
});

test('snapshots of the past share what has not changed, and their properties', () => {
	const [snapshot] = [...tickOf({ processes: [{ pid: 7, comm: 'sh', cpu: 1 }] }).values()] as [Snapshot];
	const list = Array.from({ length: 10 }, (_, cpu) => ({ cpu, text: 'x' }));
	const arrived = () => decode(encode({ ...snapshot, list } as unknown as Snapshot));
	const first = withoutLists(arrived());
	const second = withoutLists(arrived(), first);
	expect(second).toStrictEqual(first);
	expect(second.source).toBe(first.source);
	expect(second.rows).toBe(first.rows);
	for (const name of ['rows', 'list'])
		expect(Object.getOwnPropertyDescriptor(second, name)?.get).toBe(Object.getOwnPropertyDescriptor(first, name)?.get);
});
