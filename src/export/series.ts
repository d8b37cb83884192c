/**
 * Series with their values since start: what every format is made of. The number of series is limited; one that is refused
 * is counted, and later ones of known labels go on.
 */
import type { Count } from '../lib/units.ts';
import { type Instrument, type InstrumentId, instruments } from './instruments.ts';

/** Label → value. The order of labels is that of the literal in the source. */
export type Labels = Readonly<Record<string, string>>;

export interface HistogramValue {
	/** One per bound, and the last for all above. */
	counts: Float64Array;
	sum: number;
	count: Count;
}

export interface Series {
	labels: Labels;
	/** Of a counter or gauge. */
	value: number;
	histogram?: HistogramValue;
	/** Begin of its count, ms since 1970. */
	created: number;
	/** Number of the last {@link SeriesSet.begin} in which a gauge was set. */
	touched: number;
}

export interface Family {
	id: InstrumentId;
	instrument: Instrument;
	series: Iterable<Series>;
}

/** Samples that one series is in Prometheus, without `_created`. */
function samplesOf({ kind, bounds_ns = [] }: Instrument): number {
	return kind === 'histogram' ? bounds_ns.length + 3 : 1;
}

export class SeriesSet {
	private readonly families = new Map<InstrumentId, Map<string, Series>>();
	private readonly limit: Count;
	private readonly now: () => number;
	private used: Count = 0;
	/** Labels that were refused, so that each is counted once; bounded, as they are foreign. */
	private readonly refusals = new Set<string>();
	private refusedCount: Count = 0;
	private round = 0;

	/** @param limit series in Prometheus's sense: a bucket of a histogram is one */
	constructor(limit: Count, now: () => number = Date.now) {
		this.limit = limit;
		this.now = now;
	}

	/** Series in use, in Prometheus's sense. */
	get size(): Count {
		return this.used;
	}

	/** Series refused since start. */
	get refused(): Count {
		return this.refusedCount;
	}

	/** Adds to a counter. Negative and unknown amounts count as nothing: a counter never falls. false: refused. */
	add(id: InstrumentId, labels: Labels, amount: number): boolean {
		const series = this.series(id, labels);
		if (series && amount > 0 && Number.isFinite(amount)) series.value += amount;
		return series !== undefined;
	}

	/** The same, but begins no series before there is something to count. */
	count(id: InstrumentId, labels: Labels, amount: number): boolean {
		return amount > 0 ? this.add(id, labels, amount) : true;
	}

	/** Sets a gauge. A value that is not known is no sample. */
	set(id: InstrumentId, labels: Labels, value: number): void {
		if (!Number.isFinite(value)) return;
		const series = this.series(id, labels);
		if (!series) return;
		series.value = value;
		series.touched = this.round;
	}

	/** Adds distributions: counts by slot edge in ns, their sum in seconds. */
	observe(
		id: InstrumentId,
		labels: Labels,
		buckets: readonly (readonly [upper_ns: number, count: Count])[],
		sum: number,
	) {
		const series = this.series(id, labels);
		const { bounds_ns = [] } = instruments[id] as Instrument;
		if (!series) return;
		series.histogram ??= { counts: new Float64Array(bounds_ns.length + 1), sum: 0, count: 0 };
		const { histogram } = series;
		for (const [upper, count] of buckets) {
			// a bucket's upper bound is exclusive, and is an edge: it is in the first bound that is not below it
			const found = bounds_ns.findIndex((bound) => upper <= bound);
			const index = found < 0 ? bounds_ns.length : found;
			histogram.counts[index] = (histogram.counts[index] as number) + count;
			histogram.count += count;
		}
		if (sum > 0) histogram.sum += sum;
	}

	/** Gauges of this instrument that are not set again until {@link end} are removed. */
	begin(): void {
		this.round++;
	}

	/** See {@link begin}. */
	end(...ids: readonly InstrumentId[]): void {
		for (const id of ids) {
			for (const [key, series] of this.families.get(id) ?? []) if (series.touched !== this.round) this.remove(id, key);
		}
	}

	/** Removes one series: its group is exported no more. */
	drop(id: InstrumentId, labels: Labels): void {
		this.remove(id, keyOf(labels));
	}

	/** In the order of the table. */
	*all(): Generator<Family> {
		for (const id of Object.keys(instruments) as InstrumentId[]) {
			const known = this.families.get(id);
			if (known && known.size > 0) yield { id, instrument: instruments[id], series: known.values() };
		}
	}

	private remove(id: InstrumentId, key: string): void {
		if (this.families.get(id)?.delete(key)) this.used -= samplesOf(instruments[id]);
	}

	private series(id: InstrumentId, labels: Labels): Series | undefined {
		let family = this.families.get(id);
		if (!family) {
			family = new Map();
			this.families.set(id, family);
		}
		const key = keyOf(labels);
		const known = family.get(key);
		if (known) return known;
		const samples = samplesOf(instruments[id]);
		if (this.used + samples > this.limit) {
			this.refuse(`${id} ${key}`, samples);
			return undefined;
		}
		this.used += samples;
		const series: Series = { labels, value: 0, created: this.now(), touched: this.round };
		family.set(key, series);
		return series;
	}

	private refuse(key: string, samples: Count): void {
		if (this.refusals.has(key)) return;
		if (this.refusals.size < MOST_REFUSALS) this.refusals.add(key);
		this.refusedCount += samples;
	}
}

/** Beyond it a refused series may be counted again. */
const MOST_REFUSALS = 10_000;

function keyOf(labels: Labels): string {
	return Object.values(labels).join('\0');
}
