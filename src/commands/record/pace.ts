/**
 * The interval that a recorder takes so that its own CPU time stays within a limit. A reading costs what there is to read, so
 * half as many cost about half. Longer intervals lose nothing: the kernel goes on counting. Pure.
 */
import type { Ns } from '../../lib/units.ts';

/** Intervals to choose from, as multiples of the requested one. Ten seconds are a whole number of each. */
const MULTIPLES = [1, 2, 5, 10];
/** Nothing is limited for this time after the first interval: V8 compiles the program. */
const WARM: Ns = 30e9;
/** CPU time of this time that was not used stays available: the first seconds of a storm keep the requested interval. */
const CREDIT: Ns = 20e9;
/** A shorter interval is taken where it should cost this part of the limit at most, so that it lasts. */
const SURE = 0.8;
/** Weight of the last reading in the mean cost of one. */
const LAST = 0.7;

export interface PaceOptions {
	/** The requested interval, seconds. */
	seconds: number;
	/** Of one CPU, 0–1; 0: none. */
	limit: number;
}

export class Pace {
	private readonly options: PaceOptions;
	/** Index into {@link MULTIPLES}. */
	private rung = 0;
	/** Since the first interval. */
	private passed: Ns = 0;
	private credit: Ns;
	/** CPU time of an interval, by the last ones. */
	private mean: Ns | undefined;

	constructor(options: PaceOptions) {
		this.options = options;
		this.credit = CREDIT * options.limit;
	}

	/** Share of one CPU at most; 0: not limited. */
	get limit(): number {
		return this.options.limit;
	}

	/** The present interval, seconds. */
	get seconds(): number {
		return this.options.seconds * (MULTIPLES[this.rung] as number);
	}

	/** It is longer than the requested one. */
	get stretched(): boolean {
		return this.rung > 0;
	}

	/**
	 * An interval has ended.
	 * @param cpu_ns of all threads of the program in it
	 * @returns whether the next one has another length
	 */
	take(cpu_ns: Ns, dt_ns: Ns): boolean {
		const { limit } = this.options;
		if (limit === 0) return false;
		const before = this.rung;
		this.passed += dt_ns;
		this.mean = this.mean === undefined ? cpu_ns : LAST * cpu_ns + (1 - LAST) * this.mean;
		if (this.passed <= WARM) return false;
		this.credit = Math.min(CREDIT * limit, Math.max(0, this.credit + limit * dt_ns - cpu_ns));
		const wanted = this.shortest(limit);
		// one step at a time: the part of the cost that goes with time is smaller in a shorter interval
		if (this.rung > 0 && this.shortest(limit * SURE) < this.rung) this.rung--;
		else if (wanted > this.rung && this.credit === 0) this.rung = wanted;
		return this.rung !== before;
	}

	/** The shortest interval that should cost no more than this share. */
	private shortest(share: number): number {
		const mean = this.mean ?? 0;
		const rung = MULTIPLES.findIndex((multiple) => mean <= share * this.options.seconds * multiple * 1e9);
		return rung < 0 ? MULTIPLES.length - 1 : rung;
	}
}
