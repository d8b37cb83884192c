/**
 * The machine's energy in the next N seconds, by an online regression, and how wrong that has been so far.
 *
 * What is learned is not the energy but by how much the next N seconds differ from the last N, from what is known now:
 * utilisation and its turn against the last N seconds, power and its turn, frequency, IO rate. The regression is ridge
 * least squares with forgetting, so whatever has not been shown to help counts for nothing and the forecast falls
 * back to "as before". (The recursive form of least squares would blow up here: with forgetting, its covariance grows
 * without bound in each direction that does not vary, and a pinned frequency never varies.)
 *
 * Each forecast is kept until it comes due and then held against what was measured, beside the naive "the same as the
 * last N seconds". A reader sees from the two errors whether the forecast is worth anything.
 */

/** What is known of one interval. */
export interface ForecastSample {
	/** Its length. */
	seconds: number;
	/** Energy of the machine in it. */
	joules: number;
	/** Busy part of all CPUs, 0–1. */
	utilisation: number;
	/** Mean over the CPUs; left out where there is no cpufreq. */
	frequency_ghz?: number;
	/** IO requests per second; left out where nobody counts them. */
	io_per_s?: number;
}

export interface Forecast {
	/** Energy of the next N seconds. */
	joules: number;
	/**
	 * Σ|error| / Σ energy of the last {@link samples} forecasts that have come due: 0.1 is 10 %. (The mean of the single
	 * percentages would be ruled by the moments of least energy.) 1 where there was no energy and a forecast of some.
	 */
	error_share: number;
	/** The same for "as much as in the last N seconds". */
	naive_error_share: number;
	samples: number;
}

/** Forecasts due before an error is worth showing. */
const ENOUGH = 10;
/** Forecasts due over which the error is taken. */
const SCORED = 120;
/** Forecasts due after which what was learned counts 1/e. */
const MEMORY = 600;
/** Marks in one horizon: more updates than this are thinned out. */
const MARKS = 256;
/** Different N at a time. */
const HORIZONS = 4;
/** Standard deviations beyond which a feature is taken for an outlier. */
const LIMIT = 4;

/** More than any machine draws: a broken counter, which would swallow all digits of the sums. */
const MOST_WATTS = 1e6;

/** Turn of utilisation, utilisation, mean power, turn of power, frequency, IO. */
const FEATURES = 6;

/** A moment from which the next N seconds were predicted. */
interface Mark {
	at: number;
	joules: number;
	busy: number;
	/** undefined: not enough was known. Watts. */
	predicted: { features: number[]; power: number; naive: number } | undefined;
}

/** Sums since start; from their differences come all means. */
interface Sums {
	at: number;
	joules: number;
	busy: number;
}

export class EnergyForecast {
	private now: Sums = { at: 0, joules: 0, busy: 0 };
	private latest: ForecastSample | undefined;
	private readonly horizons = new Map<number, Horizon>();

	/** One interval more. One that makes no sense (no length, negative values, megawatts) is left out. */
	update(sample: ForecastSample): void {
		const { seconds, joules, utilisation } = sample;
		if (!(seconds > 0 && joules >= 0 && utilisation >= 0)) return;
		if (!Number.isFinite(seconds + utilisation) || joules > MOST_WATTS * seconds) return;
		const before = this.now;
		this.now = {
			at: before.at + seconds,
			joules: before.joules + joules,
			busy: before.busy + utilisation * seconds,
		};
		this.latest = sample;
		for (const horizon of this.horizons.values()) horizon.update(before, this.now, sample);
	}

	/**
	 * The next `seconds`, as seen after the last update. The first call for a length begins to learn for it, so call
	 * it from the start; at most four lengths are kept, the oldest goes.
	 * @returns undefined while learning: until about twice that long and ten updates have gone by
	 */
	forecast(seconds: number): Forecast | undefined {
		if (!(seconds > 0) || !Number.isFinite(seconds)) return undefined;
		const horizon = this.horizons.get(seconds);
		if (horizon) return this.latest && horizon.forecast(this.now, this.latest);
		const [oldest] = this.horizons.keys();
		if (this.horizons.size >= HORIZONS && oldest !== undefined) this.horizons.delete(oldest);
		this.horizons.set(seconds, new Horizon(seconds, this.now));
		return undefined;
	}
}

