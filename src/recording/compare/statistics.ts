/** Intervals of ratios by block bootstrap. Pure and deterministic: the same recordings give the same result. */

/** Resamples: the standard error is known to a few percent. */
const RESAMPLES = 400;
/** Slowest waves that the variance of a mean is taken from. */
const WAVES = 6;

/** Logarithm of the gamma function (Lanczos' approximation, relative error below 1e-13 for x > 0). */
function logGamma(x: number): number {
	const factors = [
		676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
		-0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
	];
	if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
	const base = x + 6.5;
	const sum = factors.reduce((all, factor, at) => all + factor / (x + at), 0.9999999999998099);
	return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(base) - base + Math.log(sum);
}

/** Regularised incomplete beta function by its continued fraction (Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
	if (x <= 0) return 0;
	if (x >= 1) return 1;
	// the fraction converges fast on this side only
	if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
	const tiny = 1e-300;
	const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
	let c = 1;
	let d = 1 / away(1 - ((a + b) * x) / (a + 1));
	let fraction = d;
	for (let m = 1; m < 500; m++) {
		const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
		d = 1 / away(1 + even * d);
		c = away(1 + even / c);
		fraction *= d * c;
		const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
		d = 1 / away(1 + odd * d);
		c = away(1 + odd / c);
		fraction *= d * c;
		if (Math.abs(d * c - 1) < 1e-14) break;
	}
	const front = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
	return (Math.exp(front) * fraction) / a;
}

/** Probability that a Student variable is further from 0 than `t`, on either side. */
export function studentTails(t: number, freedom: number): number {
	return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

/** Quantile of Student's distribution, to twelve digits. @param p above 0.5 */
export function studentQuantile(p: number, freedom: number): number {
	let [low, high] = [0, 1];
	while (studentTails(high, freedom) > 2 * (1 - p)) high *= 2;
	for (let step = 0; step < 60 && high - low > 1e-12 * high; step++) {
		const middle = (low + high) / 2;
		if (studentTails(middle, freedom) > 2 * (1 - p)) low = middle;
		else high = middle;
	}
	return (low + high) / 2;
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

/** One side of a figure. */
export interface Sample {
	statistic: Statistic;
	/** Of the blocks that figures are resampled from. */
	weights: readonly Uint8Array[];
	/** By such a block, in the order of time: how far its own part is from what the whole would have in it. Their sum is 0. */
	deviations: readonly number[];
	/** The same of shorter blocks. */
	fine: readonly number[];
	/** Shorter blocks that carry the figure: all where each has as much, one where a single burst has everything. */
	carried: number;
}

export interface Ratio {
	/** Second side to first. */
	ratio: number;
	/** 95 % interval. */
	low: number;
	high: number;
	/** Probability of a difference this large where there is none. */
	p: number;
}

/** Variance and degrees of freedom of the logarithm of a statistic. */
interface Spread {
	variance: number;
	freedom: number;
}

function varianceOf(values: readonly number[]): number {
	const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const squares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value ** 2, 0);

/**
 * By how much neighbours that resemble each other make the variance of a sum larger than as many that do not: correlations of
 * growing distance, two by two, as long as these are above 0 and do not grow (Geyer's initial monotone sequence). 1 at least.
 */
export function correlationFactor(deviations: readonly number[]): number {
	const count = deviations.length;
	const variance = squares(deviations);
	if (!(variance > 0)) return 1;
	const correlation = (distance: number): number => {
		let sum = 0;
		for (let at = distance; at < count; at++) sum += (deviations[at] as number) * (deviations[at - distance] as number);
		return sum / variance;
	};
	let factor = -1;
	let before = Number.POSITIVE_INFINITY;
	for (let distance = 0; distance < count / 3; distance += 2) {
		const pair = Math.min(before, correlation(distance) + correlation(distance + 1));
		if (pair <= 0) break;
		factor += 2 * pair;
		before = pair;
	}
	const found = Math.max(1, factor);
	// their mean was subtracted: what is left lacks this part of the slow changes
	return found / Math.max(0.1, 1 - found / count);
}

/** Variance of a sum by its slowest waves (cosines, one degree of freedom each): trends and start-ups are among them. */
function waveVariance(deviations: readonly number[], waves: number): number {
	const blocks = deviations.length;
	let power = 0;
	for (let wave = 1; wave <= waves; wave++)
		power += sumOf(deviations.map((value, at) => value * Math.cos((Math.PI * wave * (at + 0.5)) / blocks))) ** 2;
	return (2 * power) / waves;
}

/** By how much slow changes make the variance larger than blocks drawn at random have it, and what is known of it. */
export function persistence({ deviations, fine, carried }: Omit<Sample, 'statistic' | 'weights'>): {
	factor: number;
	freedom: number;
} {
	const unbiased = (values: readonly number[]) => (squares(values) * values.length) / Math.max(1, values.length - 1);
	const waves = Math.max(1, Math.min(WAVES, Math.floor(deviations.length / 2)));
	const correlated = correlationFactor(fine);
	const drawn = unbiased(deviations);
	const variance = Math.max(drawn, unbiased(fine) * correlated, waveVariance(deviations, waves));
	return {
		factor: drawn > 0 ? variance / drawn : 1,
		freedom: Math.max(1, Math.min(waves, fine.length / correlated - 1, carried - 1)),
	};
}

/** Of the logarithm of a statistic; infinite: it may be 0. */
function spreadOf(sample: Sample): Spread {
	const { statistic, weights, deviations } = sample;
	const { factor, freedom } = persistence(sample);
	const logs: number[] = [];
	for (const one of weights) {
		const value = statistic(one);
		if (!(value > 0)) return { variance: Number.POSITIVE_INFINITY, freedom };
		logs.push(Math.log(value));
	}
	const blocks = deviations.length;
	// drawing from n blocks understates the variance by 1/n
	return { variance: varianceOf(logs) * (blocks / Math.max(1, blocks - 1)) * factor, freedom };
}

/**
 * @param grain relative width of a bucket of a quantile; 0 for sums
 * @param least relative error that both sides have at least
 * @returns undefined where a side is 0
 */
export function ratioOf(a: Sample, b: Sample, grain: number, least: number): Ratio | undefined {
	const whole = ({ statistic, deviations }: Sample) => statistic(new Uint8Array(deviations.length).fill(1));
	const [valueA, valueB] = [whole(a), whole(b)];
	if (!(valueA > 0 && valueB > 0)) return undefined;
	const log = Math.log(valueB / valueA);
	const [one, other] = [spreadOf(a), spreadOf(b)];
	const variance = one.variance + other.variance;
	const error = Math.max(Math.sqrt(variance), least);
	// Welch and Satterthwaite: of the two together
	const freedom =
		variance > 0 && Number.isFinite(variance)
			? variance ** 2 / (one.variance ** 2 / one.freedom + other.variance ** 2 / other.freedom)
			: Math.min(one.freedom, other.freedom);
	const slack = Math.log1p(grain);
	const reach = studentQuantile(0.975, freedom) * error + slack;
	const beyond = Math.max(0, Math.abs(log) - slack);
	const p = error > 0 && beyond > 0 ? studentTails(beyond / error, freedom) : beyond > 0 ? 0 : 1;
	return { ratio: valueB / valueA, low: Math.exp(log - reach), high: Math.exp(log + reach), p };
}

/**
 * The largest probability that still counts as found, so that of all that are found at most this share is expected to be
 * chance, and where nothing differs at all, nothing is found in as many of 100 comparisons (Benjamini and Hochberg). 0: none.
 */
export function discoveryLimit(probabilities: readonly number[], rate: number): number {
	const sorted = [...probabilities].sort((a, b) => a - b);
	return sorted.reduce((limit, p, at) => (p <= ((at + 1) / sorted.length) * rate ? p : limit), 0);
}
