/**
 * A snapshot as text, its rows by property: the names of properties stand there once, and equal values of neighbouring
 * frames are at the same distance, which compresses better than rows do. JSON, so that any program version reads it and
 * a hostile file can do no more than any other text. Reading gives exactly what `JSON.parse(JSON.stringify(snapshot))` does.
 */
import type { Snapshot } from '../core/snapshot.ts';
import { sanitize } from '../lib/sanitize.ts';
import { type Derived, type Divisors, derivedColumn, derivedValues, readDerived } from './derived.ts';
import { inOrder, type Order, storedOrder } from './row-order.ts';

/**
 * Values of one property of all rows, in their order. An array: the values themselves, none of them an object.
 * `k`, `c`: records with these keys, and the values of each key. `l`, `v`: lists, their lengths (or the one that they all
 * have) and all their values one after the other. `p`, `i`: several of these, and the one that each value is taken from.
 * Of records a column may be {@link Derived}.
 */
type Node =
	| readonly unknown[]
	| { k: readonly string[]; c: readonly (Node | Derived)[] }
	| { l: number | readonly number[]; v: Node }
	| { i: readonly number[]; p: readonly Node[] };

/** Lists of the head from this length on are stored by property too. */
const LONG_LIST = 4;

/** Nested deeper than any snapshot of ours. */
const MAX_DEPTH = 16;
/** Values of a snapshot, all properties together. */
const MAX_VALUES = 16e6;

type Row = Record<string, unknown>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** What a value is: none of the others, a list, or a record with these keys. */
type Kind = 'plain' | 'list' | readonly string[];

function kindOf(value: unknown): Kind {
	if (!isObject(value)) return 'plain';
	if (Array.isArray(value)) return 'list';
	// as JSON has it
	return Object.keys(value).filter((key) => (value as Row)[key] !== undefined);
}

function isOf(value: unknown, kind: Kind): boolean {
	if (kind === 'plain') return !isObject(value);
	if (kind === 'list') return Array.isArray(value);
	return figuresOf(value, kind) !== undefined;
}

/** The values of a record with exactly these keys, in this order; undefined: it is none. */
function figuresOf(record: unknown, keys: readonly string[]): unknown[] | undefined {
	if (!isObject(record) || Array.isArray(record)) return undefined;
	// all at once: property by property takes four times as long
	let values: unknown[] = Object.values(record);
	let index = 0;
	if (values.includes(undefined)) {
		for (const key of Object.keys(record))
			if ((record as Row)[key] !== undefined && key !== keys[index++]) return undefined;
		values = values.filter((value) => value !== undefined);
	} else for (const key in record) if (key !== keys[index++]) return undefined;
	return index === keys.length ? values : undefined;
}

function nodeOf(values: readonly unknown[], divisors: Divisors): Node {
	const first = kindOf(values[0]);
	const node = alike(first, values, divisors);
	if (node) return node;
	const kinds: { kind: Kind; values: unknown[] }[] = [];
	const i = values.map((value) => {
		let at = kinds.findIndex(({ kind }) => isOf(value, kind));
		if (at < 0) at = kinds.push({ kind: kindOf(value), values: [] }) - 1;
		kinds[at]?.values.push(value);
		return at;
	});
	return { i, p: kinds.map((part) => alike(part.kind, part.values, divisors) as Node) };
}

/** undefined: they are not all of this kind. */
function alike(kind: Kind, values: readonly unknown[], divisors: Divisors): Node | undefined {
	if (kind === 'plain') return values.some(isObject) ? undefined : values;
	if (kind === 'list') {
		if (!values.every(Array.isArray)) return undefined;
		const lists = values as unknown[][];
		const length = lists[0]?.length ?? 0;
		const l = lists.every((list) => list.length === length) ? length : lists.map((list) => list.length);
		return { l, v: nodeOf(lists.flat(), divisors) };
	}
	const columns = kind.map(() => new Array<unknown>(values.length));
	for (let at = 0; at < values.length; at++) {
		const figures = figuresOf(values[at], kind);
		if (!figures) return undefined;
		for (let index = 0; index < columns.length; index++) (columns[index] as unknown[])[at] = figures[index];
	}
	return {
		k: kind,
		c: columns.map((column, index) => derivedColumn(kind, index, columns, divisors) ?? nodeOf(column, divisors)),
	};
}

/** Outside of Node's pool: a frame that is a dictionary for a minute would keep 64 kB of it each. */
function ownBytes(text: string): Buffer {
	const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
	bytes.write(text);
	return bytes;
}

