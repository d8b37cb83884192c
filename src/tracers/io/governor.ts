/**
 * Keeps what is measured on request from costing more than it is worth: beyond the limit it is to be detached, and tried again
 * after a while that doubles each time.
 */
import type { Ns } from '../../lib/units.ts';

const FIRST_PAUSE: Ns = 30e9;
const LONGEST_PAUSE: Ns = 480e9;

export class Governor {
	/** Share of one CPU. */
	readonly limit: number;
	/** Measured last while it was on; share of one CPU. */
	cost = 0;
	private pause: Ns = FIRST_PAUSE;
	private attachedAt: Ns = 0;
	private retryAt: Ns | undefined;

	constructor(limit: number) {
		this.limit = limit;
	}

	/** It has been detached and waits. */
	get detached(): boolean {
		return this.retryAt !== undefined;
	}

	/** The user asks for it: whatever was before is forgotten. */
	reset(now: Ns): void {
		this.pause = FIRST_PAUSE;
		this.attached(now);
	}

	/** It was on for an interval and cost this share of a CPU. @returns it has to be detached */
	exceeds(cost: number, now: Ns): boolean {
		this.cost = cost;
		if (cost <= this.limit) {
			// cheap for as long as it would be off next time: the next excess is a new one
			if (now - this.attachedAt >= this.pause) this.pause = FIRST_PAUSE;
			return false;
		}
		this.retryAt = now + this.pause;
		this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
		return true;
	}

	/** While detached: it may be attached again, and counts as attached from now on. */
	retries(now: Ns): boolean {
		if (this.retryAt === undefined || now < this.retryAt) return false;
		this.attached(now);
		return true;
	}

	/** Why it is detached; empty: it is not. */
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
