/**
 * Several intervals of one tab as one. Sums are added, distributions merged, totals since start are those of the last
 * interval, and what is a state at a moment is the last one known. No percentile is ever averaged: it comes from the merged
 * distribution, or is the highest of its intervals where a row has no distribution.
 *
 * The rules go by the names of fields, whose endings have the same meaning in all tabs (docs/batch.md).
 */
import type { Snapshot } from '../core/snapshot.ts';
import { type Buckets, mergeBuckets } from '../lib/histogram.ts';
import type { Ns } from '../lib/units.ts';
import { countsOf, quantileOf } from './quantile.ts';

/** Entries of a list that is put together from those of several intervals. */
const MOST_ENTRIES = 256;

type Record_ = Record<string, unknown>;
/** The same field in each interval, in their order; undefined: the interval has no such row. */
type Parts = readonly unknown[];

interface Times {
	/** Lengths of the intervals. */
	dt: readonly Ns[];
	total: Ns;
}

/** Numbers that are states, identities or settings: the last one known. */
const LAST = new Set([
	...['pid', 'tid', 'id', 'start_time', 'process_start', 'cpu', 'irq', 'uid', 'depth', 'sector'],
	...['cpus', 'threads', 'processes', 'alive', 'seconds', 'schema', 'mono_ns', 'inflight_count', 'waiting_count'],
	...['rss_bytes', 'kernel_bytes', 'log2_unit_ns', 'slow_threshold_ns', 'limit_share', 'cost_share'],
]);
/** Lists and records of which the last one counts. */
const LAST_WHOLE = new Set([
	...['focus', 'source', 'storm_bounds', 'zones_ns', 'late_zones_ns', 'full_path', 'forecast', 'history', 'inflight'],
	...['waiting', 'culprits', 'lost', 'checked', 'unchecked', 'missing', 'owner', 'link', 'figures', 'peak'],
]);
/** Rates and shares of time: weighted by the length of the interval, 0 where the row was missing. */
const MEAN = new Set(['watts', 'share', 'hard', 'soft', 'vector', 'rate', 'busy_share']);
/** Highest of all intervals. */
const MOST = new Set(['max_ns', 'age_ns', 'excess']);

const isRecord = (value: unknown): value is Record_ =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const known = (parts: Parts): unknown[] => parts.filter((part) => part !== undefined && part !== null);

function mergeRecords(parts: Parts, times: Times): Record_ {
	const records = known(parts).filter(isRecord);
	const last = records.at(-1) ?? {};
	// fields in the order of the last one, then those that only earlier ones have
	const keys = new Set([...Object.keys(last), ...records.flatMap((record) => Object.keys(record))]);
	const merged: Record_ = Object.fromEntries(
		[...keys].map((key) => {
			const of = parts.map((part) => (isRecord(part) ? part[key] : undefined));
			return [key, mergeField(key, of, parts, times)];
		}),
	);
	if (Array.isArray(merged['buckets'])) {
		const max = typeof merged['max_ns'] === 'number' ? merged['max_ns'] : Number.POSITIVE_INFINITY;
		for (const key of keys) {
			const rank = /^p(\d{1,3})_ns$/.exec(key)?.[1];
			if (rank !== undefined)
				merged[key] = quantileOf(countsOf(merged['buckets'] as Buckets), Number(`0.${rank}`), max);
		}
	}
	return merged;
}

function mergeField(key: string, parts: Parts, owners: Parts, times: Times): unknown {
	const there = known(parts);
	const last = there.at(-1);
	if (there.length === 0) return parts.findLast((part) => part !== undefined) ?? null;
	if (LAST_WHOLE.has(key) || key.endsWith('_total')) return last;
	if (key === 'buckets') return mergeBuckets(there as Buckets[]);
	if (typeof last === 'number') return mergeNumbers(key, parts, owners, times);
	if (Array.isArray(last)) return mergeLists(key, there as unknown[][], times);
	return isRecord(last) ? mergeRecords(parts, times) : last;
}