export function toText(snapshot: Snapshot): Buffer {
	const { rows } = snapshot;
	const head: Row = { ...snapshot, rows: rows.length };
	const lists: Record<string, Node> = {};
	const order: Record<string, Order> = {};
	const nodeInOrder = (key: string, values: readonly object[]): Node => {
		const stored = storedOrder(values);
		if (stored.order) order[key] = stored.order;
		return nodeOf(stored.rows, snapshot);
	};
	for (const [key, value] of Object.entries(snapshot))
		if (key !== 'rows' && Array.isArray(value) && value.length >= LONG_LIST && value.every(isObject)) {
			// its length has its position among the fields, as that of the rows
			head[key] = value.length;
			lists[key] = nodeInOrder(key, value);
		}
	return ownBytes(JSON.stringify({ head, lists, rows: nodeInOrder('rows', rows), order }));
}

/** The same value with all its text made inert, names of fields too. */
export function inert(value: unknown, depth = 0): unknown {
	if (typeof value === 'string') return sanitize(value);
	if (!isObject(value)) return value;
	if (depth >= MAX_DEPTH) throw new Error('nested too deep');
	if (Array.isArray(value)) return value.map((item) => inert(item, depth + 1));
	// fromEntries defines fields: one called __proto__ is a field like any other
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [sanitize(key), inert(item, depth + 1)]));
}

/** Properties of records that are read, and of those which are records themselves their own ones; true: all of it. */
export interface Fields {
	readonly [property: string]: true | Fields;
}

/** What every excerpt needs of the head. */
export const EVERY_HEAD = { tab: true, time: true, mono_ns: true, dt_ns: true, source: true, lost: true } as const;

/** The part of a snapshot that is read where the rest would only be thrown away. */
export interface Excerpt {
	/** Properties of the snapshot itself. */
	head: Fields;
	/** Of its rows; undefined: no rows. */
	rows?: Fields;
	/** Of long lists, by their names; others are left out. */
	lists?: Readonly<Record<string, Fields>>;
}

interface Budget {
	values: number;
}

/** Of a property's records; undefined: all of them. */
const fieldsOf = (fields: Fields | undefined, key: string): Fields | undefined => {
	const own = fields?.[key];
	return own === true ? undefined : own;
};

const isWanted = (fields: Fields | undefined, key: string): boolean =>
	fields === undefined || Object.hasOwn(fields, key);

function take(budget: Budget, values: number): void {
	budget.values -= values;
	if (budget.values < 0) throw new Error('too many values');
}

function isCount(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 0;
}

/** The `count` values of a node. @param fields of its records */
function valuesOf(node: unknown, count: number, budget: Budget, fields?: Fields, depth = 0): unknown[] {
	if (depth >= MAX_DEPTH) throw new Error('nested too deep');
	take(budget, count);
	if (Array.isArray(node)) {
		if (node.length !== count) throw new Error('a property has another number of values');
		if (node.some(isObject)) throw new Error('values that are none');
		return node.map((value) => (typeof value === 'string' ? sanitize(value) : value));
	}
	if (!isObject(node)) throw new Error('a property without values');
	const { k, c, l, v, i, p } = node as Record<string, unknown>;
	if (Array.isArray(k) && Array.isArray(c)) return records(k, c, count, budget, fields, depth);
	if (l !== undefined && v !== undefined) return lists(l, v, count, budget, fields, depth);
	if (Array.isArray(i) && Array.isArray(p)) return mixed(i, p, count, budget, fields, depth);
	throw new Error('a property without values');
}

function records(
	k: readonly unknown[],
	c: readonly unknown[],
	count: number,
	budget: Budget,
	fields: Fields | undefined,
	depth: number,
): unknown[] {
	if (k.length !== c.length || !k.every((key) => typeof key === 'string')) throw new Error('records without keys');
	const keys = (k as string[]).map((key) => sanitize(key));
	if (new Set(keys).size !== keys.length) throw new Error('records with a key twice');
	const columns = columnsOf(keys, c, count, budget, fields, depth);
	const read = keys.flatMap((key, index) => (isWanted(fields, key) ? [index] : []));
	// copies of one object share its hidden class; a key called __proto__ is its own property like any other
	const template: Row = Object.fromEntries(read.map((index) => [keys[index], null]));
	return Array.from({ length: count }, (_, at) => {
		const record = { ...template };
		for (const index of read) record[keys[index] as string] = (columns[index] as unknown[])[at];
		return record;
	});
}

const isDerived = (node: unknown): node is object => isObject(node) && Object.hasOwn(node, 'd');

/** Columns that are read: those that are wanted, and those that they follow from. */
function neededColumns(keys: readonly string[], c: readonly unknown[], fields: Fields | undefined): Set<number> {
	const needed = new Set<number>();
	const rest = keys.flatMap((key, index) => (isWanted(fields, key) ? [index] : []));
	for (let index = rest.pop(); index !== undefined; index = rest.pop()) {
		if (needed.has(index)) continue;
		needed.add(index);
		const node = c[index];
		if (!isDerived(node)) continue;
		for (const other of Object.values(node)) if (isCount(other) && other < c.length) rest.push(other);
	}
	return needed;
}

