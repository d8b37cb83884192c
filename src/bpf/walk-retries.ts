/**
 * When a walk over all tasks is tried again after one that was incomplete: it was too long, or had too much to report. Mostly
 * that was the first one, which reports everything.
 */
import type { Count } from '../lib/units.ts';

/** Most reads by the iterator between two walks. */
const MOST: Count = 15;

export class WalkRetries {
	/** Reads by the iterator after the next incomplete walk: 0, 1, 3, 7, 15. */
	private pause: Count = 0;
	private left: Count = 0;

	/** Is this read to be a walk? To be called once for each read that may be one. */
	next(): boolean {
		if (this.left === 0) return true;
		this.left--;
		return false;
	}

	/** A walk has ended. Incomplete: this read is repeated by the iterator. Returns `complete`. */
	ended(complete: boolean): boolean {
		this.left = complete ? 0 : this.pause;
		this.pause = complete ? 0 : Math.min(MOST, 2 * this.pause + 1);
		return complete;
	}
}
