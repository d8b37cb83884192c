/** At most so many per second; what is over is counted, and reported once the second is over. */
import type { Count, Ns } from '../../lib/units.ts';

export class RateLimit {
	private readonly rate: number;
	private second = -1;
	private passed = 0;
	private suppressed: Count = 0;

	constructor(rate: number) {
		this.rate = rate;
	}

	/** @param at moment of the event; they come in order, nearly */
	admits(at: Ns): boolean {
		const second = Math.floor(at / 1e9);
		if (second > this.second) {
			this.second = second;
			this.passed = 0;
		}
		if (this.passed < this.rate) {
			this.passed++;
			return true;
		}
		this.suppressed++;
		return false;
	}

	/** Suppressed since the last call. */
	take(): Count {
		const { suppressed } = this;
		this.suppressed = 0;
		return suppressed;
	}
}
