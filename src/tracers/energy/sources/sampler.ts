/** From a hardware counter that wraps and resets, or a power, to the microjoules of one interval. */
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { MicroJoules, Ns, Watts } from '../../../lib/units.ts';
import { Garbage, whyUnreadable } from './sysfs.ts';

export interface Sample {
	/** Integer; the remainder goes to the next interval. null: not known. */
	uj: MicroJoules | null;
	/** Why this interval is special. */
	mark?: SafeText;
}

/** Energy since the last call, `dt` ns ago. Never throws. */
export type Sampler = (dt: Ns) => Sample;

/** More than any package, DRAM or GPU draws; a counter that grew by it was reset. */
const domainLimit: Watts = 10_000;
/** More than a machine with ten GPUs draws. */
const machineLimit: Watts = 100_000;
/** More than a package's sustained power, to decide whether a counter may have wrapped more than once. */
const sustained: Watts = 1000;

export interface Step {
	/** Counts gained, never negative; null: not known. */
	gained: bigint | null;
	mark?: SafeText;
}

/**
 * The gain of a counter between two reads. A counter that decreased has wrapped if that means a gain of at most `limit`;
 * else it was reset, and its count before that is lost. `range` is its largest value, null if unknown; a wrap is
 * therefore short by one step of the counter (15 to 61 µJ), whose size the kernel does not report.
 */
export function advance(before: bigint, now: bigint, range: bigint | null, limit: bigint): Step {
	if (now >= before) {
		return now - before <= limit ? { gained: now - before } : { gained: null, mark: safe`counter jumped: reset` };
	}
	if (range === null || before > range) {
		return { gained: null, mark: safe`counter went back: reset, or wrapped at a size that the kernel does not report` };
	}
	const gained = range - before + now;
	return gained <= limit
		? { gained, mark: safe`counter wrapped (handled)` }
		: { gained: null, mark: safe`counter was reset` };
}

/** Rounds to integers and carries the remainder, so that rounding errors never add up. */
function integers(): (exact: number) => number {
	let rest = 0;
	return (exact) => {
		const whole = Math.floor(exact + rest);
		rest += exact - whole;
		return whole;
	};
}

/**
 * Consecutive reads. The first read is made here; each call makes one more and returns both, or the reason for a failure of
 * one of them. `read` throws where it cannot read.
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
		// energy in between belongs to past intervals
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
	/** The hardware always draws power: a counter that does not change is not valid (emulated hardware). */
	neverStill?: boolean;
}

/** Energy from a counter. `read` throws where it cannot be read; its first call is made here. */
export function counterSampler(read: () => bigint, options: CounterOptions = {}): Sampler {
	const { scale = 1, range = null, limit = domainLimit, neverStill = false } = options;
	const next = pairs(read);
	const toInteger = integers();
	return (dt) => {
		const pair = next();
		if (typeof pair === 'string') return { uj: null, mark: pair };
		// a second more than measured: some hardware publishes its count once per second
		const most = BigInt(Math.ceil((limit * (dt / 1e3 + 1e6)) / scale));
		const { gained, mark } = advance(pair.before, pair.now, range || null, most);
		if (gained === null) return { uj: null, ...(mark && { mark }) };
		if (gained === 0n && neverStill && dt >= 1e8) return { uj: null, mark: safe`counter stands still` };
		const turns = range ? (sustained * (dt / 1e3)) / (Number(range) * scale) : 0;
		const why = turns > 1 ? safe`interval so long that the counter may have wrapped more than once` : mark;
		return { uj: toInteger(Number(gained) * scale), ...(why && { mark: why }) };
	};
}

/** All bits of 32, or all but the sign: no value. Meters in mW have it times 1000. */
const ERRORS: ReadonlySet<number> = new Set([0xffffffff, 0x7fffffff].flatMap((value) => [value, value * 1000]));

/** A power in µW. Throws {@link Garbage} for what can be none. */
export function checkedPower(microwatts: number, limit: Watts = machineLimit): number {
	if (ERRORS.has(microwatts)) throw new Garbage(`reads ${microwatts} µW, which cannot be: the error value of a meter`);
	if (!(microwatts >= 0 && microwatts <= limit * 1e6)) throw new Garbage(`reads ${microwatts} µW, which cannot be`);
	return microwatts;
}

/** Energy from a power in µW: the mean of both ends of the interval times its length. `read` as in {@link counterSampler}. */
export function powerSampler(read: () => number, limit: Watts = machineLimit): Sampler {
	const next = pairs(() => checkedPower(read(), limit));
	const toInteger = integers();
	return (dt) => {
		const pair = next();
		if (typeof pair === 'string') return { uj: null, mark: pair };
		return { uj: toInteger(((pair.before + pair.now) / 2) * (dt / 1e9)) };
	};
}
