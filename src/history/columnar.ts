/**
 * Rows stored by property: an array of numbers is copied as memory, while structured clone writes the name of every
 * property of every object. Rows of any plain data are restored exactly, with their properties in the same order.
 */
import { deserialize, serialize } from 'node:v8';
import type { Bytes } from '../lib/units.ts';

/** Values of one property of all rows, in their order. `at`: offset of its numbers. */
export type Column =
	| { kind: 'numbers'; at: number }
	/** Numbers are indices into few texts. */
	| { kind: 'texts'; at: number; texts: readonly string[] }
	| { kind: 'records'; keys: readonly string[]; columns: readonly Column[] }
	/** `index` in {@link Columns.lists}. */
	| { kind: 'lists'; index: number }
	/** Values of several kinds; numbers are indices into `parts`. */
	| { kind: 'mixed'; at: number; parts: readonly Column[] }
	| { kind: 'nulls' }
	/** Anything else that structured clone accepts. */
	| { kind: 'values'; values: readonly unknown[] };

export interface Columns {
	length: number;
	rows: Column;
	numbers: Float64Array;
	/** Serialized, one array for each column with lists: they are many and seldom read. null: all lists are empty. */
	lists: Uint8Array | null;
}

/** What {@link Columns.lists} is when it is decoded. */
export type Lists = (readonly unknown[])[];

type Row = Record<string, unknown>;
/** The kind of a record is the list of its keys. */
type Kind = 'number' | 'string' | 'list' | 'other' | readonly string[];

/** Columns with more kinds of values are stored as plain values. */
const MOST_KINDS = 32;

/** Rows of plain data by property; {@link fromColumns} restores them exactly. */
export function toColumns(rows: readonly object[]): Columns {
	const numbers = new Pool();
	const lists: Lists = [];
	const column = columnOf(rows, numbers, lists);
	return {
		length: rows.length,
		rows: column,
		numbers: numbers.all(),
		lists: lists.length > 0 ? serialize(lists) : null,
	};
}

/** Different texts of a column that need no table. */
const FEW = 8;

const NULLS: Column = { kind: 'nulls' };

/** Numbers. */
const LEAST = 1024;
/**
 * Where the numbers of all rows are collected, one snapshot after the other: an array for each would be garbage of megabytes where
 * there are thousands of rows.
 */
let scratch = new Float64Array(LEAST);
/** Since rows filled a quarter of it. */
let spared = 0;
/** After so many rows it is made small again. */
const SPARED = 256;

/** Numbers of all columns, one column after the other. */
class Pool {
	private values = scratch;
	length = 0;

	/** Returns their offset. */
	add(numbers: readonly number[]): number {
		const at = this.reserve(numbers.length);
		this.values.set(numbers, at);
		return at;
	}

	/** The same of a property of all rows, without a copy of it; -1: not all are numbers. */
	addProperty(rows: readonly Row[], key: string): number {
		const at = this.reserve(rows.length);
		const { values } = this;
		for (let index = 0; index < rows.length; index++) {
			const value = (rows[index] as Row)[key];
			if (typeof value !== 'number') return this.release(at);
			values[at + index] = value;
		}
		return at;
	}

	/** Numbers among the values of a property, and which are none; undefined: another kind of value than null is among them. */
	addSome(rows: readonly Row[], key: string): { at: number; numbers: number; first: 'number' | 'null' } | undefined {
		const at = this.reserve(2 * rows.length);
		const { values } = this;
		let numbers = at + rows.length;
		const first = typeof rows[0]?.[key] === 'number' ? 'number' : 'null';
		for (let index = 0; index < rows.length; index++) {
			const value = (rows[index] as Row)[key];
			const isNumber = typeof value === 'number';
			if (isNumber) values[numbers++] = value;
			else if (value !== null) {
				this.release(at);
				return undefined;
			}
			// the index of its part, in the order in which the kinds appear
			values[at + index] = isNumber === (first === 'number') ? 0 : 1;
		}
		this.release(numbers);
		return { at, numbers: at + rows.length, first };
	}

	/** Indices into `texts`, which are added to it; -1: not all are texts. */
	addTexts(rows: readonly Row[], key: string, texts: string[]): number {
		// few texts are found faster, and without a table, one by one
		let known: Map<string, number> | undefined;
		const at = this.reserve(rows.length);
		const { values } = this;
		let last: unknown;
		let place = 0;
		for (let index = 0; index < rows.length; index++) {
			const text = (rows[index] as Row)[key];
			if (typeof text !== 'string') return this.release(at);
			// most texts are those of the row before
			if (text !== last) {
				place = known ? (known.get(text) ?? -1) : texts.indexOf(text);
				if (place < 0) {
					place = texts.push(text) - 1;
					if (known) known.set(text, place);
					else if (texts.length > FEW) known = new Map(texts.map((one, index) => [one, index]));
				}
				last = text;
			}
			values[at + index] = place;
		}
		return at;
	}

