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

interface Budget {
	values: number;
}

function take(budget: Budget, values: number): void {
	budget.values -= values;
	if (budget.values < 0) throw new Error('too many values');
}

function isCount(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 0;
}

/** The `count` values of a node. */
function valuesOf(node: unknown, count: number, budget: Budget, depth = 0): unknown[] {
	if (depth >= MAX_DEPTH) throw new Error('nested too deep');
	take(budget, count);
	if (Array.isArray(node)) {
		if (node.length !== count) throw new Error('a property has another number of values');
		if (node.some(isObject)) throw new Error('values that are none');
		return node.map((value) => (typeof value === 'string' ? sanitize(value) : value));
	}
	if (!isObject(node)) throw new Error('a property without values');
	const { k, c, l, v, i, p } = node as Record<string, unknown>;
	if (Array.isArray(k) && Array.isArray(c)) return records(k, c, count, budget, depth);
	if (l !== undefined && v !== undefined) return lists(l, v, count, budget, depth);
	if (Array.isArray(i) && Array.isArray(p)) return mixed(i, p, count, budget, depth);
	throw new Error('a property without values');
}

function records(
	k: readonly unknown[],
	c: readonly unknown[],
	count: number,
	budget: Budget,
	depth: number,
): unknown[] {
	if (k.length !== c.length || !k.every((key) => typeof key === 'string')) throw new Error('records without keys');
	const keys = (k as string[]).map((key) => sanitize(key));
	// copies of one object share its hidden class; a key called __proto__ is its own property like any other
	const template: Row = Object.fromEntries(keys.map((key) => [key, null]));
	if (Object.keys(template).length !== keys.length) throw new Error('records with a key twice');
	const columns = columnsOf(c, count, budget, depth);
	return Array.from({ length: count }, (_, at) => {
		const record = { ...template };
		for (let index = 0; index < keys.length; index++) record[keys[index] as string] = (columns[index] as unknown[])[at];
		return record;
	});
}

/** Columns of records, those that follow from others after these. */
function columnsOf(c: readonly unknown[], count: number, budget: Budget, depth: number): unknown[][] {
	const isDerived = (node: unknown): node is object => isObject(node) && Object.hasOwn(node, 'd');
	const columns = c.map((node) => (isDerived(node) ? [] : valuesOf(node, count, budget, depth + 1)));
	const known = new Set(c.flatMap((node, index) => (isDerived(node) ? [] : [index])));
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
				'v' in derived ? valuesOf(derived.v, count, budget, depth + 1) : [],
			);
			known.add(index);
		}
		if (known.size === before) throw new Error('a property without values');
	}
	return columns;
}

function lists(l: unknown, v: unknown, count: number, budget: Budget, depth: number): unknown[] {
	const same = isCount(l);
	if (!same && !(Array.isArray(l) && l.length === count && l.every(isCount))) throw new Error('lists without lengths');
	const total = same ? l * count : (l as number[]).reduce((sum, length) => sum + length, 0);
	const all = valuesOf(v, total, budget, depth + 1);
	let from = 0;
	return Array.from({ length: count }, (_, at) => {
		const length = same ? l : ((l as number[])[at] as number);
		from += length;
		return all.slice(from - length, from);
	});
}

function mixed(i: readonly unknown[], p: readonly unknown[], count: number, budget: Budget, depth: number): unknown[] {
	const counts = p.map(() => 0);
	if (i.length !== count) throw new Error('a property has another number of values');
	for (const part of i) {
		if (!isCount(part) || part >= p.length) throw new Error('a value of no part');
		counts[part] = (counts[part] as number) + 1;
	}
	const parts = p.map((part, at) => valuesOf(part, counts[at] as number, budget, depth + 1));
	const next = p.map(() => 0);
	return (i as number[]).map((part) => {
		const at = next[part] as number;
		next[part] = at + 1;
		return parts[part]?.[at];
	});
}

/**
 * What {@link toText} was given, its text made inert; whether it is a snapshot is for `validate.ts` to say.
 * @throws what is wrong with it
 */
export function fromText(text: Buffer): Record<string, unknown> {
	const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text)) as unknown;
	if (!isObject(value)) throw new Error('not a snapshot');
	const { head, lists = {}, rows, order = {} } = value as Record<string, unknown>;
	if (!isObject(head) || Array.isArray(head)) throw new Error('not a snapshot');
	const safeHead = inert(head) as Record<string, unknown>;
	const { rows: count } = safeHead;
	if (!isCount(count)) throw new Error('not a snapshot');
	const budget = { values: MAX_VALUES };
	if (!isObject(lists) || !isObject(order)) throw new Error('not a snapshot');
	const orderOf = (name: string): unknown => (Object.hasOwn(order, name) ? (order as Row)[name] : undefined);
	for (const [name, node] of Object.entries(lists)) {
		const key = sanitize(name);
		const length = Object.hasOwn(safeHead, key) ? safeHead[key] : undefined;
		if (key === 'rows' || !isCount(length)) throw new Error('a list without a length');
		safeHead[key] = inOrder(valuesOf(node, length, budget), orderOf(name));
	}
	return { ...safeHead, rows: inOrder(valuesOf(rows, count, budget), orderOf('rows')) };
}
