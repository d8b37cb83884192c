/**
 * Predicts the machine's energy in the next N seconds by an online regression, and reports the error so far.
 *
 * The target is not the energy but the difference between the next and the last N seconds. Features are utilisation and
 * its change against the last N seconds, power and its change, frequency, IO rate. The regression is ridge least squares
 * with forgetting, so that useless features have no influence and the forecast falls back to "as before". (The recursive
 * form of least squares would diverge here: with forgetting, its covariance grows without bound in each direction that
 * does not vary, and a pinned frequency never varies.)
 *
 * Each forecast is kept until it is due and then compared with the measurement, beside the naive "the same as the last N
 * seconds". The two errors show whether the forecast is useful.
 */

/** Measurements of one interval. */
export interface ForecastSample {
	/** Its length. */
	seconds: number;
	/** Energy of the machine in it. */
	joules: number;
	/** Busy share of all CPUs, 0–1. */
	utilisation: number;
	/** Mean over the CPUs; left out without cpufreq. */
	frequency_ghz?: number;
	/** IO requests per second; left out where they are not counted. */
	io_per_s?: number;
}

export interface Forecast {
	/** Energy of the next N seconds. */
	joules: number;
	/**
	 * Σ|error| / Σ energy of the last {@link samples} forecasts that were due: 0.1 is 10 %. (The mean of single percentages
	 * would be dominated by moments of little energy.) 1 where there was no energy but a forecast of some.
	 */
	error_share: number;
	/** The same for "as much as in the last N seconds". */
	naive_error_share: number;
	samples: number;
}

/** Forecasts due before an error is shown. */
const ENOUGH = 10;
/** Forecasts due that the error covers. */
const SCORED = 120;
/** Forecasts due after which the weight of a sample is 1/e. */
const MEMORY = 600;
/** Marks in one horizon; more frequent updates are thinned out. */
const MARKS = 256;
/** Most horizons N at a time. */
const HORIZONS = 4;
/** Standard deviations beyond which a feature is an outlier. */
const LIMIT = 4;

/** More than any machine draws: from a broken counter, which would make the sums lose all digits. */
const MOST_WATTS = 1e6;

/** Change of utilisation, utilisation, mean power, change of power, frequency, IO. */
const FEATURES = 6;

/** A moment at which the next N seconds were predicted. */
interface Mark {
	at: number;
	joules: number;
	busy: number;
	/** Watts; undefined: not enough data. */
	predicted: { features: number[]; power: number; naive: number } | undefined;
}

/** Sums since start; all means are differences of them. */
interface Sums {
	at: number;
	joules: number;
	busy: number;
}

export class EnergyForecast {
	private now: Sums = { at: 0, joules: 0, busy: 0 };
	private latest: ForecastSample | undefined;
	private readonly horizons = new Map<number, Horizon>();

	/** Add an interval. Invalid ones (no length, negative values, megawatts) are ignored. */
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
	 * The next `seconds`, as predicted after the last update. The first call for a length begins to learn for it, so call it
	 * from the start; at most four lengths are kept, the oldest is dropped.
	 * @returns undefined while learning: for about twice that time and ten updates
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

/** The state of one N. */
class Horizon {
	private readonly seconds: number;
	private readonly regression = new Regression(FEATURES);
	/** In the order of time, all younger than N. */
	private marks: Mark[];
	/** The youngest mark of at least age N. */
	private due: Mark | undefined;
	private readonly scores: { error: number; naive: number; actual: number }[] = [];
	/** Range of measured powers, which no forecast leaves. Watts. */
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

/** The sums at a moment between two others, interpolated linearly. */
function at(from: Sums, to: Sums, moment: number): Sums {
	const part = to.at > from.at ? Math.min(1, Math.max(0, (moment - from.at) / (to.at - from.at))) : 1;
	return {
		at: moment,
		joules: from.joules + (to.joules - from.joules) * part,
		busy: from.busy + (to.busy - from.busy) * part,
	};
}

/**
 * y from x: weighted means and covariances with forgetting, solved as a ridge regression in standard deviations. An unknown
 * feature (NaN) counts as its mean; one that never varies has no influence.
 */
class Regression {
	private readonly size: number;
	private weight = 0;
	/** NaN: not known yet, so that a late feature is not a jump from 0. */
	private readonly meanX: Float64Array;
	private meanY = 0;
	/** Covariances of x, row by row. */
	private readonly xx: Float64Array;
	private readonly xy: Float64Array;
	/** Sizes of the last targets, to detect outliers. */
	private readonly sizes: number[] = [];

	constructor(size: number) {
		this.size = size;
		this.meanX = new Float64Array(size).fill(Number.NaN);
		this.xx = new Float64Array(size * size);
		this.xy = new Float64Array(size);
	}

	/**
	 * @param level the value that y changes: a target far beyond the usual ones and beyond 5 % of this counts little
	 * @param overlap number of targets that overlap in time
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

	/** 0 before the first sample. */
	predict(x: readonly number[], overlap: number): number {
		if (this.weight === 0) return 0;
		// overlapping targets repeat each other: the fewer independent ones, the smaller their influence
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

/** Keeps correlated features (power and utilisation) from balancing each other with huge slopes. */
const RIDGE = 0.02;

function median(values: readonly number[]): number {
	if (values.length === 0) return 0;
	return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

/** Cholesky: `matrix` is symmetric and positive definite; both arguments are overwritten. */
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