	all(): Float64Array {
		spared = scratch.length > LEAST && this.length * 4 < scratch.length ? spared + 1 : 0;
		if (spared > SPARED) scratch = new Float64Array(LEAST);
		return this.values.slice(0, this.length);
	}

	private reserve(count: number): number {
		const at = this.length;
		this.length += count;
		if (this.length > this.values.length) {
			const { values } = this;
			this.values = new Float64Array(this.length + (this.length >> 2));
			this.values.set(values);
			scratch = this.values;
		}
		return at;
	}

	release(at: number): -1 {
		this.length = at;
		return -1;
	}
}

/** As {@link columnOf}, of a property of records. */
function propertyOf(rows: readonly Row[], key: string, numbers: Pool, lists: Lists): Column {
	const first = typeof rows[0]?.[key];
	if (first === 'number') {
		const at = numbers.addProperty(rows, key);
		if (at >= 0) return { kind: 'numbers', at };
	} else if (first === 'string') {
		const texts: string[] = [];
		const at = numbers.addTexts(rows, key, texts);
		if (at >= 0) return { kind: 'texts', at, texts };
	}
	if (first === 'number' || rows[0]?.[key] === null) {
		const before = numbers.length;
		const some = numbers.addSome(rows, key);
		if (some && numbers.length > some.numbers) {
			const figures: Column = { kind: 'numbers', at: some.numbers };
			return { kind: 'mixed', at: some.at, parts: some.first === 'number' ? [figures, NULLS] : [NULLS, figures] };
		}
		// all are null, or others are among them
		if (some) numbers.release(before);
	}
	return columnOf(
		rows.map((row) => row[key]),
		numbers,
		lists,
	);
}

function columnOf(values: readonly unknown[], numbers: Pool, lists: Lists): Column {
	const first = kindOf(values[0]);
	if (values.every((value) => isOf(value, first))) return alike(first, values, numbers, lists);
	const kinds: Kind[] = [];
	const indices: number[] = [];
	for (const value of values) {
		const known = kinds.findIndex((kind) => isOf(value, kind));
		indices.push(known < 0 ? kinds.push(kindOf(value)) - 1 : known);
		if (kinds.length > MOST_KINDS) return { kind: 'values', values };
	}
	const parts = kinds.map((kind, index) => {
		const those = values.filter((_, at) => indices[at] === index);
		return alike(kind, those, numbers, lists);
	});
	return { kind: 'mixed', at: numbers.add(indices), parts };
}

function isOf(value: unknown, kind: Kind): boolean {
	if (typeof value === 'number' || typeof value === 'string') return kind === typeof value;
	if (typeof value !== 'object' || value === null) return kind === 'other';
	return Array.isArray(value) ? kind === 'list' : typeof kind === 'object' && hasKeys(value, kind);
}

function kindOf(value: unknown): Kind {
	if (typeof value === 'number' || typeof value === 'string') return typeof value as 'number' | 'string';
	if (typeof value !== 'object' || value === null) return 'other';
	return Array.isArray(value) ? 'list' : Object.keys(value);
}

/** Exactly these properties, in this order. */
function hasKeys(row: object, keys: readonly string[]): boolean {
	let index = 0;
	for (const key in row) if (key !== keys[index++]) return false;
	return index === keys.length;
}

function alike(kind: Kind, values: readonly unknown[], numbers: Pool, lists: Lists): Column {
	switch (kind) {
		case 'number':
			return { kind: 'numbers', at: numbers.add(values as number[]) };
		case 'string':
			return textsOf(values as string[], numbers);
		case 'list':
			return { kind: 'lists', index: lists.push(values) - 1 };
		case 'other':
			return values.every((value) => value === null) ? NULLS : { kind: 'values', values };
		default: {
			const columns = kind.map((key) => propertyOf(values as Row[], key, numbers, lists));
			return { kind: 'records', keys: kind, columns };
		}
	}
}

function textsOf(values: readonly string[], numbers: Pool): Column {
	const known = new Map<string, number>();
	const indices: number[] = [];
	for (const text of values) {
		const index = known.get(text) ?? known.size;
		if (index === known.size) known.set(text, index);
		indices.push(index);
	}
	return { kind: 'texts', at: numbers.add(indices), texts: [...known.keys()] };
}

