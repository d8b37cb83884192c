/** When interrupts of one kind are too many for a CPU. */

import type { Ns } from '../units.ts';
import type { IrqRow } from './rows.ts';

/** Either bound makes a storm. */
export interface StormBounds {
	/** Interrupts per second on one CPU. */
	rate: number;
	/** Share of one CPU, 0–1. */
	share: number;
}

export interface Storm extends Pick<IrqRow, 'kind' | 'irq' | 'name'> {
	cpu: number;
	/** Per second. */
	rate: number;
	/** Of the CPU, 0–1. */
	share: number;
}

/** Does a line storm on a CPU that had so many of it in an interval of this length? */
export function isStorm(count: number, time: Ns, dt: Ns, bounds: StormBounds): boolean {
	return dt > 0 && (count * 1e9 >= bounds.rate * dt || time >= bounds.share * dt);
}
