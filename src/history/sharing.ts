/**
 * Parts of a snapshot that are those of the snapshot before become the same objects. Most of what is kept of an interval
 * beside its numbers has not changed: where figures come from, the names of properties, where their numbers are, texts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Column, Columns } from './columnar.ts';

/** Of a record's properties, those that have not changed are the objects of the record before. */
export function sharedHead<Head extends object>(head: Head, before: Head): Head {
	const known = before as Readonly<Record<string, unknown>>;
	const parts = Object.entries(head).map(([key, value]) => {
		const shared = typeof value === 'object' && value !== null && isDeepStrictEqual(value, known[key]);
		return [key, shared ? known[key] : value] as const;
	});
	return Object.fromEntries(parts) as Head;
}

/** The rows of a property; they may be those of the snapshot before as a whole. */
export function sharedColumns(columns: Columns, before: Columns | undefined): Columns {
	const rows = sharedColumn(columns.rows, before?.rows);
	const same =
		before !== undefined &&
		rows === before.rows &&
		columns.length === before.length &&
		sameBytes(columns.numbers, before.numbers) &&
		sameBytes(columns.lists, before.lists);
	return same ? before : { ...columns, rows };
}

type Bytes = Float64Array | Uint8Array | null;

function sameBytes(a: Bytes, b: Bytes): boolean {
	if (a === null || b === null) return a === b;
	return a.byteLength === b.byteLength && Buffer.compare(bytesIn(a), bytesIn(b)) === 0;
}

function bytesIn({ buffer, byteOffset, byteLength }: Float64Array | Uint8Array): Uint8Array {
	return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Equal values as one object, whichever tab they are of. At the most it forgets them all: those that are kept stay. */
class Known<Key, Value> {
	private readonly values = new Map<Key, Value>();
	private readonly most: number;

	constructor(most: number) {
		this.most = most;
	}

	/** The first value that came with this key. */
	first(key: Key, value: Value): Value {
		const known = this.values.get(key);
		if (known !== undefined) return known;
		if (this.values.size >= this.most) this.values.clear();
		this.values.set(key, value);
		return value;
	}
}

/** Columns of numbers by their offset. */
const numberColumns = new Known<number, Column>(4096);
/** Names of properties. */
const keyLists = new Known<string, readonly string[]>(512);
/** Texts: one that was decoded again is another object. */
const knownTexts = new Known<string, string>(8192);

function sharedColumn(column: Column, before: Column | undefined): Column {
	switch (column.kind) {
		case 'numbers':
			return before?.kind === 'numbers' && before.at === column.at ? before : numberColumns.first(column.at, column);
		case 'texts': {
			const known = before?.kind === 'texts' ? before : undefined;
			const texts = sharedTexts(column.texts, known?.texts);
			return known && texts === known.texts && column.at === known.at ? known : { ...column, texts };
		}
		case 'records': {
			const known = before?.kind === 'records' ? before : undefined;
			const keys =
				known && sameItems(column.keys, known.keys)
					? known.keys
					: keyLists.first(JSON.stringify(column.keys), column.keys);
			const columns = sharedAll(column.columns, known?.columns);
			return known && keys === known.keys && columns === known.columns ? known : { kind: 'records', keys, columns };
		}
		case 'mixed': {
			const known = before?.kind === 'mixed' ? before : undefined;
			const parts = sharedAll(column.parts, known?.parts);
			return known && parts === known.parts && column.at === known.at ? known : { ...column, parts };
		}
		default:
			return isDeepStrictEqual(column, before) ? (before as Column) : column;
	}
}

function sharedAll(columns: readonly Column[], before: readonly Column[] = []): readonly Column[] {
	const shared = columns.map((column, index) => sharedColumn(column, before[index]));
	return sameItems(shared, before) ? before : shared;
}

function sameItems(some: readonly unknown[], others: readonly unknown[]): boolean {
	return some.length === others.length && some.every((item, index) => item === others[index]);
}

function sharedTexts(texts: readonly string[], before: readonly string[] = []): readonly string[] {
	return sameItems(texts, before) ? before : texts.map((text) => knownTexts.first(text, text));
}