/** A copy of what is part of a larger buffer, which would be kept for it. */
function separate<Part extends Float64Array | Uint8Array>(part: Part): Part {
	if (part.buffer.byteLength === part.byteLength) return part;
	// a Buffer is a Uint8Array whose slice() is no copy
	return (part instanceof Float64Array ? part.slice() : Uint8Array.from(part)) as Part;
}

/** Apart from the message in which they came. */
export function separated({ numbers, lists, ...columns }: Columns): Columns {
	return { ...columns, numbers: separate(numbers), lists: lists && separate(lists) };
}

/** With empty lists, apart from the message in which they came. */
export function dropLists(columns: Columns): Columns {
	return separated({ ...columns, lists: null });
}

/** The rows as plain objects, all of them (lazy-rows.ts reads single figures instead). */
export function fromColumns({ length, rows, numbers, lists }: Columns): object[] {
	const read = lists && (deserialize(lists) as Lists);
	const all: Row[] = [];
	if (rows.kind !== 'records') {
		const next = reader(rows, numbers, read) as () => Row;
		while (all.length < length) all.push(next());
		return all;
	}
	// most values of most properties are those of the first row (0, no text): a copy of it has them already
	const template = templateOf(rows.keys);
	const firsts = rows.columns.map((column) => firstOf(column, numbers));
	for (const [index, key] of rows.keys.entries()) template[key] = firsts[index];
	while (all.length < length) all.push({ ...template });
	const words = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length * 2);
	for (const [index, key] of rows.keys.entries())
		setProperty(all, key, rows.columns[index] as Column, numbers, words, read);
	return all;
}

/** Copies of one object share its hidden class; objects that grow property by property are slower. */
function templateOf(keys: readonly string[]): Row {
	return Object.fromEntries(keys.map((key) => [key, null]));
}

/** Value of the first row; null where it would have to be decoded. */
function firstOf(column: Column, numbers: Float64Array): unknown {
	if (column.kind === 'numbers') return numbers[column.at];
	return column.kind === 'texts' ? column.texts[numbers[column.at] as number] : null;
}

/** Set a property of all rows that differs from the first row's. @param words `numbers`, in halves: 0 and -0 differ in them */
function setProperty(
	rows: readonly Row[],
	key: string,
	column: Column,
	numbers: Float64Array,
	words: Uint32Array,
	lists: Lists | null,
): void {
	if (column.kind !== 'numbers' && column.kind !== 'texts') {
		const next = reader(column, numbers, lists);
		for (const row of rows) row[key] = next();
		return;
	}
	const { at } = column;
	const [low, high] = [words[2 * at], words[2 * at + 1]];
	const texts = column.kind === 'texts' ? column.texts : null;
	for (let index = 1; index < rows.length; index++) {
		const word = 2 * (at + index);
		if (words[word] === low && words[word + 1] === high) continue;
		const value = numbers[at + index] as number;
		(rows[index] as Row)[key] = texts ? texts[value] : value;
	}
}

/** Bytes of V8's objects: a text beside its characters, an entry of a list. */
const [TEXT, ENTRY] = [24, 8];

function objectBytes(column: Column): Bytes {
	switch (column.kind) {
		case 'texts':
			return column.texts.reduce((sum, text) => sum + text.length + TEXT + ENTRY, 0);
		case 'values':
			return column.values.length * ENTRY;
		case 'mixed':
			return column.parts.reduce((sum, part) => sum + objectBytes(part), 0);
		case 'records':
			return column.columns.reduce((sum, part) => sum + objectBytes(part), 0);
		default:
			return 0;
	}
}

/** Memory that they take, about. */
export function bytesOf({ rows, numbers, lists }: Columns): Bytes {
	return numbers.byteLength + (lists?.byteLength ?? 0) + objectBytes(rows);
}

/** Are the rows about processes as they were at one moment? Events, which have a time, are not. */
export function areProcesses({ rows }: Columns): boolean {
	return rows.kind === 'records' && rows.keys.includes('pid') && !rows.keys.includes('mono_ns');
}

const none: readonly never[] = [];

/** A function that returns one value after the other. */
export function reader(column: Column, numbers: Float64Array, lists: Lists | null): () => unknown {
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
		case 'nulls':
			return () => null;
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
			const values = lists?.[column.index];
			let at = 0;
			return () => values?.[at++] ?? none;
		}
		case 'records': {
			const { keys } = column;
			const values = column.columns.map((one) => reader(one, numbers, lists));
			const template = templateOf(keys);
			return () => {
				const record = { ...template };
				for (let index = 0; index < keys.length; index++)
					record[keys[index] as string] = (values[index] as () => unknown)();
				return record;
			};
		}
	}
}
