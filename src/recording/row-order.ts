/**
 * Rows are stored in an order that does not change between intervals, by start and pid: the same process stays at the same
 * distance, and identities are stored once for many frames. Their own order follows from a figure where they are sorted by
 * one, else it is stored.
 */

type Row = Record<string, unknown>;

/** Own order of records that are stored in another one. */
export interface Order {
	/** Sorted by this property first, the highest value first; absent: by none. */
	by?: string;
	/** Where each of these belongs: the step from the one before; absent: they are in their order. */
	at?: readonly number[];
}

/** Figures by which tracers sort their rows. */
const FIGURES = ['cpu_ns', 'time_ns', 'wait_ns'];

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Start and number of a process or thread; undefined: a record of something else. */
function identityOf(row: Row): [start: number, id: number] | undefined {
	const of = isRow(row['key']) ? row['key'] : row;
	const start = of['start_time'];
	const id = of['tid'] ?? of['pid'] ?? of['id'];
	return typeof start === 'number' && typeof id === 'number' ? [start, id] : undefined;
}

function figureOf(row: unknown, by: string): number {
	const value = isRow(row) && Object.hasOwn(row, by) ? row[by] : 0;
	return typeof value === 'number' ? value : 0;
}

function sortedBy<T>(rows: readonly T[], by: string): T[] {
	return [...rows].sort((a, b) => figureOf(b, by) - figureOf(a, by));
}

/** Records by start and number, others behind them. The same array where no record is a process or thread. */
export function byIdentity<T extends object>(rows: readonly T[]): readonly T[] {
	let any = false;
	const keyed = rows.map((row) => {
		const identity = identityOf(row as Row);
		any ||= identity !== undefined;
		return { row, start: identity?.[0] ?? Number.POSITIVE_INFINITY, id: identity?.[1] ?? 0 };
	});
	if (!any) return rows;
	// without a start both are infinite, and their difference is no number
	return keyed.sort((a, b) => a.start - b.start || a.id - b.id).map(({ row }) => row);
}

/** @returns the records as they are stored, and their own order; undefined: that is the one in which they are stored */
export function storedOrder<T extends object>(rows: readonly T[]): { rows: readonly T[]; order: Order | undefined } {
	const stored = byIdentity(rows);
	if (stored === rows || stored.every((row, at) => row === rows[at])) return { rows: stored, order: undefined };
	let best: Order | undefined;
	let moved = Number.POSITIVE_INFINITY;
	const position = new Map(rows.map((row, at) => [row, at]));
	// one object twice has one position
	if (position.size !== rows.length) return { rows, order: undefined };
	for (const by of [undefined, ...FIGURES]) {
		if (by !== undefined && !rows.some((row) => Object.hasOwn(row, by))) continue;
		const sorted = by === undefined ? stored : sortedBy(stored, by);
		let last = -1;
		let jumps = 0;
		const at = sorted.map((row) => {
			const place = position.get(row) as number;
			const step = place - last;
			last = place;
			if (step !== 1) jumps++;
			return step;
		});
		if (jumps >= moved) continue;
		moved = jumps;
		best = { ...(by !== undefined && { by }), ...(jumps > 0 && { at }) };
	}
	return { rows: stored, order: best };
}

/**
 * Stored records in their own order. @param order of a file, which may be anybody's
 * @throws where it is no order of them
 */
export function inOrder<T>(rows: readonly T[], order: unknown): readonly T[] {
	if (order === undefined) return rows;
	if (!isRow(order)) throw new Error('rows without an order');
	const { by, at } = order;
	const sorted = typeof by === 'string' ? sortedBy(rows, by) : rows;
	if (at === undefined) return sorted;
	if (!Array.isArray(at) || at.length !== rows.length) throw new Error('rows without an order');
	const own = new Array<T>(rows.length);
	const taken = new Uint8Array(rows.length);
	let place = -1;
	for (const [index, row] of sorted.entries()) {
		place += at[index] as number;
		if (!Number.isInteger(place) || place < 0 || place >= rows.length || taken[place] === 1)
			throw new Error('rows without an order');
		taken[place] = 1;
		own[place] = row;
	}
	return own;
}
