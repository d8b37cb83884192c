/** How waits of processes are added up. */
import { type Fold, sums } from '../../core/fold.ts';
import { percentiles, toBuckets, toSlots } from '../../lib/histogram.ts';
import { PROCESS_SLOTS } from './account.ts';
import type { RunqlatRow } from './snapshot.ts';

export const waitsFold: Fold<RunqlatRow> = {
	groups: ['user', 'command', 'tree'],
	comm: ({ key }) => key.comm,
	merge(rows) {
		const [first] = rows;
		if (rows.length === 1) return first;
		const max_ns = rows.reduce((max, row) => Math.max(max, row.max_ns), 0);
		const slots = new Float64Array(PROCESS_SLOTS);
		for (const { buckets } of rows) toSlots(buckets, slots);
		const [p50_ns, p90_ns, p99_ns] = percentiles(slots, [0.5, 0.9, 0.99] as const, max_ns);
		const total = sums(rows, [
			'count',
			'wait_ns',
			'voluntary',
			'involuntary',
			'count_total',
			'wait_ns_total',
			'voluntary_total',
			'involuntary_total',
		]);
		return {
			...first,
			...total,
			mean_ns: total.count > 0 ? Math.round(total.wait_ns / total.count) : 0,
			p50_ns,
			p90_ns,
			p99_ns,
			max_ns,
			zones: first.zones.map((_, zone) => rows.reduce((sum, row) => sum + (row.zones[zone] ?? 0), 0)),
			buckets: total.count > 0 ? toBuckets(slots, max_ns) : [],
		};
	},
	named: (row, { kind, id, name }) => ({
		...row,
		key: { kind: kind as 'user' | 'command', id: Math.max(0, id), comm: name },
	}),
};
