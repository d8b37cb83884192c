/**
 * Columns that follow from others: rates, shares, means, percentiles and totals are up to half of what changes in a frame.
 * A column is left out only where its formula gives every value exactly, so that what is read is what was recorded.
 */
import { type Buckets, slotCount } from '../lib/histogram.ts';
import { quantileIn } from './quantile.ts';

/** Instead of a column. `of`, `per`, `max`: positions of other columns of the same records, in no circle. */
export type Derived =
	/** The difference to a column is stored instead. */
	| { d: 'total'; of: number; v: unknown }
	/** Each value's difference to the one before: records are stored in the order of their start. */
	| { d: 'steps'; v: unknown }
	/** `of` / `by` × `times`; null where `of` is. */
	| { d: 'ratio'; of: number; by: number; times: number }
	/** The number of entries of the distribution `of`. */
	| { d: 'entries'; of: number }
	/** `of` / `per`, rounded; 0 where there are none. */
	| { d: 'mean'; of: number; per: number }
	/** A percentile of the distribution `of`, whose histogram has 2^`sub` slots per power of two. */
	| { d: 'rank'; of: number; max: number; rank: number; sub: number };

/** Facts of the snapshot that its rows are divided by. */
export interface Divisors {
	dt_ns?: unknown;
	measured_uj?: unknown;
}

type Columns = readonly (readonly unknown[])[];

/** Histograms of tabs: fine ones of the system and of CPUs, coarse ones of processes. */
const SUBS = [4, 2, 3, 1];
const slots = new Map(SUBS.map((sub) => [sub, slotCount(sub)]));

/** Derived columns without values of their own. */
type Formula = Exclude<Derived, { d: 'total' } | { d: 'steps' }>;

/** The value of a derived column in a row. */
function valueAt(derived: Formula, columns: Columns, at: number): unknown {
	const of = columns[derived.of]?.[at];
	switch (derived.d) {
		case 'ratio':
			return typeof of === 'number' ? (of / derived.by) * derived.times : null;
		case 'entries':
			return Array.isArray(of) ? (of as Buckets).reduce((sum, bucket) => sum + bucket[1], 0) : 0;
		case 'mean': {
			const count = columns[derived.per]?.[at];
			return typeof of === 'number' && typeof count === 'number' && count > 0 ? Math.round(of / count) : 0;
		}
		case 'rank': {
			const max = columns[derived.max]?.[at];
			if (!Array.isArray(of) || of.length === 0) return 0;
			return quantileIn(
				of as Buckets,
				derived.rank,
				typeof max === 'number' ? max : Number.POSITIVE_INFINITY,
				slots.get(derived.sub) as number,
			);
		}
	}
}

/** All values of a derived column. @param difference of `total` and `steps`, the stored column */
export function derivedValues(derived: Derived, columns: Columns, difference: readonly unknown[] = []): unknown[] {
	if (derived.d === 'steps') {
		let sum = 0;
		return difference.map((step) => {
			if (typeof step !== 'number') throw new Error('a step that is none');
			sum += step;
			return sum;
		});
	}
	const { length } = columns[derived.of] ?? [];
	if (derived.d !== 'total') return Array.from({ length }, (_, at) => valueAt(derived, columns, at));
	return Array.from({ length }, (_, at) => {
		const [base, more] = [columns[derived.of]?.[at], difference[at]];
		return typeof base === 'number' && typeof more === 'number' ? base + more : more;
	});
}

/** Identities, by which records are stored in order. */
const STEPPED = new Set(['start_time', 'pid', 'id', 'tid']);

function candidates(keys: readonly string[], index: number, { dt_ns, measured_uj }: Divisors): Formula[] {
	const key = keys[index] as string;
	const at = (name: string) => keys.indexOf(name);
	if (key === 'watts' || key === 'share') {
		const [by, times] = key === 'watts' ? [dt_ns, 1000] : [measured_uj, 1];
		const of = at('energy_uj');
		return of >= 0 && typeof by === 'number' && by > 0 ? [{ d: 'ratio', of, by, times }] : [];
	}
	if (key === 'mean_ns') {
		const [of, per] = [Math.max(at('wait_ns'), at('time_ns')), at('count')];
		return of >= 0 && per >= 0 ? [{ d: 'mean', of, per }] : [];
	}
	if (key === 'count') {
		const of = at('buckets');
		return of >= 0 ? [{ d: 'entries', of }] : [];
	}
	const rank = /^p(\d{1,3})_ns$/.exec(key)?.[1];
	if (rank !== undefined) {
		const [of, max] = [at('buckets'), at('max_ns')];
		return of >= 0 && max >= 0 ? SUBS.map((sub) => ({ d: 'rank', of, max, rank: Number(`0.${rank}`), sub })) : [];
	}
	return [];
}

/** How a column follows from others of its records; undefined: it does not. */
export function derivedColumn(
	keys: readonly string[],
	index: number,
	columns: Columns,
	divisors: Divisors,
): Derived | undefined {
	const key = keys[index] as string;
	const values = columns[index] as readonly unknown[];
	// the total of what is new is its interval; the time of a single wait is the longest one
	const near = key.endsWith('_total') ? key.slice(0, -'_total'.length) : key === 'wait_ns' ? 'max_ns' : undefined;
	const base = near === undefined ? undefined : columns[keys.indexOf(near)];
	if (near !== undefined && base) {
		if (!base.every(Number.isSafeInteger) || !values.every(Number.isSafeInteger)) return undefined;
		const v = values.map((value, at) => (value as number) - (base[at] as number));
		return { d: 'total', of: keys.indexOf(near), v };
	}
	if (STEPPED.has(key) && values.length > 1 && values.every(Number.isSafeInteger))
		return { d: 'steps', v: values.map((value, at) => (value as number) - (at > 0 ? (values[at - 1] as number) : 0)) };
	for (const candidate of candidates(keys, index, divisors))
		if (values.every((value, at) => Object.is(value, valueAt(candidate, columns, at)))) return candidate;
	return undefined;
}

/** A derived column of a file, which may be anybody's; undefined: it is none, or needs others first. @param stored columns whose values are known */
export function readDerived(node: object, stored: ReadonlySet<number>): Derived | undefined {
	const { d, of, per, max, by, times, rank, sub, v } = node as Record<string, unknown>;
	if (d === 'steps' && v !== undefined) return { d, v };
	const isStored = (index: unknown): index is number => typeof index === 'number' && stored.has(index);
	if (!isStored(of)) return undefined;
	if (d === 'total' && v !== undefined) return { d, of, v };
	const isDivisor = (value: unknown): value is number => Number.isFinite(value) && value !== 0;
	if (d === 'ratio' && isDivisor(by) && isDivisor(times)) return { d, of, by, times };
	if (d === 'entries') return { d, of };
	if (d === 'mean' && isStored(per)) return { d, of, per };
	if (d === 'rank' && isStored(max) && typeof rank === 'number' && slots.has(sub as number))
		return { d, of, max, rank, sub: sub as number };
	return undefined;
}
