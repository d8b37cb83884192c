/**
 * Encodes snapshots, to save memory and the work for unread rows: rows and other lists of records are stored by property
 * and decoded on first access. Charts over time use snapshots without distributions; a whole snapshot is packed
 * (structured clone, then zstd: a tenth of its size) and unpacked when the user travels to it.
 */
import { deserialize, serialize } from 'node:v8';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Snapshot } from '../core/snapshot.ts';
import type { Bytes } from '../lib/units.ts';
import { areProcesses, bytesOf, type Columns, dropLists, fromColumns, separated, toColumns } from './columnar.ts';
import { lazyRows } from './lazy-rows.ts';
import { sharedColumns, sharedHead } from './sharing.ts';

/**
 * Fast rather than small: one snapshot per tab and interval is packed while the screen is live. Of 1,000 rows it takes a third of
 * the time of deflate for the same size. The tables are small, since they are made anew at each call.
 */
const params = {
	[constants.ZSTD_c_compressionLevel]: 1,
	[constants.ZSTD_c_windowLog]: 17,
	[constants.ZSTD_c_hashLog]: 12,
};

/** A snapshot between threads: serialized for the receiver, and packed for its archive. */
export interface EncodedSnapshot {
	whole: Uint8Array<ArrayBuffer>;
	packed: Uint8Array<ArrayBuffer>;
}

/** A snapshot without its rows. */
type Head = Omit<Snapshot, 'rows'>;

interface Written {
	/** null in the place of each of {@link Written.lists}. */
	head: Head;
	/** Its properties that are lists of records, stored as the rows are. */
	lists: Readonly<Record<string, Columns>>;
	columns: Columns;
}

/** The encoded forms of decoded snapshots. */
const origins = new WeakMap<Snapshot, Written>();

/** Shorter lists take as much memory by property as by record. */
const LONG = 4;

function isLong(value: unknown): value is readonly object[] {
	const isRecord = (one: unknown) => typeof one === 'object' && one !== null && !Array.isArray(one);
	return Array.isArray(value) && value.length >= LONG && value.every(isRecord);
}

function write(snapshot: Snapshot): Written {
	const { rows, ...head } = snapshot;
	const lists: Record<string, Columns> = {};
	for (const [key, value] of Object.entries(head)) {
		if (!isLong(value)) continue;
		lists[key] = toColumns(value);
		(head as Record<string, unknown>)[key] = null;
	}
	return { head, lists, columns: toColumns(rows) };
}

type Rows = readonly object[];
type Decode = (columns: Columns) => Rows;

/** What was decoded of columns, by the function that did it. */
const decoded = new Map<Decode, WeakMap<Columns, Rows>>([
	[fromColumns, new WeakMap()],
	[lazyRows, new WeakMap()],
]);

function decodedBy(decode: Decode, columns: Columns): Rows {
	const known = decoded.get(decode) as WeakMap<Columns, Rows>;
	let rows = known.get(columns);
	if (!rows) {
		rows = decode(columns);
		known.set(columns, rows);
	}
	return rows;
}

/**
 * A property that is decoded when it is read first. All snapshots have the same function for it: with functions of their
 * own each would be of a class of its own, half a kilobyte.
 */
function lazily(columnsOf: (written: Written) => Columns, decode: Decode = fromColumns): PropertyDescriptor {
	return {
		enumerable: true,
		configurable: true,
		get(this: Snapshot) {
			return decodedBy(decode, columnsOf(origins.get(this) as Written));
		},
	};
}

const wholeRows = lazily(({ columns }) => columns);
const figureRows = lazily(({ columns }) => columns, lazyRows);

/** By the name of a list. */
const listProperties = new Map<string, PropertyDescriptor>();
/** Names whose property is kept: those of the program's own lists, and more. Recordings of others may have any. */
const MOST_LISTS = 256;

function listProperty(name: string): PropertyDescriptor {
	const known = listProperties.get(name);
	if (known) return known;
	const property = lazily(({ lists }) => lists[name] as Columns);
	if (listProperties.size >= MOST_LISTS) listProperties.clear();
	listProperties.set(name, property);
	return property;
}

