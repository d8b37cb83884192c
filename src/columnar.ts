/**
 * Rows by property: an array of numbers is copied as memory, while structured clone spells out every property's name in
 * every object. Whatever plain data rows hold, they come back as they were, properties in the same order.
 */

/** Values of one property of all rows, in their order. `at`: where its numbers begin. */
type Column =
	| { kind: 'numbers'; at: number }
	/** Numbers are indices into few texts. */
	| { kind: 'texts'; at: number; texts: readonly string[] }
	| { kind: 'records'; keys: readonly string[]; columns: readonly Column[] }
	/** Numbers are the lengths. These and those of the items are in {@link Columns.lists}. */
	| { kind: 'lists'; at: number; items: Column }
	/** Values of several kinds; numbers are indices into `parts`. */
	| { kind: 'mixed'; at: number; parts: readonly Column[] }
	/** Whatever else structured clone can take. */
	| { kind: 'values'; values: readonly unknown[] };

export interface Columns {
	length: number;
	rows: Column;
	numbers: Float64Array;
	/** null: the lists in the rows are empty. */
	lists: Float64Array | null;
}

type Row = Record<string, unknown>;
/** A record's kind are its keys. */
type Kind = 'number' | 'string' | 'list' | 'other' | readonly string[];

/** Values of more kinds than this are left as they are. */
const MOST_KINDS = 32;

export function toColumns(rows: readonly object[]): Columns {
	const numbers = new Pool();
	const lists = new Pool();
	const column = columnOf(rows, numbers, lists);
	return { length: rows.length, rows: column, numbers: numbers.joined(), lists: lists.joined() };
}

class Pool {
	private readonly parts: Float64Array[] = [];
	private length = 0;

	/** Where they are. */
	add(numbers: Float64Array): number {
		const at = this.length;
		this.parts.push(numbers);
		this.length += numbers.length;
		return at;
	}

	joined(): Float64Array {
		const all = new Float64Array(this.length);
		let at = 0;
		for (const part of this.parts) {
			all.set(part, at);
			at += part.length;
		}
		return all;
	}
}

function columnOf(values: readonly unknown[], numbers: Pool, lists: Pool): Column {
	const kinds: Kind[] = [];
	const kindOf = new Float64Array(values.length);
	let kind = 0;
	for (let place = 0; place < values.length; place++) {
		const value = values[place];
		if (!isOf(value, kinds[kind])) kind = kinds.findIndex((one) => isOf(value, one));
		if (kind < 0) kind = kinds.push(newKind(value)) - 1;
		if (kind === MOST_KINDS) return { kind: 'values', values };
		kindOf[place] = kind;
	}
	const [only = 'other'] = kinds;
	if (kinds.length < 2) return alike(only, values, numbers, lists);
	const parts = kinds.map((one, index) =>
		alike(
			one,
			values.filter((_, place) => kindOf[place] === index),
			numbers,
			lists,
		),
	);
	return { kind: 'mixed', at: numbers.add(kindOf), parts };
}

function isOf(value: unknown, kind: Kind | undefined): boolean {
	if (typeof value === 'number' || typeof value === 'string') return kind === typeof value;
	if (typeof value !== 'object' || value === null) return kind === 'other';
	return Array.isArray(value) ? kind === 'list' : typeof kind === 'object' && hasKeys(value, kind);
}

function newKind(value: unknown): Kind {
	if (typeof value === 'number' || typeof value === 'string') return typeof value as 'number' | 'string';
	if (typeof value !== 'object' || value === null) return 'other';
	return Array.isArray(value) ? 'list' : Object.keys(value);
}

/** Exactly these properties, in this order. */
function hasKeys(row: object, keys: readonly string[]): boolean {
	let place = 0;
	for (const key in row) if (key !== keys[place++]) return false;
	return place === keys.length;
}

function alike(kind: Kind, values: readonly unknown[], numbers: Pool, lists: Pool): Column {
	switch (kind) {
		case 'number':
			return { kind: 'numbers', at: numbers.add(new Float64Array(values as number[])) };
		case 'string':
			return textsOf(values as string[], numbers);
		case 'list': {
			const items: unknown[] = [];
			for (const list of values as unknown[][]) for (const item of list) items.push(item);
			const at = lists.add(Float64Array.from(values as unknown[][], ({ length }) => length));
			return { kind: 'lists', at, items: columnOf(items, lists, lists) };
		}
		case 'other':
			return { kind: 'values', values };
		default: {
			const columns = kind.map((key) =>
				columnOf(
					(values as Row[]).map((row) => row[key]),
					numbers,
					lists,
				),
			);
			return { kind: 'records', keys: kind, columns };
		}
	}
}

function textsOf(values: readonly string[], numbers: Pool): Column {
	const places = new Map<string, number>();
	const indices = new Float64Array(values.length);
	for (const [place, text] of values.entries()) {
		const known = places.get(text) ?? places.size;
		if (known === places.size) places.set(text, known);
		indices[place] = known;
	}
	return { kind: 'texts', at: numbers.add(indices), texts: [...places.keys()] };
}

/** The same rows with their lists empty, in memory of their own. */
export function withoutLists(columns: Columns): Columns {
	return { ...columns, numbers: columns.numbers.slice(), lists: null };
}

export function fromColumns({ length, rows, numbers, lists }: Columns): object[] {
	const next = reader(rows, numbers, lists) as () => object;
	return Array.from({ length }, next);
}

const none: readonly never[] = [];

/** A function that returns one value after the other. */
function reader(column: Column, numbers: Float64Array, lists: Float64Array | null): () => unknown {
	switch (column.kind) {
		case 'numbers': {
			let { at } = column;
			return () => numbers[at++];
		}
		case 'texts': {
			const { texts } = column;
			let { at } = column;
			return () => texts[numbers[at++] as number];
		}
		case 'values': {
			const { values } = column;
			let at = 0;
			return () => values[at++];
		}
		case 'mixed': {
			const parts = column.parts.map((part) => reader(part, numbers, lists));
			let { at } = column;
			return () => parts[numbers[at++] as number]?.();
		}
		case 'lists': {
			if (!lists) return () => none;
			const item = reader(column.items, lists, lists);
			let { at } = column;
			return () => {
				const list: unknown[] = [];
				for (let left = lists[at++] as number; left > 0; left--) list.push(item());
				return list;
			};
		}
		case 'records': {
			const { keys } = column;
			const values = column.columns.map((one) => reader(one, numbers, lists));
			// copies of one object share its hidden class; objects that grow property by property are slower to make
			const template: Row = Object.fromEntries(keys.map((key) => [key, null]));
			return () => {
				const record = { ...template };
				for (let place = 0; place < keys.length; place++)
					record[keys[place] as string] = (values[place] as () => unknown)();
				return record;
			};
		}
	}
}
