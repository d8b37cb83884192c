/** Folds waits of processes into groups. */
import { type Fold, sums } from '../../core/fold.ts';
import { mergeFigures } from '../../lib/histogram.ts';
import { PROCESS_SLOTS } from './account.ts';
import type { RunqlatRow } from './snapshot.ts';

export const waitsFold: Fold<RunqlatRow> = {
	groups: ['user', 'command', 'tree', 'service'],
	comm: ({ key }) => key.comm,
	merge(rows) {
		const [first] = rows;
		if (rows.length === 1) return first;
		const total = sums(rows, [
			'count',
			'wait_ns',
			'voluntary',
			'involuntary',
			'wakes',
			'count_total',
			'wait_ns_total',
			'voluntary_total',
			'involuntary_total',
		]);
		return {
			...first,
			...total,
			mean_ns: total.count > 0 ? Math.round(total.wait_ns / total.count) : 0,
			...mergeFigures(rows, PROCESS_SLOTS),
			zones: first.zones.map((_, zone) => rows.reduce((sum, row) => sum + (row.zones[zone] ?? 0), 0)),
		};
	},
	named: (row, { kind, id, name }) => ({
		...row,
		key: { kind: kind as 'user' | 'command' | 'service', id: Math.max(0, id), comm: name },
	}),
};
