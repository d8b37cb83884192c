/** Interrupts: hard ones by handler, softirqs by vector, and the CPU's own vectors (timer tick, IPIs). */

import type { Tracer } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { irqTimeFold } from './fold.ts';
import { irqOptions } from './options.ts';
import { IrqSession } from './session.ts';
import type { IrqExtra, IrqRow } from './snapshot.ts';

export const irq: Tracer<IrqRow, IrqExtra> = {
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
	start: (host, options) => new IrqSession(host, options),
};