function read(written: Written): Snapshot {
	const { head, lists } = written;
	const snapshot = {};
	// in their order, and each once: a property that becomes another kind makes a dictionary of the object
	for (const [key, value] of Object.entries(head))
		Object.defineProperty(
			snapshot,
			key,
			Object.hasOwn(lists, key) ? listProperty(key) : { value, enumerable: true, configurable: true, writable: true },
		);
	Object.defineProperty(snapshot, 'rows', wholeRows);
	origins.set(snapshot as Snapshot, written);
	return snapshot as Snapshot;
}

/** By snapshot: the same with {@link lazyRows}. */
const lazy = new WeakMap<Snapshot, Snapshot>();

/**
 * For the thread that draws: the snapshot with rows that are decoded figure by figure, the same object each time. One that
 * was not encoded is returned itself. Its rows are not plain data (see {@link lazyRows}).
 */
export function withLazyRows(snapshot: Snapshot): Snapshot {
	const written = origins.get(snapshot);
	if (!written) return snapshot;
	const known = lazy.get(snapshot);
	if (known) return known;
	const own = Object.defineProperties({}, Object.getOwnPropertyDescriptors(snapshot)) as Snapshot;
	Object.defineProperty(own, 'rows', figureRows);
	origins.set(own, written);
	lazy.set(snapshot, own);
	return own;
}

function originOf(snapshot: Snapshot): Written {
	return origins.get(snapshot) ?? write(snapshot);
}

/** Both forms of a snapshot for the work of one. */
export function encode(snapshot: Snapshot): EncodedSnapshot {
	const whole = serialize(originOf(snapshot));
	// a copy: zlib returns the beginning of a larger buffer, which would be kept
	return { whole, packed: new Uint8Array(zstdCompressSync(whole, { params, pledgedSrcSize: whole.length })) };
}

/** A snapshot from its serialised form. Its rows are decoded on first use. */
export function decode({ whole }: EncodedSnapshot): Snapshot {
	return read(deserialize(whole) as Written);
}

/** The packed form only: a tenth of the size, for the past. */
export function pack(snapshot: Snapshot): Uint8Array {
	return encode(snapshot).packed;
}

/** A snapshot from the bytes of {@link pack}, unpacked at each call. */
export function unpack(packed: Uint8Array): Snapshot {
	return read(deserialize(zstdDecompressSync(packed)) as Written);
}

/** Memory of the encoded rows, and of lists of processes; 0: none, or they are not encoded. */
export function columnBytes(snapshot: Snapshot): Bytes {
	const written = origins.get(snapshot);
	if (!written) return 0;
	let bytes = bytesOf(written.columns);
	for (const list of Object.values(written.lists)) if (areProcesses(list)) bytes += bytesOf(list);
	return bytes;
}

/** Number of rows, without decoding them. */
export function rowCount(snapshot: Snapshot): number {
	return origins.get(snapshot)?.columns.length ?? snapshot.rows.length;
}

/** Of what charts over time use: apart from the message in which it came, and sharing with the one before what has not changed. */
function aged({ head, lists, columns }: Written, before: Snapshot | undefined): Snapshot {
	const known = before && originOf(before);
	const own = Object.entries(lists).map(
		([key, list]) => [key, sharedColumns(separated(list), known?.lists[key])] as const,
	);
	return read({
		head: known ? sharedHead(head, known.head) : head,
		lists: Object.fromEntries(own),
		columns: sharedColumns(columns, known?.columns),
	});
}

/**
 * With empty lists (buckets of histograms) in its rows: they take most of the memory, and charts over time do not draw them.
 * @param before the aged snapshot before it
 */
export function withoutLists(snapshot: Snapshot, before?: Snapshot): Snapshot {
	const written = originOf(snapshot);
	return aged({ ...written, columns: dropLists(written.columns) }, before);
}

const NO_ROWS = toColumns([]);

/** See {@link withoutLists}. Lists of processes are empty too: there may be hundreds of them in each interval. */
export function withoutRows(snapshot: Snapshot, before?: Snapshot): Snapshot {
	const { head, lists } = originOf(snapshot);
	const kept = Object.entries(lists).map(([key, list]) => [key, areProcesses(list) ? NO_ROWS : list] as const);
	return aged({ head, lists: Object.fromEntries(kept), columns: NO_ROWS }, before);
}
