/** Idle power, which counters do not report: it is learned from quiet intervals. */
import type { Watts } from '../../../lib/units.ts';

/** Fading per interval: after a minute of one-second intervals with half the CPUs busy about half the weight is left. */
const FADE = 0.99;

/**
 * Idle watts of one package from its power and utilisation. An idle interval shows them directly; a busy one only under an
 * assumption (idle is `prior` of full power), so busy intervals hardly count after a quiet one.
 */
export class IdleBaseline {
	private readonly prior: number;
	private weight = 0;
	private mean: Watts = 0;

	/** @param prior idle power as a part of full power, 0–1 */
	constructor(prior: number) {
		this.prior = prior;
	}

	/**
	 * One interval.
	 * @param utilisation busy part of the CPUs, 0–1
	 * @returns idle watts, never more than `power`
	 */
	update(power: Watts, utilisation: number): Watts {
		const busy = Math.min(1, Math.max(0, utilisation));
		// P = I + (I/prior − I) × busy
		const guess = this.prior > 0 ? power / (1 + busy * (1 / this.prior - 1)) : busy > 0 ? 0 : power;
		const weight = (1 - busy) ** 4 + 1e-3;
		this.weight = this.weight * FADE + weight;
		this.mean += (weight / this.weight) * (guess - this.mean);
		return Math.min(power, this.mean);
	}
}
