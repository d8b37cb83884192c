/** Statistics of few and noisy measurements: medians, and what of a difference is more than noise. */

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	if (sorted.length === 0) return Number.NaN;
	return sorted.length % 2 === 1
		? (sorted[middle] as number)
		: ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Chance that a fair coin shows heads at most `heads` times of `tosses`. */
function atMost(heads: number, tosses: number): number {
	let [chance, sum] = [0.5 ** tosses, 0];
	for (let k = 0; k <= heads; k++) {
		sum += chance;
		chance *= (tosses - k) / (k + 1);
	}
	return sum;
}

/**
 * Where the true median lies with 90 % confidence, whatever the distribution: two order statistics. With fewer than five
 * values that much cannot be said, and it is lowest and highest.
 */
export function medianInterval(values: readonly number[]): [number, number] {
	const sorted = values.toSorted((a, b) => a - b);
	let cut = 0;
	while (atMost(cut, sorted.length) <= 0.05) cut++;
	// `cut` values may be left out at each end
	const from = Math.max(0, cut - 1);
	return [sorted[from] ?? Number.NaN, sorted[sorted.length - 1 - from] ?? Number.NaN];
}

/** Value by value. */
export function pairedRatios(values: readonly number[], base: readonly number[]): number[] {
	return values.flatMap((value, round) => (base[round] === undefined ? [] : [value / base[round]]));
}

export interface Ratio {
	median: number;
	interval: [number, number];
	/** The interval holds 1: it may as well be no difference. */
	noise: boolean;
}

export function ratioOf(ratios: readonly number[]): Ratio {
	const interval = medianInterval(ratios);
	return { median: median(ratios), interval, noise: interval[0] <= 1 && interval[1] >= 1 };
}

/** Nearest rank; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