/** Columns of records, those that follow from others after these. What is not needed is empty. */
function columnsOf(
	keys: readonly string[],
	c: readonly unknown[],
	count: number,
	budget: Budget,
	fields: Fields | undefined,
	depth: number,
): unknown[][] {
	const needed = fields === undefined ? undefined : neededColumns(keys, c, fields);
	const isNeeded = (index: number): boolean => needed === undefined || needed.has(index);
	const columns = c.map((node, index) =>
		isDerived(node) || !isNeeded(index)
			? []
			: valuesOf(node, count, budget, fieldsOf(fields, keys[index] as string), depth + 1),
	);
	const known = new Set(c.flatMap((node, index) => (isDerived(node) && isNeeded(index) ? [] : [index])));
	// one may follow from another one that follows: each pass takes those whose columns are known, so that a circle is found
	while (known.size < c.length) {
		const before = known.size;
		// a chain in the wrong order takes a pass for each column
		take(budget, c.length);
		for (const [index, node] of c.entries()) {
			if (known.has(index) || !isDerived(node)) continue;
			const derived = readDerived(node, known);
			if (!derived) continue;
			take(budget, count);
			columns[index] = derivedValues(
				derived,
				columns,
				'v' in derived ? valuesOf(derived.v, count, budget, undefined, depth + 1) : [],
			);
			known.add(index);
		}
		if (known.size === before) throw new Error('a property without values');
	}
	return columns;
}

function lists(
	l: unknown,
	v: unknown,
	count: number,
	budget: Budget,
	fields: Fields | undefined,
	depth: number,
): unknown[] {
	const same = isCount(l);
	if (!same && !(Array.isArray(l) && l.length === count && l.every(isCount))) throw new Error('lists without lengths');
	const total = same ? l * count : (l as number[]).reduce((sum, length) => sum + length, 0);
	const all = valuesOf(v, total, budget, fields, depth + 1);
	let from = 0;
	return Array.from({ length: count }, (_, at) => {
		const length = same ? l : ((l as number[])[at] as number);
		from += length;
		return all.slice(from - length, from);
	});
}

function mixed(
	i: readonly unknown[],
	p: readonly unknown[],
	count: number,
	budget: Budget,
	fields: Fields | undefined,
	depth: number,
): unknown[] {
	const counts = p.map(() => 0);
	if (i.length !== count) throw new Error('a property has another number of values');
	for (const part of i) {
		if (!isCount(part) || part >= p.length) throw new Error('a value of no part');
		counts[part] = (counts[part] as number) + 1;
	}
	const parts = p.map((part, at) => valuesOf(part, counts[at] as number, budget, fields, depth + 1));
	const next = p.map(() => 0);
	return (i as number[]).map((part) => {
		const at = next[part] as number;
		next[part] = at + 1;
		return parts[part]?.[at];
	});
}

/** Values that may be long are read where they are wanted. */
function someOf(record: object, fields: Fields | undefined): object {
	if (fields === undefined) return record;
	const some = Object.entries(record).filter(([key]) => isWanted(fields, key));
	return Object.fromEntries(
		some.map(([key, value]) => {
			const own = fieldsOf(fields, key);
			return [key, own !== undefined && isObject(value) && !Array.isArray(value) ? someOf(value, own) : value];
		}),
	);
}

/**
 * What {@link toText} was given, its text made inert; whether it is a snapshot is for `validate.ts` to say.
 * @param excerpt only this of it, its records as they are stored
 * @throws what is wrong with it
 */
export function fromText(text: Buffer, excerpt?: Excerpt): Record<string, unknown> {
	const value = JSON.parse(utf8.decode(text)) as unknown;
	if (!isObject(value)) throw new Error('not a snapshot');
	const { head, lists = {}, rows, order = {} } = value as Record<string, unknown>;
	if (!isObject(head) || Array.isArray(head)) throw new Error('not a snapshot');
	const { rows: count } = head as Row;
	if (!isCount(count)) throw new Error('not a snapshot');
	const safeHead = inert(someOf(head, excerpt?.head)) as Record<string, unknown>;
	const budget = { values: MAX_VALUES };
	if (!isObject(lists) || !isObject(order)) throw new Error('not a snapshot');
	const ordered = (name: string, values: unknown[]): readonly unknown[] => {
		if (excerpt) return values;
		return inOrder(values, Object.hasOwn(order, name) ? (order as Row)[name] : undefined);
	};
	for (const [name, node] of Object.entries(lists)) {
		const key = sanitize(name);
		if (excerpt && !(excerpt.lists && Object.hasOwn(excerpt.lists, key))) continue;
		const length = Object.hasOwn(head, key) ? (head as Row)[key] : undefined;
		if (key === 'rows' || !isCount(length)) throw new Error('a list without a length');
		safeHead[key] = ordered(name, valuesOf(node, length, budget, excerpt?.lists?.[key]));
	}
	const none = excerpt !== undefined && excerpt.rows === undefined;
	return { ...safeHead, rows: none ? [] : ordered('rows', valuesOf(rows, count, budget, excerpt?.rows)) };
}
