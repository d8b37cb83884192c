/** How the time that interrupts took from processes is added up; of it only sums are kept. */
import { type Fold, sums } from '../../core/fold.ts';
import type { IrqRow } from './snapshot.ts';

type Taken = NonNullable<IrqRow['irq_time']>;

export const irqTimeFold: Fold<IrqRow> = {
	groups: ['user', 'command', 'tree'],
	comm: ({ name }) => name,
	merge(rows) {
		const [first] = rows;
		const taken = rows.flatMap(({ irq_time }) => irq_time ?? []) as [Taken, ...Taken[]];
		return {
			...first,
			...sums(rows, ['count', 'time_ns', 'count_total', 'time_ns_total']),
			irq_time: first.irq_time && { ...first.irq_time, ...sums(taken, ['hard_ns', 'soft_ns', 'vector_ns']) },
		};
	},
	named: (row, { kind, name }) => ({
		...row,
		name,
		irq_time: row.irq_time && {
			...row.irq_time,
			interrupted: kind as 'user' | 'command',
			pid: 0,
			start_time: 0,
			cgroup: row.irq_time.cgroup.slice(0, 0) as Taken['cgroup'],
		},
	}),
};