function mergeNumbers(key: string, parts: Parts, owners: Parts, { dt, total }: Times): number {
	const numbers = parts.map((part) => (typeof part === 'number' ? part : undefined));
	const all = numbers.filter((number) => number !== undefined);
	if (LAST.has(key) || key.endsWith('_limit')) return all.at(-1) as number;
	if (MOST.has(key) || /(^|_)(p\d{1,3}|max)_ns$/.test(key)) return Math.max(...all);
	if (MEAN.has(key)) return numbers.reduce<number>((sum, number, at) => sum + (number ?? 0) * (dt[at] ?? 0), 0) / total;
	if (key === 'mean_ns') {
		const counts = owners.map((owner) => Number((isRecord(owner) && owner['count']) || 0));
		const count = counts.reduce((sum, one) => sum + one, 0);
		const sum = numbers.reduce<number>((all, number, at) => all + (number ?? 0) * (counts[at] ?? 0), 0);
		return count > 0 ? Math.round(sum / count) : 0;
	}
	return all.reduce((sum, number) => sum + number, 0);
}

/** Identity of an entry of a list; undefined: entries of this list are events. */
function identityOf(key: string, entry: Record_): string | undefined {
	if (key === 'slow' || 'mono_ns' in entry) return undefined;
	const names = ['rule', 'subject', 'kind', 'irq', 'name', 'comm', 'pid', 'start_time', 'cpu', 'device', 'stage'];
	const parts = names.filter((name) => name in entry).map((name) => `${name}=${String(entry[name])}`);
	return parts.length > 0 ? parts.join(' ') : undefined;
}

function mergeLists(key: string, lists: readonly unknown[][], times: Times): unknown[] {
	const last = lists.at(-1) as unknown[];
	const filled = lists.find((list) => list.length > 0);
	if (!filled) return last;
	if (typeof filled[0] === 'number') {
		const same = lists.every((list) => list.length === last.length && list.every((item) => typeof item === 'number'));
		return same ? last.map((_, at) => lists.reduce((sum, list) => sum + (list[at] as number), 0)) : last;
	}
	if (!isRecord(filled[0])) return last;
	if (key === 'findings') return worst(lists as Record_[][]);
	const groups = new Map<string, unknown[]>();
	for (const [part, list] of lists.entries()) {
		for (const entry of list as Record_[]) {
			const identity = identityOf(key, entry);
			if (identity === undefined) return lists.flat().slice(-MOST_ENTRIES);
			const group = groups.get(identity) ?? new Array(lists.length).fill(undefined);
			group[part] = entry;
			groups.set(identity, group);
		}
	}
	return [...groups.values()].map((parts) => mergeRecords(parts, times));
}

/** Each finding at its highest excess, the worst first. */
function worst(lists: readonly Record_[][]): Record_[] {
	const levels = ['severe', 'high', 'notice'];
	const found = new Map<string, Record_>();
	for (const finding of lists.flat()) {
		const key = `${String(finding['rule'])} ${String(finding['subject'])}`;
		const before = found.get(key);
		if (!before || Number(finding['excess']) >= Number(before['excess'])) found.set(key, finding);
	}
	const level = (finding: Record_) => levels.indexOf(String(finding['level']));
	return [...found.values()]
		.sort((a, b) => level(a) - level(b) || Number(b['excess']) - Number(a['excess']))
		.slice(0, 5);
}

/** @param rowKey identity of a row across intervals */
export function mergeSnapshots(parts: readonly [Snapshot, ...Snapshot[]], rowKey: (row: object) => string): Snapshot {
	const last = parts.at(-1) as Snapshot;
	if (parts.length === 1) return last;
	const dt = parts.map(({ dt_ns }) => dt_ns);
	const times = { dt, total: dt.reduce((sum, one) => sum + one, 0) };
	const rows = new Map<string, unknown[]>();
	for (const [part, snapshot] of parts.entries()) {
		for (const row of snapshot.rows) {
			const key = rowKey(row);
			let of = rows.get(key);
			if (!of) {
				of = new Array(parts.length).fill(undefined);
				rows.set(key, of);
			}
			of[part] = row;
		}
	}
	const heads = parts.map(({ rows: _, ...head }) => head);
	return {
		...(mergeRecords(heads, times) as unknown as Snapshot),
		// of the whole, whatever the rules of their names say
		tab: last.tab,
		time: last.time,
		mono_ns: last.mono_ns,
		dt_ns: times.total,
		group: last.group,
		rows: [...rows.values()].map((of) => mergeRecords(of, times)),
	};
}
