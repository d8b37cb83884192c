/** Interrupts: hard ones by handler, softirqs by vector, and the CPU's own vectors (timer tick, IPIs). */

import type { Tracer } from '../../core/tracer.ts';
import { irqDescription } from './description.ts';
import { IrqSession } from './session.ts';
import type { IrqExtra, IrqRow } from './snapshot.ts';

export const irq: Tracer<IrqRow, IrqExtra> = {
	...irqDescription,
	start: (host, options) => new IrqSession(host, options),
};
