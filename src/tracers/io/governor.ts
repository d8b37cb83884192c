/**
 * Limits the cost of optional measurements: above the limit they must be detached, and may be attached again after a
 * pause that doubles each time.
 */
import type { Ns } from '../../lib/units.ts';

const FIRST_PAUSE: Ns = 30e9;
const LONGEST_PAUSE: Ns = 480e9;

export class Governor {
	/** Share of one CPU. */
	readonly limit: number;
	/** Last measured cost while attached; share of one CPU. */
	cost = 0;
	private pause: Ns = FIRST_PAUSE;
	private attachedAt: Ns = 0;
	private retryAt: Ns | undefined;

	constructor(limit: number) {
		this.limit = limit;
	}

	/** Detached, waiting for the end of the pause. */
	get detached(): boolean {
		return this.retryAt !== undefined;
	}

	/** Restarts with the first pause, for a request of the user. */
	reset(now: Ns): void {
		this.pause = FIRST_PAUSE;
		this.attached(now);
	}

	/** Reports the cost of an attached interval, share of one CPU. @returns whether to detach */
	exceeds(cost: number, now: Ns): boolean {
		this.cost = cost;
		if (cost <= this.limit) {
			// below the limit for the length of the next pause: the pauses start again
			if (now - this.attachedAt >= this.pause) this.pause = FIRST_PAUSE;
			return false;
		}
		this.retryAt = now + this.pause;
		this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
		return true;
	}

	/** Whether the pause is over; if so, it counts as attached from now on. */
	retries(now: Ns): boolean {
		if (this.retryAt === undefined || now < this.retryAt) return false;
		this.attached(now);
		return true;
	}

	/** Reason of the detachment; empty: not detached. */
	reason(now: Ns): string {
		if (this.retryAt === undefined) return '';
		const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
		const seconds = Math.max(0, Math.ceil((this.retryAt - now) / 1e9));
		return `cost ${percent(this.cost)} > ${percent(this.limit)} of a CPU; tried again in ${seconds} s`;
	}

	private attached(now: Ns): void {
		this.attachedAt = now;
		this.retryAt = undefined;
	}
}
