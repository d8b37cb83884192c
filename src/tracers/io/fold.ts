/** Folds rows of processes into rows of control groups. */
import { type Fold, sums } from '../../core/fold.ts';
import { safe } from '../../lib/sanitize.ts';
import { sumApart } from './apart.ts';
import type { IoRow } from './snapshot.ts';
import { sumStats } from './sum.ts';

export const processFold: Fold<IoRow> = {
	groups: ['cgroup', 'service'],
	comm: ({ comm }) => comm ?? safe``,
	cgroup: ({ cgroup }) => cgroup ?? safe``,
	merge(rows) {
		const [first] = rows;
		if (rows.length === 1) return first;
		const totals = rows.flatMap(({ stages_total }) => stages_total['total'] ?? []);
		return {
			...first,
			...sums(rows, ['count', 'bytes', 'count_total', 'bytes_total']),
			...sumApart(rows),
			stages: { total: sumStats(rows.flatMap(({ stages }) => stages['total'] ?? [])) },
			stages_total: {
				total: {
					count: totals.reduce((sum, { count }) => sum + count, 0),
					sum_ns: totals.reduce((sum, { sum_ns }) => sum + sum_ns, 0),
				},
			},
		};
	},
	named: ({ pid: _pid, start_time: _start, comm: _comm, cgroup: _cgroup, ...row }, { kind, name }) =>
		kind === 'cgroup' ? { ...row, cgroup: name } : { ...row, comm: name },
};
