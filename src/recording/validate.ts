/** Whether a value is a snapshot that every column of its tab can show, from any writer. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Description } from '../core/tracer.ts';
import { sanitize } from '../lib/sanitize.ts';

export type RecordedTab = Pick<Description<object>, 'id' | 'columns' | 'rowKey' | 'processOf'>;

export function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const numbers = ['mono_ns', 'dt_ns'] as const;
const costs = ['bpf_runs', 'cpu_ns', 'rss_bytes'] as const;

/**
 * A snapshot of which rows and fields may be missing: for readers that take what they know of it.
 * @throws what is wrong with what every snapshot has
 */
export function checkedExcerpt(value: unknown): Snapshot {
	if (!isObject(value)) throw new Error('not a snapshot');
	const { tab, time, source, lost, rows } = value;
	if (typeof tab !== 'string') throw new Error('no tab');
	if (numbers.some((name) => !Number.isFinite(value[name]))) throw new Error('no time');
	if (typeof time !== 'string' || Number.isNaN(Date.parse(time))) throw new Error('no time');
	if (!isObject(source) || typeof source['kind'] !== 'string') throw new Error('no source');
	if (!isObject(lost) || !Object.values(lost).every(Number.isFinite)) throw new Error('no losses');
	if (!Array.isArray(rows) || !rows.every(isObject)) throw new Error('no rows');
	return value as unknown as Snapshot;
}

/** @throws what is wrong with it */
export function checkedSnapshot(value: unknown, tabs: readonly RecordedTab[]): Snapshot {
	if (!isObject(value)) throw new Error('not a snapshot');
	const { tab, group, cost } = value;
	const tracer = tabs.find(({ id }) => id === tab);
	if (!tracer) throw new Error(`unknown tab '${sanitize(String(tab))}'`);
	const snapshot = checkedExcerpt(value);
	if (typeof group !== 'string') throw new Error('no group');
	if (!isObject(cost) || costs.some((name) => !Number.isFinite(cost[name]))) throw new Error('no cost');
	if (cost['bpf_ns'] !== null && !Number.isFinite(cost['bpf_ns'])) throw new Error('no cost');
	// what the screen will do with each row, where a mistake can still be reported
	for (const row of snapshot.rows) {
		tracer.rowKey(row);
		tracer.processOf?.(row);
		for (const column of tracer.columns) column.value(row, 1);
	}
	return snapshot;
}
