/** When interrupts of one kind are too many for a CPU. */

import type { Ns } from '../../lib/units.ts';
import type { StormBounds } from './snapshot.ts';

/** Does a line storm on a CPU that had so many of it in an interval of this length? */
export function isStorm(count: number, time: Ns, dt: Ns, bounds: StormBounds): boolean {
	return dt > 0 && (count * 1e9 >= bounds.rate * dt || time >= bounds.share * dt);
}