/** Everything about one N. */
class Horizon {
	private readonly seconds: number;
	private readonly regression = new Regression(FEATURES);
	/** In the order of time, all younger than N. */
	private marks: Mark[];
	/** The youngest that is at least N old. */
	private due: Mark | undefined;
	private readonly scores: { error: number; naive: number; actual: number }[] = [];
	/** Powers seen; no forecast leaves their range. Watts. */
	private least = Number.POSITIVE_INFINITY;
	private most = 0;

	constructor(seconds: number, start: Sums) {
		this.seconds = seconds;
		this.marks = [{ ...start, predicted: undefined }];
	}

	update(before: Sums, now: Sums, sample: ForecastSample): void {
		const power = sample.joules / sample.seconds;
		this.least = Math.min(this.least, power);
		this.most = Math.max(this.most, power);
		for (let mark = this.marks[0]; mark && mark.at + this.seconds <= now.at; mark = this.marks[0]) {
			this.settle(mark, at(before, now, mark.at + this.seconds).joules);
			this.due = this.marks.shift();
		}
		const last = this.marks.at(-1);
		if (last && now.at - last.at < this.seconds / MARKS) return;
		this.marks.push({ ...now, predicted: this.predict(now, sample) });
	}

	forecast(now: Sums, sample: ForecastSample): Forecast | undefined {
		if (this.scores.length < ENOUGH) return undefined;
		const predicted = this.predict(now, sample);
		if (predicted === undefined) return undefined;
		const sum = (key: 'error' | 'naive' | 'actual') => this.scores.reduce((total, score) => total + score[key], 0);
		const actual = sum('actual');
		const share = (error: number) => (error === 0 ? 0 : actual > 0 ? error / actual : 1);
		return {
			joules: predicted.power * this.seconds,
			error_share: share(sum('error')),
			naive_error_share: share(sum('naive')),
			samples: this.scores.length,
		};
	}

	/** A mark's N seconds are over. @param joules the sum at their end */
	private settle(mark: Mark, joules: number): void {
		if (mark.predicted === undefined) return;
		const { features, power, naive } = mark.predicted;
		const actual = (joules - mark.joules) / this.seconds;
		this.scores.push({ error: Math.abs(power - actual), naive: Math.abs(naive - actual), actual });
		if (this.scores.length > SCORED) this.scores.shift();
		this.regression.learn(features, actual - naive, actual, this.marks.length);
	}

	/** Mean power of the next N seconds, and of the last N. */
	private predict(now: Sums, sample: ForecastSample): Mark['predicted'] {
		if (this.due === undefined) return undefined;
		const start = at(this.due, this.marks[0] ?? now, now.at - this.seconds);
		const naive = (now.joules - start.joules) / this.seconds;
		const busy = (now.busy - start.busy) / this.seconds;
		const features = [
			sample.utilisation - busy,
			sample.utilisation,
			naive,
			sample.joules / sample.seconds - naive,
			sample.frequency_ghz ?? Number.NaN,
			sample.io_per_s ?? Number.NaN,
		];
		const power = naive + this.regression.predict(features, this.marks.length);
		return { features, power: Math.min(this.most, Math.max(this.least, power)), naive };
	}
}

/** The sums at a moment between two others, on a straight line. */
function at(from: Sums, to: Sums, moment: number): Sums {
	const part = to.at > from.at ? Math.min(1, Math.max(0, (moment - from.at) / (to.at - from.at))) : 1;
	return {
		at: moment,
		joules: from.joules + (to.joules - from.joules) * part,
		busy: from.busy + (to.busy - from.busy) * part,
	};
}

/**
 * y from x: weighted means and covariances with forgetting, solved as a ridge regression in standard deviations. A
 * feature that is not known (NaN) counts as its mean, one that never varies as nothing.
 */
class Regression {
	private readonly size: number;
	private weight = 0;
	/** NaN: not known yet. One that appears late must not look like a jump from 0. */
	private readonly meanX: Float64Array;
	private meanY = 0;
	/** Covariances of x, row by row. */
	private readonly xx: Float64Array;
	private readonly xy: Float64Array;
	/** Sizes of the last targets, to tell an outlier. */
	private readonly sizes: number[] = [];

	constructor(size: number) {
		this.size = size;
		this.meanX = new Float64Array(size).fill(Number.NaN);
		this.xx = new Float64Array(size * size);
		this.xy = new Float64Array(size);
	}

