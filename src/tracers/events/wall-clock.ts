/** Wall clock of the kernel's times. */
import { monotonicNs } from '../../lib/clock.ts';
import type { Ns } from '../../lib/units.ts';

export class WallClock {
	/** Wall clock minus CLOCK_MONOTONIC, ms. */
	private offset = 0;

	constructor() {
		this.set();
	}

	/** The wall clock may have been set since. */
	set(): void {
		this.offset = Date.now() - monotonicNs() / 1e6;
	}

	/** ISO 8601 */
	readonly of = (mono_ns: Ns): string => new Date(this.offset + mono_ns / 1e6).toISOString();
}
