/** Intervals far longer than requested: the program was stopped, or the machine slept. */
import os from 'node:os';
import type { Gap } from '../core/snapshot.ts';
import type { Ns } from '../lib/units.ts';

/** A delay of this many intervals, and at least this long, has another cause than a busy machine. */
const INTERVALS = 2;
const LEAST: Ns = 1e9;

/** Checks every tick. */
export class Gaps {
	private readonly uptime: () => number;
	/** Time since boot that CLOCK_MONOTONIC did not count. */
	private slept: Ns;

	/** @param uptime seconds since boot, sleep included */
	constructor(now: Ns, uptime: () => number = os.uptime) {
		this.uptime = uptime;
		this.slept = uptime() * 1e9 - now;
	}

	/** The gap before a tick at `now` that was due at `deadline`, both CLOCK_MONOTONIC; undefined: it was on time. */
	at(now: Ns, deadline: Ns, delay: Ns): Gap | undefined {
		const slept = this.uptime() * 1e9 - now;
		// the uptime has a resolution of 10 ms
		const suspended_ns = slept - this.slept >= LEAST ? Math.round(slept - this.slept) : 0;
		this.slept = slept;
		const late = now - deadline;
		const late_ns = late >= Math.max(LEAST, INTERVALS * delay) ? late : 0;
		return late_ns + suspended_ns > 0 ? { late_ns, suspended_ns } : undefined;
	}
}
