/** The figures of a recording by blocks of time, within bounded memory: blocks double in length when there are too many. */
import type { Snapshot } from '../../core/snapshot.ts';
import type { Buckets } from '../../lib/histogram.ts';
import { type FigureId, FigureReader, type Ranks, type Subject } from './figures.ts';

/** Blocks are doubled beyond this number. */
const MOST_BLOCKS = 64;
/** Blocks that figures are resampled from, where a recording is long enough: each is long against what repeats in it. */
const BLOCKS = 12;
/** Cells of all distributions, buckets by blocks, at most. */
const MOST_CELLS = 16e6;

/** Amounts of one figure of one subject. */
interface Sums {
	subject: Subject;
	figure: FigureId;
	/** The tab that they come from. */
	tab: string;
	/** By block. */
	amounts: Float64Array;
}

interface Distribution {
	subject: Subject;
	figures: Ranks;
	tab: string;
	/** By upper bound the counts of all blocks. */
	buckets: Map<number, Float64Array>;
}

/** Amounts of blocks. */
export interface Amounts {
	/** By block. */
	sums: Float64Array;
	/** Seconds of each block; of a figure per start the starts. */
	seconds: Float64Array;
	/** Of a quantile: upper bounds of the buckets of any block, ascending, and the counts of each in all blocks. */
	uppers: readonly number[];
	counts: readonly Float64Array[];
}

export interface Series extends Amounts {
	subject: Subject;
	figure: FigureId;
	/** By block, number of the longer one that figures are resampled from. */
	longer: readonly number[];
	/** Of a distribution, all blocks together. */
	events: number;
}

/** What is resampled: amounts of the longer blocks. */
export function longerBlocks({ sums, seconds, uppers, counts, longer }: Series): Amounts {
	const count = (longer.at(-1) ?? -1) + 1;
	const joined = (amounts: Float64Array): Float64Array => {
		const all = new Float64Array(count);
		for (let at = 0; at < amounts.length; at++) {
			const to = longer[at] as number;
			all[to] = (all[to] as number) + (amounts[at] as number);
		}
		return all;
	};
	return { sums: joined(sums), seconds: joined(seconds), uppers, counts: counts.map(joined) };
}

const none = new Float64Array(0);

/** Two blocks are one from now on. */
function halve(amounts: Float64Array): void {
	const half = amounts.length / 2;
	for (let at = 0; at < half; at++) amounts[at] = (amounts[2 * at] as number) + (amounts[2 * at + 1] as number);
	amounts.fill(0, half);
}

/** Sum of amounts. */
export function total(amounts: ArrayLike<number>): number {
	let sum = 0;
	for (let at = 0; at < amounts.length; at++) sum += amounts[at] as number;
	return sum;
}

export class Blocks {
	private readonly sums = new Map<FigureId, Map<Subject, Sums>>();
	private readonly distributions = new Map<FigureId, Map<Subject, Distribution>>();
	private cells = 0;
	/** Seconds that intervals of each tab have covered, by block: a tab may have been missing for a while. */
	private readonly covered = new Map<string, Float64Array>();
	private readonly reader: FigureReader;
	/** Seconds of a block. */
	private length: number;
	private start: number | undefined;
	private block = 0;
	private tab = '';
	private left = 0;

	/** @param step length of a block at first, seconds: the longer one of the two recordings' intervals */
	constructor(step: number) {
		this.length = step;
		this.reader = new FigureReader({
			sum: (subject, figure, amount) => this.sum(subject, figure, amount),
			distribution: (subject, figures, buckets) => this.distribution(subject, figures, buckets),
		});
	}

	/** Amounts that were left out because there were too many subjects. */
	get overflow(): number {
		return this.left + this.reader.left;
	}

	/** @param seconds end of the interval, since the beginning of the recording's part that is compared */
	add(snapshot: Snapshot, seconds: number): void {
		this.start ??= seconds - snapshot.dt_ns / 1e9;
		// an interval belongs to the block that its middle is in
		const middle = Math.max(0, seconds - snapshot.dt_ns / 2e9 - this.start);
		while (Math.floor(middle / this.length) >= MOST_BLOCKS) this.double();
		this.block = Math.floor(middle / this.length);
		this.tab = snapshot.tab;
		let covered = this.covered.get(this.tab);
		if (!covered) {
			covered = new Float64Array(MOST_BLOCKS);
			this.covered.set(this.tab, covered);
		}
		covered[this.block] = (covered[this.block] as number) + snapshot.dt_ns / 1e9;
		this.reader.read(snapshot);
	}

