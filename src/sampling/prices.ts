/**
 * What a run of each BPF program costs: measured while the kernel's run statistics are on, and multiplied with the
 * programs' own counts of their runs at all other times. The statistics cannot stay on, since they cost about as much as
 * the programs; and switching them interrupts every CPU, so it is done seldom (see `own-cost.ts`).
 */
import type { ProgramCost } from '../core/tracer.ts';
import type { Count, Ns } from '../lib/units.ts';

/** Programs with a smaller part of the cost do not decide how old it is. */
const GOOD_PART = 0.1;

/** Of the measurements before, this part counts beside a new one. */
const MEMORY = 0.5;

/**
 * Prices are kept by the rate of the runs, in powers of this: a run costs half as much where the memory that it needs is
 * still in the CPU's cache from the one before.
 */
const RATE_STEP = 4;
/** A price of a rate more steps away is of another machine, so to speak: how wrong it is is not known. */
const NEAR = 1;

/** Sums of the measurements of one program, the newest with the largest weight. */
interface Price {
	runs: Count;
	ns: Ns;
	/** Time in which they were measured: for programs that do not count their runs. */
	dt: Ns;
	/** CLOCK_MONOTONIC of the newest. */
	at: Ns;
}

/** Runs of a program in a time, and what the kernel counted of them. */
export interface Delta {
	name: string;
	/** null: the program does not count. */
	runs: Count | null;
	seen: { runs: Count; ns: Ns };
}

export interface Estimate {
	ns: Ns;
	runs: Count;
	/** Part of `ns` that is of programs without a measured price: the mean of the others stands in. */
	unpriced_ns: Ns;
	/** None of the programs that have run has a price. */
	unknown: boolean;
	/** Part of `ns` by prices that were measured at a far higher or lower rate. */
	far_ns: Ns;
	/** CLOCK_MONOTONIC of the oldest price by which a good part of `ns` is counted; undefined: there is none. */
	pricedAt: Ns | undefined;
}

/** What ran since `before`; programs that were loaded in between from 0 on. */
export function deltas(before: readonly ProgramCost[], now: readonly ProgramCost[]): Delta[] {
	const known = new Map(before.map((program) => [`${program.load} ${program.name}`, program]));
	return now.map(({ name, load, runs, seen }) => {
		const was = known.get(`${load} ${name}`);
		return {
			name,
			runs: runs === null ? null : Math.max(0, runs - (was?.runs ?? 0)),
			seen: { runs: seen.runs - (was?.seen.runs ?? 0), ns: seen.ns - (was?.seen.ns ?? 0) },
		};
	});
}

/** The number of a rate's step. */
function stepOf(runs: Count, dt: Ns): number {
	return Math.round(Math.log(Math.max(1, (runs * 1e9) / dt)) / Math.log(RATE_STEP));
}

export class Prices {
	/** By program, by step of the rate. */
	private readonly prices = new Map<string, Map<number, Price>>();

	/** The statistics were on for `dt` until `at`, and counted this. */
	learn(measured: readonly Delta[], dt: Ns, at: Ns): void {
		for (const { name, seen } of measured) {
			// what did not run now keeps its price
			if (seen.runs === 0) continue;
			const steps = this.prices.get(name) ?? new Map<number, Price>();
			this.prices.set(name, steps);
			const step = stepOf(seen.runs, dt);
			const before = steps.get(step) ?? { runs: 0, ns: 0, dt: 0, at };
			steps.set(step, {
				runs: before.runs * MEMORY + seen.runs,
				ns: before.ns * MEMORY + seen.ns,
				dt: before.dt * MEMORY + dt,
				at,
			});
		}
	}

	/** Cost of what ran in a time of `dt`. */
	estimate(ran: readonly Delta[], dt: Ns): Estimate {
		let runs = 0;
		let priced_ns = 0;
		let far_ns = 0;
		let unpriced = 0;
		const parts: { ns: Ns; at: Ns }[] = [];
		for (const one of ran) {
			const found = one.runs === null ? this.newest(one.name) : this.nearest(one.name, stepOf(one.runs, dt));
			const count = one.runs ?? (found ? (found.price.runs * dt) / found.price.dt : 0);
			runs += count;
			if (found) {
				const ns = (count * found.price.ns) / found.price.runs;
				priced_ns += ns;
				if (found.distance > NEAR) far_ns += ns;
				parts.push({ ns, at: found.price.at });
			} else unpriced += count;
		}
		const mean = this.mean(ran);
		const unpriced_ns = unpriced * (mean ?? 0);
		const good = parts.filter(({ ns }) => ns >= GOOD_PART * priced_ns);
		return {
			ns: priced_ns + unpriced_ns,
			runs,
			unpriced_ns,
			far_ns,
			unknown: unpriced > 0 && mean === undefined,
			pricedAt: good.length > 0 ? Math.min(...good.map(({ at }) => at)) : undefined,
		};
	}

	private nearest(name: string, step: number): { price: Price; distance: number } | undefined {
		let best: { price: Price; distance: number } | undefined;
		for (const [of, price] of this.prices.get(name) ?? []) {
			const distance = Math.abs(of - step);
			if (!best || distance < best.distance) best = { price, distance };
		}
		return best;
	}

	private newest(name: string): { price: Price; distance: number } | undefined {
		const [first, ...others] = this.prices.get(name)?.values() ?? [];
		return first && { price: others.reduce((best, price) => (price.at > best.at ? price : best), first), distance: 0 };
	}

	/** Of one run of these programs, ns; undefined: none has been measured. */
	private mean(ran: readonly Delta[]): Ns | undefined {
		let ns = 0;
		let runs = 0;
		for (const { name } of ran) {
			for (const price of this.prices.get(name)?.values() ?? []) {
				ns += price.ns;
				runs += price.runs;
			}
		}
		return runs > 0 ? ns / runs : undefined;
	}
}

/**
 * Distance of the parts of a measurement from what its mean price says of them, relative to the whole, twice the standard
 * error; undefined: fewer than two parts, or nothing ran.
 */
export function spreadOf(parts: readonly { actual: Ns; expected: Ns }[]): number | undefined {
	const total = parts.reduce((sum, { actual }) => sum + actual, 0);
	if (parts.length < 2 || total <= 0) return undefined;
	const squares = parts.reduce((sum, { actual, expected }) => sum + (actual - expected) ** 2, 0);
	return (2 * Math.sqrt(squares * (parts.length / (parts.length - 1)))) / total;
}
