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
	/** Part of `ns` that is of programs without a price of their own: the mean of the others stands in. */
	unpriced_ns: Ns;
	/** None of the programs that have run has a price. */
	unknown: boolean;
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

export class Prices {
	private readonly prices = new Map<string, Price>();

	/** The statistics were on for `dt` until `at`, and counted this. */
	learn(measured: readonly Delta[], dt: Ns, at: Ns): void {
		for (const { name, seen } of measured) {
			const before = this.prices.get(name) ?? { runs: 0, ns: 0, dt: 0, at };
			// what did not run now keeps its price, and what hardly ran nearly so
			const memory = seen.runs > 0 ? MEMORY : 1;
			this.prices.set(name, {
				runs: before.runs * memory + seen.runs,
				ns: before.ns * memory + seen.ns,
				dt: before.dt * memory + dt,
				at: seen.runs > 0 ? at : before.at,
			});
		}
	}

	/** Cost of what ran in a time of `dt`. */
	estimate(ran: readonly Delta[], dt: Ns): Estimate {
		let runs = 0;
		let priced_ns = 0;
		let unpriced = 0;
		const parts: { ns: Ns; at: Ns }[] = [];
		for (const one of ran) {
			const price = this.prices.get(one.name);
			const count = one.runs ?? (price && price.dt > 0 ? (price.runs * dt) / price.dt : 0);
			runs += count;
			if (price && price.runs > 0) {
				const ns = (count * price.ns) / price.runs;
				priced_ns += ns;
				parts.push({ ns, at: price.at });
			} else unpriced += count;
		}
		const mean = this.mean(ran);
		const unpriced_ns = unpriced * (mean ?? 0);
		const good = parts.filter(({ ns }) => ns >= GOOD_PART * priced_ns);
		return {
			ns: priced_ns + unpriced_ns,
			runs,
			unpriced_ns,
			unknown: unpriced > 0 && mean === undefined,
			pricedAt: good.length > 0 ? Math.min(...good.map(({ at }) => at)) : undefined,
		};
	}

	/** Have all of these programs a price? Those that have not run need none. */
	covers(ran: readonly Delta[]): boolean {
		return ran.every(({ name, runs }) => runs === 0 || (this.prices.get(name)?.runs ?? 0) > 0);
	}

	/** Of one run of these programs, ns; undefined: none has been measured. */
	private mean(ran: readonly Delta[]): Ns | undefined {
		let ns = 0;
		let runs = 0;
		for (const { name } of ran) {
			const price = this.prices.get(name);
			ns += price?.ns ?? 0;
			runs += price?.runs ?? 0;
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
