/**
 * Rows that read a figure from {@link Columns} when it is asked for. A table of 100,000 rows is ordered by one column and
 * shows fifty rows of it: objects with all properties are made of none. Such a row is no plain data: it has no properties
 * of its own, so that spreading it or cloning it copies nothing.
 */
import { deserialize } from 'node:v8';
import { type Column, type Columns, type Lists, reader } from './columnar.ts';

const SOURCE = Symbol('source');
const INDEX = Symbol('index');

type Row = object;
type RowClass = new (source: Source, index: number) => Row;

/** The values of rows that have the same properties. */
class Source {
	private readonly columns: readonly Column[];
	private readonly numbers: Float64Array;
	private readonly lists: () => Lists | null;
	/** By property: offset of its numbers; -1: its values are decoded, all of them when one is asked for. */
	private readonly begins: Int32Array;
	/** By property: texts that the numbers are indices of. */
	private readonly texts: readonly (readonly string[] | null)[];
	private readonly decoded: ({ values: unknown[]; next: () => unknown } | undefined)[] = [];

	constructor(columns: readonly Column[], numbers: Float64Array, lists: () => Lists | null) {
		this.columns = columns;
		this.numbers = numbers;
		this.lists = lists;
		this.begins = Int32Array.from(columns, (one) => (one.kind === 'numbers' || one.kind === 'texts' ? one.at : -1));
		this.texts = columns.map((one) => (one.kind === 'texts' ? one.texts : null));
	}

	value(property: number, index: number): unknown {
		const begin = this.begins[property] as number;
		if (begin < 0) return this.valueOf(property, index);
		const number = this.numbers[begin + index] as number;
		const texts = this.texts[property];
		return texts ? texts[number] : number;
	}

	/** The same object each time. */
	private valueOf(property: number, index: number): unknown {
		let known = this.decoded[property];
		if (!known) {
			known = { values: [], next: reader(this.columns[property] as Column, this.numbers, this.lists()) };
			this.decoded[property] = known;
		}
		while (known.values.length <= index) known.values.push(known.next());
		return known.values[index];
	}
}

/** Lists of properties whose class is kept: those of the program's own rows, and more. Recordings of others may have any. */
const MOST_CLASSES = 64;

/** One class for all rows with these properties: code that reads them meets the same one in every interval. */
const classes = new Map<string, RowClass>();

function classOf(keys: readonly string[]): RowClass {
	const name = JSON.stringify(keys);
	const known = classes.get(name);
	if (known) return known;
	class LazyRow {
		readonly [SOURCE]: Source;
		readonly [INDEX]: number;

		constructor(source: Source, index: number) {
			this[SOURCE] = source;
			this[INDEX] = index;
		}
	}
	for (const [property, key] of keys.entries())
		Object.defineProperty(LazyRow.prototype, key, {
			get(this: LazyRow) {
				return this[SOURCE].value(property, this[INDEX]);
			},
		});
	if (classes.size >= MOST_CLASSES) classes.clear();
	classes.set(name, LazyRow);
	return LazyRow;
}

/** The rows in their order. */
export function lazyRows({ length, rows, numbers, lists }: Columns): readonly object[] {
	let read: Lists | null | undefined;
	const listsOf = (): Lists | null => {
		read ??= lists && (deserialize(lists) as Lists);
		return read;
	};
	const next = rowReader(rows, numbers, listsOf);
	const all: Row[] = [];
	while (all.length < length) all.push(next());
	return all;
}

/** A function that returns one row after the other. */
function rowReader(column: Column, numbers: Float64Array, lists: () => Lists | null): () => Row {
	switch (column.kind) {
		case 'records': {
			const LazyRow = classOf(column.keys);
			const source = new Source(column.columns, numbers, lists);
			let index = 0;
			return () => new LazyRow(source, index++);
		}
		case 'mixed': {
			const parts = column.parts.map((part) => rowReader(part, numbers, lists));
			let { at } = column;
			return () => (parts[numbers[at++] as number] as () => Row)();
		}
		default:
			return reader(column, numbers, lists()) as () => Row;
	}
}