	/** What was recorded, by block. */
	series(): Series[] {
		const last = Math.max(
			0,
			...[...this.covered.values()].map((covered) => covered.findLastIndex((one) => one > 0) + 1),
		);
		const size = Math.max(1, Math.ceil(last / BLOCKS));
		const parts = new Map([...this.covered].map(([tab, covered]) => [tab, partsOf(covered, size)]));
		const all: Series[] = [];
		for (const bySubject of this.sums.values())
			for (const { subject, figure, tab, amounts } of bySubject.values()) {
				const { pick, seconds, longer } = parts.get(tab) as Parts;
				all.push({ subject, figure, sums: pick(amounts), seconds, uppers: [], counts: [], longer, events: 0 });
			}
		for (const bySubject of this.distributions.values())
			for (const { subject, figures, tab, buckets } of bySubject.values()) {
				const { pick, seconds, longer } = parts.get(tab) as Parts;
				const uppers = [...buckets.keys()].sort((a, b) => a - b);
				const counts = uppers.map((upper) => pick(buckets.get(upper) as Float64Array));
				const events = counts.reduce((sum, one) => sum + total(one), 0);
				const shared = { subject, sums: none, seconds, uppers, counts, longer, events };
				for (const figure of figures) all.push({ ...shared, figure });
			}
		return [...all, ...perStart(all)];
	}

	private sum(subject: Subject, figure: FigureId, amount: number): void {
		if (!(amount > 0)) return;
		let bySubject = this.sums.get(figure);
		if (!bySubject) {
			bySubject = new Map();
			this.sums.set(figure, bySubject);
		}
		let sums = bySubject.get(subject);
		if (!sums) {
			sums = { subject, figure, tab: this.tab, amounts: new Float64Array(MOST_BLOCKS) };
			bySubject.set(subject, sums);
		}
		sums.amounts[this.block] = (sums.amounts[this.block] as number) + amount;
	}

	private distribution(subject: Subject, figures: Ranks, buckets: Buckets): void {
		let bySubject = this.distributions.get(figures[0]);
		if (!bySubject) {
			bySubject = new Map();
			this.distributions.set(figures[0], bySubject);
		}
		let known = bySubject.get(subject);
		if (!known) {
			// one that is known goes on: half of its buckets are another distribution
			if (this.cells >= MOST_CELLS) {
				this.left++;
				return;
			}
			known = { subject, figures, tab: this.tab, buckets: new Map() };
			bySubject.set(subject, known);
		}
		for (let at = 0; at < buckets.length; at++) {
			const [upper, count] = buckets[at] as Buckets[number];
			let counts = known.buckets.get(upper);
			if (!counts) {
				counts = new Float64Array(MOST_BLOCKS);
				this.cells += MOST_BLOCKS;
				known.buckets.set(upper, counts);
			}
			counts[this.block] = (counts[this.block] as number) + count;
		}
	}

	private double(): void {
		this.length *= 2;
		for (const bySubject of this.sums.values()) for (const { amounts } of bySubject.values()) halve(amounts);
		for (const bySubject of this.distributions.values())
			for (const { buckets } of bySubject.values()) for (const counts of buckets.values()) halve(counts);
		for (const covered of this.covered.values()) halve(covered);
	}
}

/** The blocks in which a tab was recorded. */
interface Parts {
	/** Of amounts by block those of these blocks. */
	pick(amounts: Float64Array): Float64Array;
	seconds: Float64Array;
	longer: readonly number[];
}

function partsOf(covered: Float64Array, size: number): Parts {
	const at = [...covered.keys()].filter((block) => (covered[block] as number) > 0);
	const pick = (amounts: Float64Array) => Float64Array.from(at, (block) => amounts[block] as number);
	const groups = [...new Set(at.map((block) => Math.floor(block / size)))];
	return { pick, seconds: pick(covered), longer: at.map((block) => groups.indexOf(Math.floor(block / size))) };
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
