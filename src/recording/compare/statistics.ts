/** Intervals of ratios by block bootstrap. Pure and deterministic: the same recordings give the same result. */

/** Resamples: the standard error is known to a few percent. */
const RESAMPLES = 400;

/** Quantile of the standard normal distribution (Acklam's approximation, relative error below 1.2e-9). */
export function normalQuantile(p: number): number {
	if (!(p > 0 && p < 1)) return p === 0 ? Number.NEGATIVE_INFINITY : p === 1 ? Number.POSITIVE_INFINITY : Number.NaN;
	const a = [
		-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239,
	];
	const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
	const c = [
		-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
		2.938163982698783,
	];
	const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
	const horner = (factors: readonly number[], x: number) => factors.reduce((sum, factor) => sum * x + factor, 0);
	const tail = (q: number) => horner(c, q) / (horner(d, q) * q + 1);
	if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
	if (p > 1 - 0.02425) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
	const q = p - 0.5;
	const r = q * q;
	return (horner(a, r) * q) / (horner(b, r) * r + 1);
}

/** Quantile of Student's distribution (Cornish-Fisher expansion; for 5 degrees of freedom and more within a few percent). */
export function studentQuantile(p: number, freedom: number): number {
	const z = normalQuantile(p);
	const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7];
	return (
		z +
		(z3 + z) / (4 * freedom) +
		(5 * z5 + 16 * z3 + 3 * z) / (96 * freedom ** 2) +
		(3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom ** 3)
	);
}

/** Blocks drawn with replacement, `RESAMPLES` times: how often each is in each. */
export function drawWeights(blocks: number, seed: number): Uint8Array[] {
	let state = seed >>> 0 || 1;
	const next = (): number => {
		// xorshift32
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) / 2 ** 32;
	};
	return Array.from({ length: RESAMPLES }, () => {
		const weights = new Uint8Array(blocks);
		for (let draw = 0; draw < blocks; draw++) {
			const at = Math.floor(next() * blocks);
			weights[at] = (weights[at] as number) + 1;
		}
		return weights;
	});
}

/** A statistic of one side, for blocks with these weights. */
export type Statistic = (weights: ArrayLike<number>) => number;

export interface Ratio {
	/** Second side to first. */
	ratio: number;
	/** 95 % interval. */
	low: number;
	high: number;
	/** The interval that excludes 1 wrongly in one comparison of 20, whatever the number of figures in it. */
	familyLow: number;
	familyHigh: number;
}

export interface Sides {
	a: Statistic;
	b: Statistic;
	weightsA: readonly Uint8Array[];
	weightsB: readonly Uint8Array[];
}

function deviation(values: readonly number[]): number {
	const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1));
}

/** Standard error of the logarithm of a statistic; its first value is of all blocks once. Infinity: it may be 0. */
function logError(statistic: Statistic, weights: readonly Uint8Array[]): number {
	const logs: number[] = [];
	for (const one of weights) {
		const value = statistic(one);
		if (!(value > 0)) return Number.POSITIVE_INFINITY;
		logs.push(Math.log(value));
	}
	const blocks = weights[0]?.length ?? 2;
	// drawing from n blocks understates the variance by 1/n
	return deviation(logs) * Math.sqrt(blocks / (blocks - 1));
}

/**
 * @param grain relative width of a bucket of a quantile; 0 for sums
 * @param figures number of figures that are compared at once
 * @returns undefined where a side is 0
 */
export function ratioOf({ a, b, weightsA, weightsB }: Sides, grain: number, figures: number): Ratio | undefined {
	const [blocksA, blocksB] = [weightsA[0]?.length ?? 0, weightsB[0]?.length ?? 0];
	const [valueA, valueB] = [a(new Uint8Array(blocksA).fill(1)), b(new Uint8Array(blocksB).fill(1))];
	if (!(valueA > 0 && valueB > 0)) return undefined;
	const log = Math.log(valueB / valueA);
	const error = Math.hypot(logError(a, weightsA), logError(b, weightsB));
	const freedom = Math.max(2, Math.min(blocksA, blocksB) - 1);
	const bounds = (level: number): [number, number] => {
		const reach = studentQuantile(1 - level / 2, freedom) * error + Math.log1p(grain);
		return [Math.exp(log - reach), Math.exp(log + reach)];
	};
	const [low, high] = bounds(0.05);
	const [familyLow, familyHigh] = bounds(0.05 / Math.max(1, figures));
	return { ratio: valueB / valueA, low, high, familyLow, familyHigh };
}
