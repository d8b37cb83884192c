/**
 * Two recordings of one time by different clocks: a guest's stolen time against the waits of its virtual CPUs on the host.
 * Both are the same time, seen from both sides, so that their correlation is highest where the clocks are aligned. Pure.
 */

/** An amount within an interval. Wall clock, ms. */
export interface Amount {
	from: number;
	to: number;
	amount: number;
}

export interface Alignment {
	/** `correlation`: the amounts agree at this offset and nowhere else; `wall clock`: the clocks are taken as they are. */
	method: 'correlation' | 'wall clock';
	/** To be added to the times of the second one, ms. */
	offset_ms: number;
	/** Half of the 95 % interval of the offset, ms; null: not known, as the amounts say nothing about it. */
	uncertainty_ms: number | null;
	/** Pearson's, at this offset; null: one of them has no amounts, or none that vary. */
	correlation: number | null;
	/** Bins that were compared. */
	bins: number;
}

/** Clocks further apart than this are not aligned. */
const REACH_MS = 600_000;
/** Bins at most: the part with most of the second amount is compared. */
const MOST_BINS = 8192;
/** Fewer bins decide nothing. */
const LEAST_BINS = 30;
/** A correlation below this is no agreement, however sure. */
const LEAST = 0.5;
/** Standard normal quantile of the difference of two correlations that neighbours of a peak must reach. */
const SURE = 1.96;
/** The highest of some hundred offsets is high by chance: as Bonferroni for 1,000 offsets at 5 %. */
const SURE_OF_ANY = 4.1;

/** Amounts by bins of equal length; an interval's amount is spread evenly over it. NaN: not covered. */
function binned(amounts: readonly Amount[], start: number, step: number, count: number): Float64Array {
	const sums = new Float64Array(count);
	const covered = new Float64Array(count);
	for (const { from, to, amount } of amounts) {
		if (!(to > from)) continue;
		const first = Math.max(0, Math.floor((from - start) / step));
		const last = Math.min(count - 1, Math.floor((to - start) / step));
		for (let bin = first; bin <= last; bin++) {
			const part = Math.min(to, start + (bin + 1) * step) - Math.max(from, start + bin * step);
			if (part <= 0) continue;
			sums[bin] = (sums[bin] as number) + (amount * part) / (to - from);
			covered[bin] = (covered[bin] as number) + part;
		}
	}
	return sums.map((sum, bin) => ((covered[bin] as number) >= step / 2 ? sum : Number.NaN));
}

/** From the first bin that is covered to behind the last one. */
function coveredPart(bins: Float64Array): { first: number; values: Float64Array } {
	const first = Math.max(
		0,
		bins.findIndex((value) => !Number.isNaN(value)),
	);
	return { first, values: bins.subarray(first, bins.findLastIndex((value) => !Number.isNaN(value)) + 1) };
}

/** Pearson's correlation of `a` with `b` moved by so many bins; NaN: too few bins, or no variation. */
function correlationAt(a: Float64Array, b: Float64Array, shift: number): { r: number; bins: number } {
	let [n, sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0, 0];
	for (let at = Math.max(0, shift); at < Math.min(a.length, b.length + shift); at++) {
		const x = a[at] as number;
		const y = b[at - shift] as number;
		if (Number.isNaN(x) || Number.isNaN(y)) continue;
		n++;
		sa += x;
		sb += y;
		saa += x * x;
		sbb += y * y;
		sab += x * y;
	}
	const spread = (n * saa - sa * sa) * (n * sbb - sb * sb);
	return { r: n >= LEAST_BINS && spread > 0 ? (n * sab - sa * sb) / Math.sqrt(spread) : Number.NaN, bins: n };
}

/** Lag-1 autocorrelation, which makes neighbouring bins worth less than independent ones. */
function persistence(values: Float64Array): number {
	const { r } = correlationAt(values, values, 1);
	return Number.isNaN(r) ? 0 : Math.min(0.95, Math.max(0, r));
}

/** Where most of the amounts are. */
function busiest(amounts: readonly Amount[], length: number): number {
	let [best, most, sum, tail] = [amounts[0]?.from ?? 0, -1, 0, 0];
	for (const { to, amount } of amounts) {
		sum += amount;
		while ((amounts[tail] as Amount).from < to - length) sum -= (amounts[tail++] as Amount).amount;
		if (sum > most) [most, best] = [sum, (amounts[tail] as Amount).from];
	}
	return best;
}

/** The clocks as they are, moved by so many ms. */
export const byWallClock = (offset_ms: number, correlation: number | null = null, bins = 0): Alignment => ({
	method: 'wall clock',
	offset_ms,
	uncertainty_ms: null,
	correlation,
	bins,
});

/**
 * @param first amounts in the order of time, as the second
 * @param step length of an interval of the coarser one, ms
 */
export function align(first: readonly Amount[], second: readonly Amount[], step: number): Alignment {
	if (first.length === 0 || second.length === 0) return byWallClock(0);
	// finer than the intervals: where an interval begins says something too
	const bin = step / 4;
	const room = MOST_BINS * bin;
	const start = busiest(second, room);
	const end = Math.min(start + room, (second.at(-1) as Amount).to);
	const inner = binned(second, start, bin, Math.max(0, Math.ceil((end - start) / bin)));
	const reach = Math.ceil(REACH_MS / bin);
	const outer = binned(first, start - reach * bin, bin, inner.length + 2 * reach);
	// a few bins at the ends agree by chance at some offset
	const least = inner.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0) / 2;
	const found: { shift: number; r: number; bins: number }[] = [];
	// most of what is within reach was not recorded
	const covered = coveredPart(outer);
	for (let shift = 0; shift <= 2 * reach; shift++) {
		const { r, bins } = correlationAt(covered.values, inner, shift - covered.first);
		if (!Number.isNaN(r) && bins >= least) found.push({ shift: shift - reach, r, bins });
	}
	const peak = found.reduce<(typeof found)[number] | undefined>(
		(best, one) => (!best || one.r > best.r ? one : best),
		undefined,
	);
	const here = found.find(({ shift }) => shift === 0);
	if (!peak) return byWallClock(0);
	// bins within an interval, and persistent amounts, are no independent observations
	const kept = persistence(inner) * persistence(outer);
	const independent = Math.max(4, (peak.bins * (1 - kept)) / (1 + kept));
	const deviation = 1 / Math.sqrt(independent - 3);
	const z = (r: number) => Math.atanh(Math.min(0.999, Math.max(-0.999, r)));
	if (peak.r < LEAST || z(peak.r) < SURE_OF_ANY * deviation) return byWallClock(0, here?.r ?? null, here?.bins ?? 0);
	const near = found.filter(({ r }) => z(peak.r) - z(r) < SURE * deviation);
	const [low, high] = [Math.min(...near.map(({ shift }) => shift)), Math.max(...near.map(({ shift }) => shift))];
	const half = ((high - low) / 2) * bin;
	// amounts that repeat agree at several offsets
	if (half > 5 * step) return byWallClock(0, here?.r ?? null, here?.bins ?? 0);
	return {
		method: 'correlation',
		// the middle of what agrees about as well: the peak alone is chance
		offset_ms: Math.round(((low + high) / 2) * bin),
		// where in its interval an amount lies is not known either
		uncertainty_ms: Math.round(Math.max(half + bin / 2, step / 2)),
		correlation: peak.r,
		bins: peak.bins,
	};
}
