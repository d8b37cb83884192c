/** Interrupts: hard ones by handler, softirqs by vector, and the CPU's own vectors (timer tick, IPIs). */

import type { Description } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { irqTimeFold } from './fold.ts';
import { irqOptions } from './options.ts';
import type { IrqRow } from './snapshot.ts';

export const irqDescription: Description<IrqRow> = {
	id: 'irq',
	title: 'Interrupts',
	summary:
		'Hard interrupts by handler, softirqs by vector, timer ticks and IPIs: count, time, lateness and CPU, and the processes that were interrupted.',
	columns,
	defaultSort: 'time',
	groups: ['line', 'cpu', 'process', ...irqTimeFold.groups],
	fold: irqTimeFold,
	options: irqOptions,
	rowKey: ({ kind, irq, cpu, name, irq_time }) =>
		irq_time
			? `irq_time ${irq_time.pid} ${irq_time.start_time} ${irq_time.pid === 0 ? name : ''}`
			: `${kind} ${irq} ${cpu} ${name}`,
	processOf: ({ irq_time }) => (irq_time && irq_time.pid > 0 ? `${irq_time.pid}:${irq_time.start_time}` : undefined),
};
