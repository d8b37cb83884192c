import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/tracer.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { firstDirection, sortRows } from '../../src/rows/sort.ts';

interface Row {
	name: string;
	pid: number;
	value: number;
}

const columns: Column<Row>[] = [
	{ key: 'name', title: 'NAME', kind: 'text', width: 8, priority: 0, help: '', value: (row) => sanitize(row.name) },
	{ key: 'pid', title: 'PID', kind: 'pid', width: 8, priority: 0, help: '', value: (row) => row.pid },
	{
		key: 'value',
		title: 'V',
		kind: 'count',
		width: 8,
		priority: 0,
		help: '',
		value: (row, seconds) => row.value / seconds,
	},
];
const [name, , value] = columns;

const rows: Row[] = [
	{ name: 'postgres', pid: 812, value: 5 },
	{ name: 'Xorg', pid: 7, value: Number.NaN },
	{ name: 'java', pid: 99, value: 5 },
	{ name: 'zsh', pid: 1812, value: 12 },
	{ name: 'bash', pid: 3, value: Number.POSITIVE_INFINITY },
	{ name: 'awk', pid: 4, value: -1 },
];

const random = (seed: number) => (): number => {
	seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
	return seed / 2 ** 31;
};

const names = (list: readonly Row[]) => list.map((row) => row.name);

describe('sort', () => {
	test('numbers by size, equal ones in their order, what is no number last in both directions', () => {
		expect(names(sortRows(rows, value, 'descending', 1))).toEqual(['zsh', 'postgres', 'java', 'awk', 'Xorg', 'bash']);
		expect(names(sortRows(rows, value, 'ascending', 1))).toEqual(['awk', 'postgres', 'java', 'zsh', 'Xorg', 'bash']);
	});

	test('text by characters', () => {
		expect(names(sortRows(rows, name, 'ascending', 1))).toEqual(['Xorg', 'awk', 'bash', 'java', 'postgres', 'zsh']);
	});

	test('text that is empty comes last in both directions', () => {
		const some = ['', 'b', '', 'a'].map((name, pid) => ({ name, pid, value: 0 }));
		expect(names(sortRows(some, name, 'ascending', 1))).toEqual(['a', 'b', '', '']);
		expect(names(sortRows(some, name, 'descending', 1))).toEqual(['b', 'a', '', '']);
	});

	test('leaves the rows as they were', () => {
		const before = [...rows];
		sortRows(rows, value, 'descending', 1);
		expect(rows).toEqual(before);
		expect(sortRows(rows, undefined, 'descending', 1)).toBe(rows);
	});

	test('names start at A, numbers at the top', () => {
		expect(firstDirection(name)).toBe('ascending');
		expect(firstDirection(value)).toBe('descending');
	});

	test('as a plain stable sort has it, whatever the values', () => {
		const next = random(7);
		const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
		const kinds: (() => number | string)[] = [
			() => Math.floor(next() * 10),
			() => (next() - 0.5) * 10 ** (next() * 600 - 300),
			() => pick([0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE, 5e-324, -1]),
			() => next() * 2 ** 53,
			() => pick(['', 'all', 'Ω', 'a', 'A', '10', '9']),
		];
		for (let round = 0; round < 200; round++) {
			const used = [pick(kinds), pick(kinds)];
			const many = Array.from({ length: Math.floor(next() * 300) }, (_, pid) => ({ pid, value: pick(used)() }));
			for (const direction of ['ascending', 'descending'] as const) {
				const column = { ...(value as Column<never>), value: (row: { value: number }) => row.value } as never;
				const sorted = sortRows<(typeof many)[0]>(many, column, direction, 1);
				expect(sorted).toEqual(many.toSorted((a, b) => plain(a.value, b.value, direction === 'ascending' ? 1 : -1)));
			}
		}
	});
});

/** The order of two values, said in another way. */
function plain(a: number | string, b: number | string, sign: number): number {
	const rank = (one: number | string) =>
		one === '' ? 2 : typeof one === 'string' ? sign : Number.isFinite(one) ? 0 : 2;
	if (rank(a) !== rank(b)) return rank(a) - rank(b);
	return rank(a) === 2 || a === b ? 0 : a < b ? -sign : sign;
}
