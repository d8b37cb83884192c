/** Mean of a few runs and how sure it is. */

/** Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1. */
const QUANTILES = [
	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
	2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Half width of a 95 % interval in standard errors, off by less than 0.002. */
export function tQuantile(degrees: number): number {
	const z = 1.959964;
	return QUANTILES[degrees - 1] ?? z + (z ** 3 + z) / (4 * degrees);
}

export interface Spread {
	mean: number;
	/** Half width of the 95 % confidence interval of the mean; null: one value only. */
	ci95: number | null;
	min: number;
	max: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
	const count = values.length;
	const mean = values.reduce((sum, value) => sum + value, 0) / count;
	const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
	return {
		mean,
		ci95: count > 1 ? tQuantile(count - 1) * Math.sqrt(squares / (count - 1) / count) : null,
		min: Math.min(...values),
		max: Math.max(...values),
	};
}
