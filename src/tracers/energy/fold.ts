/** Folds CPU time and energy of processes into groups; shares of a total are added too. */
import { type Fold, sums } from '../../core/fold.ts';
import { safe } from '../../lib/sanitize.ts';
import { HISTORY } from './accounts.ts';
import type { EnergyRow } from './snapshot.ts';

/** Sums aligned at the newest value; a later process has zeros before its start. Empty: all zero. */
function historyOf(rows: readonly EnergyRow[]): number[] {
	const length = Math.max(...rows.map(({ history }) => history?.length ?? 0));
	return Array.from({ length: Math.min(HISTORY, length) }, (_, index) =>
		rows.reduce((sum, { history = [] }) => sum + (history[history.length - length + index] ?? 0), 0),
	);
}

export const energyFold: Fold<EnergyRow> = {
	groups: ['pidns', 'tree', 'service'],
	comm: ({ comm }) => comm,
	cgroup: ({ cgroup }) => cgroup,
	merge(rows) {
		const [first] = rows;
		if (rows.length === 1) return first;
		const history = historyOf(rows);
		return {
			...first,
			...sums(rows, [
				'cpu_ns',
				'cpu_ns_total',
				'energy_uj',
				'energy_uj_total',
				'watts',
				'share',
				'threads',
				'processes',
				'gpu_uj',
				'gpu_uj_total',
				'device_uj',
				'device_uj_total',
			]),
			...(history.length > 0 && { history }),
		};
	},
	named: (row, { id, name }) => ({
		...row,
		pid: 0,
		start_time: 0,
		comm: id > 0 ? safe`${name} [${id}]` : name,
		cgroup: safe``,
		user: safe``,
	}),
};
