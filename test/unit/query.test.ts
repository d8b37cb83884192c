import { describe, expect, test } from 'vitest';
import { firstDirection, sortRows } from '../../src/query.ts';
import { sanitize } from '../../src/sanitize.ts';
import type { Column } from '../../src/tracers/tracer.ts';

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

const names = (list: readonly Row[]) => list.map((row) => row.name);

describe('sort', () => {
	test('numbers by size, equal ones in their order, what is no number last in both directions', () => {
		expect(names(sortRows(rows, value, 'descending', 1))).toEqual(['zsh', 'postgres', 'java', 'awk', 'Xorg', 'bash']);
		expect(names(sortRows(rows, value, 'ascending', 1))).toEqual(['awk', 'postgres', 'java', 'zsh', 'Xorg', 'bash']);
	});

	test('text by characters', () => {
		expect(names(sortRows(rows, name, 'ascending', 1))).toEqual(['Xorg', 'awk', 'bash', 'java', 'postgres', 'zsh']);
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

	test('10,000 rows', () => {
		const many = Array.from({ length: 10_000 }, (_, index) => ({
			name: `p${index}`,
			pid: index,
			value: (index * 7919) % 10_007,
		}));
		const sorted = sortRows(many, value, 'descending', 1);
		expect(sorted[0]?.value).toBe(10_006);
		expect(sorted.at(-1)?.value).toBe(0);
	});
});
