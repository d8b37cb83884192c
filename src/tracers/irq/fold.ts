/** Folds the IRQ time of processes into that of groups: sums only, since processes have no distributions. */
import { type Fold, sums } from '../../core/fold.ts';
import { safe } from '../../lib/sanitize.ts';
import type { IrqRow, IrqTime } from './snapshot.ts';

type Part = NonNullable<IrqRow['irq_time']>;

export const irqTimeFold: Fold<IrqRow> = {
	groups: ['cgroup', 'user', 'command', 'tree', 'service'],
	comm: ({ name }) => name,
	cgroup: ({ irq_time }) => irq_time?.cgroup ?? safe``,
	merge(rows) {
		const [first] = rows;
		const parts = rows.flatMap(({ irq_time }) => irq_time ?? []) as [Part, ...Part[]];
		return {
			...first,
			...sums(rows, ['count', 'time_ns', 'count_total', 'time_ns_total']),
			irq_time: first.irq_time && { ...first.irq_time, ...sums(parts, ['hard_ns', 'soft_ns', 'vector_ns']) },
		};
	},
	named: (row, { kind, name }) => ({
		...row,
		name,
		irq_time: row.irq_time && {
			...row.irq_time,
			interrupted: kind as IrqTime['interrupted'],
			pid: 0,
			start_time: 0,
			cgroup: kind === 'cgroup' ? name : safe``,
		},
	}),
};
