/** Intervals far longer than asked: the program was stopped, or the machine slept. */
import os from 'node:os';
import type { Gap } from '../core/snapshot.ts';
import type { Ns } from '../lib/units.ts';

/** So many intervals late, and at least so long, is no busy machine any more. */
const INTERVALS = 2;
const LEAST: Ns = 1e9;

/** Looks at every tick. */
export class Gaps {
	private readonly uptime: () => number;
	/** Time since boot that CLOCK_MONOTONIC did not count. */
	private slept: Ns;

	/** @param uptime seconds since boot, sleep included */
	constructor(now: Ns, uptime: () => number = os.uptime) {
		this.uptime = uptime;
		this.slept = uptime() * 1e9 - now;
	}

	/** Of a tick that was due at `deadline`; both times by CLOCK_MONOTONIC. undefined: it came in time. */
	at(now: Ns, deadline: Ns, delay: Ns): Gap | undefined {
		const slept = this.uptime() * 1e9 - now;
		// the uptime comes in hundredths of a second
		const suspended_ns = slept - this.slept >= LEAST ? Math.round(slept - this.slept) : 0;
		this.slept = slept;
		const late = now - deadline;
		const late_ns = late >= Math.max(LEAST, INTERVALS * delay) ? late : 0;
		return late_ns + suspended_ns > 0 ? { late_ns, suspended_ns } : undefined;
	}
}