	/**
	 * @param level what y is a change of: a target far beyond the usual ones and beyond 5 % of this counts little
	 * @param overlap how many targets share their time with each other
	 */
	learn(x: readonly number[], y: number, level: number, overlap: number): void {
		const usual = median(this.sizes) + 0.05 * level;
		this.sizes.push(Math.abs(y));
		if (this.sizes.length > SCORED) this.sizes.shift();
		const trust = usual > 0 ? 1 / (1 + (y / (LIMIT * usual)) ** 4) : 1;
		if (trust < 1e-6) return;

		const fade = 1 - 1 / (MEMORY + overlap);
		this.weight = this.weight * fade + trust;
		const part = trust / this.weight;
		for (const [i, value] of x.entries()) {
			if (Number.isNaN(this.meanX[i]) && Number.isFinite(value)) this.meanX[i] = value;
		}
		const dx = this.deviations(x);
		const dy = y - this.meanY;
		for (let i = 0; i < this.size; i++) {
			const di = dx[i] as number;
			this.meanX[i] = (this.meanX[i] as number) + part * di;
			this.xy[i] = (1 - part) * ((this.xy[i] as number) + part * di * dy);
			for (let j = 0; j < this.size; j++) {
				const ij = i * this.size + j;
				this.xx[ij] = (1 - part) * ((this.xx[ij] as number) + part * di * (dx[j] as number));
			}
		}
		this.meanY += part * dy;
	}

	/** 0 while nothing has been learned. */
	predict(x: readonly number[], overlap: number): number {
		if (this.weight === 0) return 0;
		// Targets that overlap repeat each other: the fewer independent ones, the less is believed of what they say.
		const doubt = (3 * overlap) / this.weight;
		const scale = Array.from({ length: this.size }, (_, i) => this.deviation(i));
		const matrix = scale.map((si, i) =>
			scale.map((sj, j) => {
				if (i === j) return 1 + RIDGE + doubt;
				return si > 0 && sj > 0 ? (this.xx[i * this.size + j] as number) / (si * sj) : 0;
			}),
		);
		const slopes = solve(
			matrix,
			scale.map((si, i) => (si > 0 ? (this.xy[i] as number) / si : 0)),
		);
		const dx = this.deviations(x);
		let y = this.meanY / (1 + doubt);
		for (let i = 0; i < this.size; i++) {
			const si = scale[i] as number;
			if (si > 0) y += (slopes[i] as number) * Math.min(LIMIT, Math.max(-LIMIT, (dx[i] as number) / si));
		}
		return Number.isFinite(y) ? y : 0;
	}

	private deviations(x: readonly number[]): number[] {
		return x.map((value, i) => {
			const deviation = value - (this.meanX[i] as number);
			return Number.isFinite(deviation) ? deviation : 0;
		});
	}

	/** Standard deviation of a feature; 0: it does not vary by more than rounding. */
	private deviation(i: number): number {
		const sd = Math.sqrt(Math.max(0, this.xx[i * this.size + i] as number));
		return sd > 1e-9 * Math.abs(this.meanX[i] as number) ? sd : 0;
	}
}

/** Keeps features that say the same (power and utilisation) from balancing each other with huge slopes. */
const RIDGE = 0.02;

function median(values: readonly number[]): number {
	if (values.length === 0) return 0;
	return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/** Cholesky: `matrix` is symmetric and positive definite; both arguments are used up. */
function solve(matrix: number[][], right: number[]): number[] {
	const size = right.length;
	const get = (i: number, j: number) => (matrix[i] as number[])[j] as number;
	for (let i = 0; i < size; i++) {
		for (let j = 0; j <= i; j++) {
			let sum = get(i, j);
			for (let k = 0; k < j; k++) sum -= get(i, k) * get(j, k);
			(matrix[i] as number[])[j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / get(j, j);
		}
		let sum = right[i] as number;
		for (let k = 0; k < i; k++) sum -= get(i, k) * (right[k] as number);
		right[i] = sum / get(i, i);
	}
	for (let i = size - 1; i >= 0; i--) {
		let sum = right[i] as number;
		for (let k = i + 1; k < size; k++) sum -= get(k, i) * (right[k] as number);
		right[i] = sum / get(i, i);
	}
	return right;
}
