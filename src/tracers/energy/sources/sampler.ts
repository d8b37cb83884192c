/** From what hardware shows (a counter that wraps and resets, or a power) to the microjoules of one interval. */
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { MicroJoules, Ns, Watts } from '../../../lib/units.ts';
import { Garbage, whyUnreadable } from './sysfs.ts';

export interface Sample {
	/** Integer; what is left over goes to the next interval. null: not known. */
	uj: MicroJoules | null;
	/** What is special about this interval. */
	mark?: SafeText;
}

/** Energy since the last call, `dt` ns ago. Never throws. */
export type Sampler = (dt: Ns) => Sample;

/** No package, DRAM or GPU takes this much; a counter that says so was reset. */
export const domainLimit: Watts = 10_000;
/** Nor does a machine with ten GPUs take this. */
export const machineLimit: Watts = 100_000;
/** More than a package's sustained power: what decides whether a counter may have turned more than once. */
const sustained: Watts = 1000;

export interface Step {
	/** Counts gained, never negative; null when they cannot be known. */
	gained: bigint | null;
	mark?: SafeText;
}

/**
 * What a counter gained between two reads. A counter that went back has wrapped when that makes a gain of at most
 * `limit`, else it was reset, and what it counted before is lost. `range` is its largest value, null if unknown; a wrap
 * is hence short by one step of the counter (15 to 61 µJ), whose size the kernel does not tell.
 */
export function advance(before: bigint, now: bigint, range: bigint | null, limit: bigint): Step {
	if (now >= before) {
		return now - before <= limit ? { gained: now - before } : { gained: null, mark: safe`counter jumped: reset` };
	}
	if (range === null || before > range) {
		return { gained: null, mark: safe`counter went back: reset, or wrapped at a size that the kernel does not tell` };
	}
	const gained = range - before + now;
	return gained <= limit
		? { gained, mark: safe`counter wrapped (handled)` }
		: { gained: null, mark: safe`counter was reset` };
}

/** Hands out integers and keeps the fraction, so that rounding never adds up. */
function integers(): (exact: number) => number {
	let rest = 0;
	return (exact) => {
		const whole = Math.floor(exact + rest);
		rest += exact - whole;
		return whole;
	};
}

/**
 * Neighbouring reads. The first read is made here; each call makes one more and returns the two, or, when one of them
 * failed, why. `read` throws when there is nothing to be read.
 */
function pairs<T>(read: () => T): () => { before: T; now: T } | SafeText {
	const attempt = (): { value: T } | SafeText => {
		try {
			return { value: read() };
		} catch (error) {
			return whyUnreadable(error);
		}
	};
	let last = attempt();
	return () => {
		const before = last;
		last = attempt();
		if (typeof last === 'string') return last;
		// what was used meanwhile belongs to intervals that are over
		if (typeof before === 'string') return safe`readable again: counts from here`;
		return { before: before.value, now: last.value };
	};
}

export interface CounterOptions {
	/** µJ per count. */
	scale?: number;
	/** Largest value, in counts; null or 0: unknown. */
	range?: bigint | null;
	limit?: Watts;
	/** The hardware always uses some: a counter that stands still does not count (emulated hardware). */
	neverStill?: boolean;
}

/** Energy from a counter. `read` throws when it cannot be read; its first call is made here. */
export function counterSampler(read: () => bigint, options: CounterOptions = {}): Sampler {
	const { scale = 1, range = null, limit = domainLimit, neverStill = false } = options;
	const next = pairs(read);
	const toInteger = integers();
	return (dt) => {
		const pair = next();
		if (typeof pair === 'string') return { uj: null, mark: pair };
		// a second more than was measured: some hardware publishes what it counted once per second
		const most = BigInt(Math.ceil((limit * (dt / 1e3 + 1e6)) / scale));
		const { gained, mark } = advance(pair.before, pair.now, range || null, most);
		if (gained === null) return { uj: null, ...(mark && { mark }) };
		if (gained === 0n && neverStill && dt >= 1e8) return { uj: null, mark: safe`counter stands still` };
		const turns = range ? (sustained * (dt / 1e3)) / (Number(range) * scale) : 0;
		const why = turns > 1 ? safe`interval so long that the counter may have turned more than once` : mark;
		return { uj: toInteger(Number(gained) * scale), ...(why && { mark: why }) };
	};
}

/** All bits of 32, or all but the sign: no value. Meters in mW have it times 1000. */
const ERRORS: ReadonlySet<number> = new Set([0xffffffff, 0x7fffffff].flatMap((value) => [value, value * 1000]));

/** Energy from a power in µW: the mean of both ends of the interval times its length. `read` as in {@link counterSampler}. */
export function powerSampler(read: () => number, limit: Watts = machineLimit): Sampler {
	const next = pairs(() => {
		const microwatts = read();
		if (ERRORS.has(microwatts))
			throw new Garbage(`reads ${microwatts} µW, which cannot be: the error value of a meter`);
		if (microwatts < 0 || microwatts > limit * 1e6) throw new Garbage(`reads ${microwatts} µW, which cannot be`);
		return microwatts;
	});
	const toInteger = integers();
	return (dt) => {
		const pair = next();
		if (typeof pair === 'string') return { uj: null, mark: pair };
		return { uj: toInteger(((pair.before + pair.now) / 2) * (dt / 1e9)) };
	};
}
