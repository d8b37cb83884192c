/** How the time that interrupts took from processes is added up; of it only sums are kept. */
import { type Fold, sums } from '../../core/fold.ts';
import type { IrqRow } from './snapshot.ts';

type Taken = NonNullable<IrqRow['stolen']>;

export const stolenFold: Fold<IrqRow> = {
	groups: ['user', 'command', 'tree'],
	comm: ({ name }) => name,
	merge(rows) {
		const [first] = rows;
		const taken = rows.flatMap(({ stolen }) => stolen ?? []) as [Taken, ...Taken[]];
		return {
			...first,
			...sums(rows, ['count', 'time_ns', 'count_total', 'time_ns_total']),
			stolen: first.stolen && { ...first.stolen, ...sums(taken, ['hard_ns', 'soft_ns', 'vector_ns']) },
		};
	},
	named: (row, { kind, name }) => ({
		...row,
		name,
		stolen: row.stolen && {
			...row.stolen,
			interrupted: kind as 'user' | 'command',
			pid: 0,
			start_time: 0,
			cgroup: row.stolen.cgroup.slice(0, 0) as Taken['cgroup'],
		},
	}),
};
