/** The figures of a recording by blocks of time, within bounded memory: blocks double in length when there are too many. */
import type { Snapshot } from '../../core/snapshot.ts';
import type { Buckets } from '../../lib/histogram.ts';
import { FIGURES, type FigureId, FigureReader, type Subject } from './figures.ts';

/** Blocks are doubled beyond this number. */
const MOST_BLOCKS = 64;
/** Blocks that figures are resampled from, where a recording is long enough: each is long against what repeats in it. */
const BLOCKS = 12;
/** Subjects at most: a storm of names must not fill the memory. */
const MOST_SUBJECTS = 20_000;

/** Upper bound → count. */
type Histogram = Map<number, number>;
const none: Histogram = new Map();

interface Amounts {
	subject: Subject;
	figure: FigureId;
	/** By block; undefined: none. */
	blocks: (number | Histogram | undefined)[];
}

export interface Series {
	subject: Subject;
	figure: FigureId;
	/** By block, per second; of a quantile its histogram. */
	sums: readonly number[];
	histograms: readonly Histogram[];
	/** Seconds of each block; of a figure per start the starts. */
	seconds: readonly number[];
	/** By block, number of the longer one that figures are resampled from. */
	longer: readonly number[];
	/** Of a distribution, all blocks together. */
	events: number;
}

/** What is resampled: amounts of the longer blocks. */
export function longerBlocks(series: Series): Pick<Series, 'sums' | 'histograms' | 'seconds'> {
	const count = (series.longer.at(-1) ?? -1) + 1;
	const [sums, seconds] = [new Array<number>(count).fill(0), new Array<number>(count).fill(0)];
	const histograms = Array.from({ length: count }, () => new Map<number, number>());
	for (const [at, longer] of series.longer.entries()) {
		sums[longer] = (sums[longer] as number) + (series.sums[at] as number);
		seconds[longer] = (seconds[longer] as number) + (series.seconds[at] as number);
		add(histograms[longer], series.histograms[at]);
	}
	return { sums, histograms, seconds };
}

function add(a: number | Histogram | undefined, b: number | Histogram | undefined): number | Histogram | undefined {
	if (a === undefined || b === undefined) return a ?? b;
	if (typeof a === 'number' || typeof b === 'number') return Number(a) + Number(b);
	for (const [upper, count] of b) a.set(upper, (a.get(upper) ?? 0) + count);
	return a;
}

export class Blocks {
	private readonly all = new Map<string, Amounts>();
	/** Seconds that intervals of each tab have covered, by block: a tab may have been missing for a while. */
	private readonly covered = new Map<string, number[]>();
	private readonly reader: FigureReader;
	/** Seconds of a block. */
	private length: number;
	private start: number | undefined;
	private block = 0;
	private tab = '';
	private left = 0;
	private subjects = 0;

	/** @param step length of a block at first, seconds: the longer one of the two recordings' intervals */
	constructor(step: number) {
		this.length = step;
		this.reader = new FigureReader((subject, figure, amount) => this.take(subject, figure, amount));
	}

	/** Subjects that were left out because there were too many. */
	get overflow(): number {
		return this.left;
	}

	/** @param seconds end of the interval, since the beginning of the recording's part that is compared */
	add(snapshot: Snapshot, seconds: number): void {
		this.start ??= seconds - snapshot.dt_ns / 1e9;
		// an interval belongs to the block that its middle is in
		const middle = Math.max(0, seconds - snapshot.dt_ns / 2e9 - this.start);
		while (Math.floor(middle / this.length) >= MOST_BLOCKS) this.double();
		this.block = Math.floor(middle / this.length);
		this.tab = snapshot.tab;
		const covered = this.covered.get(this.tab) ?? [];
		covered[this.block] = (covered[this.block] ?? 0) + snapshot.dt_ns / 1e9;
		this.covered.set(this.tab, covered);
		this.reader.read(snapshot);
	}

	/** What was recorded, by block. */
	series(): Series[] {
		const last = Math.max(0, ...[...this.covered.values()].map((covered) => covered.length));
		const size = Math.max(1, Math.ceil(last / BLOCKS));
		const sums = [...this.all].map(([key, { subject, figure, blocks }]): Series => {
			const covered = this.covered.get(key.slice(0, key.indexOf('\0'))) ?? [];
			const parts = [...covered.keys()].filter((at) => (covered[at] ?? 0) > 0);
			const groups = [...new Set(parts.map((at) => Math.floor(at / size)))];
			const histograms = parts.map((at) => {
				const one = blocks[at];
				return one instanceof Map ? one : none;
			});
			return {
				subject,
				figure,
				sums: parts.map((at) => (typeof blocks[at] === 'number' ? (blocks[at] as number) : 0)),
				histograms,
				seconds: parts.map((at) => covered[at] as number),
				longer: parts.map((at) => groups.indexOf(Math.floor(at / size))),
				events: histograms.reduce((sum, one) => sum + [...one.values()].reduce((all, count) => all + count, 0), 0),
			};
		});
		return [...sums, ...perStart(sums)];
	}

	private take(subject: Subject, figure: FigureId, amount: number | Buckets): void {
		if (typeof amount === 'number' && !(amount > 0)) return;
		// figures of one subject may come from several tabs
		const key = `${this.tab}\0${subject.kind}\0${subject.name}\0${subject.unit}\0${figure}`;
		let amounts = this.all.get(key);
		if (!amounts) {
			if (this.subjects >= MOST_SUBJECTS * Object.keys(FIGURES).length) {
				this.left++;
				return;
			}
			this.subjects++;
			amounts = { subject, figure, blocks: [] };
			this.all.set(key, amounts);
		}
		const value = typeof amount === 'number' ? amount : new Map(amount);
		amounts.blocks[this.block] = add(amounts.blocks[this.block], value);
	}

	private double(): void {
		this.length *= 2;
		const halve = <T>(list: (T | undefined)[], join: (a: T | undefined, b: T | undefined) => T | undefined) =>
			Array.from({ length: Math.ceil(list.length / 2) }, (_, at) => join(list[2 * at], list[2 * at + 1]));
		for (const amounts of this.all.values()) amounts.blocks = halve(amounts.blocks, add);
		for (const [tab, covered] of this.covered)
			this.covered.set(tab, halve(covered, (a, b) => (a ?? 0) + (b ?? 0)) as number[]);
	}
}

/**
 * What each process of a name took. A load that keeps the CPUs busy takes as much CPU time per second whatever it does; what
 * differs is how many pieces of work that makes.
 */
function perStart(all: readonly Series[]): Series[] {
	const starts = new Map(all.flatMap((one) => (one.figure === 'starts' ? [[keyOf(one), one] as const] : [])));
	return all.flatMap((one): Series[] => {
		const of = one.figure === 'cpu' ? starts.get(keyOf(one)) : undefined;
		if (!of || of.sums.length !== one.sums.length) return [];
		// per start in place of per second
		return [{ ...one, figure: 'cpuEach', seconds: of.sums }];
	});
}

const keyOf = ({ subject: { kind, name, unit } }: Series): string => `${kind}\0${name}\0${unit}`;

/** Identity of a series in any recording. */
export const seriesKey = (series: Series): string => `${keyOf(series)}\0${series.figure}`;
