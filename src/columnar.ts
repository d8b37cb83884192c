/**
 * Many rows alike, as one array for each property: structured clone spells out every property's name in every object,
 * and copies an array of numbers as memory. Rows come back as they were, properties in the same order.
 */

/** Rows are arrays of numbers, of indices into few texts, or whatever else structured clone can take. */
type Column =
	| { kind: 'numbers'; numbers: Float64Array }
	| { kind: 'texts'; texts: readonly string[]; indices: Uint32Array }
	| { kind: 'values'; values: readonly unknown[] };

export interface Columns {
	keys: readonly string[];
	columns: readonly Column[];
	length: number;
}

type Row = Record<string, unknown>;

/** undefined: the rows are not alike. */
export function toColumns(rows: readonly object[]): Columns | undefined {
	const [first] = rows;
	if (!first) return undefined;
	const keys = Object.keys(first);
	if (!rows.every((row) => hasKeys(row, keys))) return undefined;
	return {
		keys,
		columns: keys.map((key) => columnOf((rows as readonly Row[]).map((row) => row[key]))),
		length: rows.length,
	};
}

/** Exactly these properties, in this order. */
function hasKeys(row: object, keys: readonly string[]): boolean {
	let place = 0;
	for (const key in row) if (key !== keys[place++]) return false;
	return place === keys.length;
}

function columnOf(values: readonly unknown[]): Column {
	if (values.every((value) => typeof value === 'number')) return { kind: 'numbers', numbers: new Float64Array(values) };
	if (!values.every((value) => typeof value === 'string')) return { kind: 'values', values };
	const places = new Map<string, number>();
	const indices = new Uint32Array(values.length);
	for (const [place, text] of values.entries()) {
		const known = places.get(text) ?? places.size;
		if (known === places.size) places.set(text, known);
		indices[place] = known;
	}
	return { kind: 'texts', texts: [...places.keys()], indices };
}

export function fromColumns({ keys, columns, length }: Columns): object[] {
	// copies of one object share its hidden class; objects that grow property by property are slower to make
	const template: Row = {};
	for (const key of keys) template[key] = null;
	const reads = columns.map(reader);
	const rows: Row[] = [];
	for (let place = 0; place < length; place++) {
		const row = { ...template };
		for (let column = 0; column < keys.length; column++) row[keys[column] as string] = (reads[column] as Read)(place);
		rows.push(row);
	}
	return rows;
}

type Read = (place: number) => unknown;

function reader(column: Column): Read {
	switch (column.kind) {
		case 'numbers': {
			const { numbers } = column;
			return (place) => numbers[place];
		}
		case 'texts': {
			const { texts, indices } = column;
			return (place) => texts[indices[place] as number];
		}
		case 'values': {
			const { values } = column;
			return (place) => values[place];
		}
	}
}
