/** Two recordings, figure by figure: what changed, by how much, how sure that is, and what cannot be compared. */
import type { Snapshot } from '../../core/snapshot.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import { quantileOf } from '../quantile.ts';
import type { AnyRecording, Choice, Part, RecordedMachine } from '../recordings.ts';
import { type Amounts, Blocks, longerBlocks, type Series, seriesKey, total } from './blocks.ts';
import { type DifferentWork, differentWork } from './different-work.ts';
import { FIGURE_EXCERPTS, FIGURES, type FigureId, type FigureSpec, type Kind, leastEvents } from './figures.ts';
import type { CompareRow, Verdict } from './row.ts';
import { discoveryLimit, drawWeights, type Ratio, ratioOf, type Sample, type Statistic } from './statistics.ts';

/** A change smaller than this is none, however sure. */
const LEAST_EFFECT = 0.05;
/** Blocks on each side below which there is no verdict. */
const LEAST_BLOCKS = 5;
/** Part of the changes that are found which may be chance; where nothing differs, of the comparisons that find one. */
const CHANCE = 0.05;
/** Relative width of the finest bucket of a distribution. */
const GRAIN = 1 / 16;

export interface ComparedSide {
	path: string;
	host: SafeText;
	kernel: SafeText;
	cpus: number;
	/** ISO 8601; of the part that is compared. */
	from: string;
	to: string;
	seconds: number;
	intervals: number;
	/** Usual length of an interval, seconds. */
	step: number;
	/** Kind and weighting of the source of the energy; null: not recorded. */
	power: string | null;
	/** Events that tracers and recorder have lost meanwhile. */
	lost: number;
}

export interface RecordingComparison {
	schema: 1;
	a: ComparedSide;
	b: ComparedSide;
	/** Whether any figure has changed. */
	verdict: 'different' | 'no difference';
	/** Figures that were compared: a verdict allows for their number. */
	figures: number;
	/** Figures too small on both sides, or of too few events. */
	left_out: number;
	/** What cannot be compared, and why; and what to keep in mind. */
	not_comparable: { what: string; reason: SafeText }[];
	/** Work that the recordings do not have in common; null: none that is sure. */
	different_work: DifferentWork | null;
	rows: CompareRow[];
}

export interface CompareInput {
	path: string;
	recording: AnyRecording;
	/** Wall clock, ms: compare from here, to here. */
	from?: number | undefined;
	to?: number | undefined;
}

interface Side {
	facts: ComparedSide;
	/** Names are replaced. */
	redacted: boolean;
	tabs: Set<string>;
	series: Map<string, Series>;
	overflow: number;
}

/** Between the clock of an interval and that of a mark, ms. */
const SLACK = 500;

/** What may be in the part that is compared: of a day between two marks that are a minute apart, a minute is read. */
const partOf = ({
	from = Number.NEGATIVE_INFINITY,
	to = Number.POSITIVE_INFINITY,
}: Pick<CompareInput, 'from' | 'to'>): Part => ({ from: from - SLACK, to: to + SLACK });

/** A part that is longer is compared by intervals of ten seconds, where both recordings have them; ms. */
const LONG_MS = 3_600_000;

/** Moments of the part that is compared; none: not known before it is read. */
function momentsOf({ recording, ...input }: CompareInput): readonly number[] {
	const { from, to } = partOf(input);
	const walls = recording.archive?.moments().map(({ wall }) => wall) ?? [];
	return walls.filter((wall) => wall >= from && wall <= to);
}

/** Between the first and the last of them, in whatever order a clock that was set has put them; ms. */
function lengthOf(walls: readonly number[]): number {
	return (
		walls.reduce((most, wall) => Math.max(most, wall), 0) -
		walls.reduce((least, wall) => Math.min(least, wall), walls[0] ?? 0)
	);
}

/** Usual length of an interval: that of most. */
async function stepOf({ recording, ...input }: CompareInput, choice: Choice): Promise<number> {
	const lengths = new Map<number, number>();
	let seen = 0;
	for await (const { dt_ns } of recording.snapshots(partOf(input), choice)) {
		const length = Math.max(0.1, Math.round(dt_ns / 1e8) / 10);
		lengths.set(length, (lengths.get(length) ?? 0) + 1);
		if (++seen >= 200) break;
	}
	return [...lengths].reduce((best, one) => (one[1] > best[1] ? one : best), [1, 0])[0];
}

function lostIn(snapshot: Snapshot): number {
	// programs that ran into themselves and durations below 0 are in the figures' uncertainty already
	return Object.entries(snapshot.lost).reduce(
		(sum, [cause, count]) => sum + (cause === 'recursion' || cause === 'negative' ? 0 : count),
		0,
	);
}

interface Steps {
	/** Usual length of an interval of this side, seconds, and of the side whose are longer. */
	own: number;
	longer: number;
}

async function read(input: CompareInput, { own, longer }: Steps, choice: Choice, progress: Progress): Promise<Side> {
	const { recording, path } = input;
	const part = partOf(input);
	const blocks = new Blocks(longer);
	const { machine } = recording;
	const intervals = new Map<string, number>();
	const walls = momentsOf(input);
	const [begin, length] = [walls[0] ?? 0, lengthOf(walls)];
	let reported = 0;
	const lost = new Map<string, { first: number; last: number }>();
	let [first, last] = ['', ''];
	let power: string | null = null;
	/** Seconds of recording that have passed; the monotonic clock of one boot, and what the wall clock says between two. */
	let passed = 0;
	let before: { wall: number; mono: number } | undefined;
	for await (const snapshot of recording.snapshots(part, choice)) {
		const wall = Date.parse(snapshot.time);
		if (++reported % 256 === 0 && length > 0) progress(Math.min(1, Math.max(0, (wall - begin) / length)));
		// the end of an interval is in it, its beginning may be before
		if (wall - snapshot.dt_ns / 1e6 < part.from || wall > part.to) continue;
		const mono = snapshot.mono_ns / 1e9;
		if (before) passed += mono >= before.mono ? mono - before.mono : Math.max(0, (wall - before.wall) / 1e3);
		before = { wall, mono };
		if (first === '') first = new Date(wall - snapshot.dt_ns / 1e6).toISOString();
		last = snapshot.time;
		intervals.set(snapshot.tab, (intervals.get(snapshot.tab) ?? 0) + 1);
		if (snapshot.tab === 'energy') {
			const { kind, weighting = '' } = snapshot.source;
			power = power === null || power === `${kind} ${weighting}`.trim() ? `${kind} ${weighting}`.trim() : 'several';
		}
		const count = lostIn(snapshot);
		const known = lost.get(snapshot.tab);
		if (known) known.last = count;
		else lost.set(snapshot.tab, { first: count, last: count });
		blocks.add(snapshot, passed);
	}
	if (intervals.size === 0) throw new Error(`${path}: nothing was recorded in the part that is compared`);
	const series = new Map(blocks.series().map((one) => [seriesKey(one), one]));
	return {
		facts: {
			path,
			host: machine.host,
			kernel: machine.kernel,
			cpus: machine.cpus,
			from: first,
			to: last,
			seconds: Math.max(0, (Date.parse(last) - Date.parse(first)) / 1e3),
			// of other tabs two are read
			intervals: Math.max(...intervals.values()),
			step: own,
			power,
			lost: [...lost.values()].reduce((sum, one) => sum + Math.max(0, one.last - one.first), 0),
		},
		redacted: recording.archive?.redacted === true,
		tabs: new Set(intervals.keys()),
		series,
		overflow: blocks.overflow,
	};
}

/** Amounts of a block are ns, µJ or a number; figures are shares, watts and rates. */
function perSecond(spec: FigureSpec): number {
	return spec.unit === 'share' ? 1e-9 : spec.unit === 'watts' ? 1e-6 : 1;
}

function sumStatistic({ sums, seconds }: Amounts, spec: FigureSpec): Statistic {
	const factor = perSecond(spec);
	return (weights) => {
		let [amount, time] = [0, 0];
		for (let at = 0; at < sums.length; at++) {
			amount += (sums[at] as number) * (weights[at] as number);
			time += (seconds[at] as number) * (weights[at] as number);
		}
		return time > 0 ? (amount / time) * factor : 0;
	};
}

function rankStatistic({ uppers, counts }: Amounts, rank: number): Statistic {
	const sums = new Float64Array(uppers.length);
	return (weights) => {
		for (let bucket = 0; bucket < counts.length; bucket++) {
			const blocks = counts[bucket] as Float64Array;
			let sum = 0;
			for (let at = 0; at < blocks.length; at++) sum += (weights[at] as number) * (blocks[at] as number);
			sums[bucket] = sum;
		}
		return quantileOf({ uppers, counts: sums }, rank);
	};
}

const statisticOf = (amounts: Amounts, spec: FigureSpec): Statistic =>
	spec.rank === undefined ? sumStatistic(amounts, spec) : rankStatistic(amounts, spec.rank);

/** By block, the events of a distribution above a value. */
function above({ uppers, counts, seconds }: Amounts, value: number): Float64Array {
	const sums = new Float64Array(seconds.length);
	for (let bucket = 0; bucket < counts.length; bucket++) {
		if ((uppers[bucket] as number) <= value) continue;
		const blocks = counts[bucket] as Float64Array;
		for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] as number) + (blocks[at] as number);
	}
	return sums;
}

/** By block, how far its amount, or the number of its events above the quantile, is from its share of the whole. */
function deviationsOf(blocks: Amounts, spec: FigureSpec, whole: number): number[] {
	const isRank = spec.rank !== undefined;
	const amounts = isRank ? above(blocks, whole) : blocks.sums;
	const of = isRank ? above(blocks, Number.NEGATIVE_INFINITY) : blocks.seconds;
	const rate = total(amounts) / (total(of) || 1);
	return Array.from(amounts, (amount, at) => amount - rate * (of[at] as number));
}

/** Number of equal blocks that would be as uneven as these. */
function carriedBy(series: Series, spec: FigureSpec, whole: number): number {
	const amounts = spec.rank === undefined ? series.sums : above(series, whole);
	return total(amounts) ** 2 / (total(amounts.map((amount) => amount ** 2)) || 1);
}

/** Counted things are known no better than as many that come at random. */
function leastError(a: Series, b: Series, spec: FigureSpec): number {
	return spec.unit === 'rate' ? Math.sqrt(1 / (total(a.sums) || 1) + 1 / (total(b.sums) || 1)) : 0;
}

function value(series: Series | undefined, spec: FigureSpec): number | null {
	if (!series) return null;
	return statisticOf(series, spec)(new Uint8Array(series.seconds.length).fill(1));
}

interface Pair {
	a: Series | undefined;
	b: Series | undefined;
	figure: FigureId;
}

/** Too little on both sides to be worth a line. */
function isSmall({ a, b, figure }: Pair): boolean {
	const spec: FigureSpec = FIGURES[figure];
	// that one side has nothing of it is in its CPU time
	if (spec.both === true && !(a && b)) return true;
	if (spec.rank !== undefined) return !(a && b && Math.min(a.events, b.events) >= leastEvents(spec.rank));
	return Math.max(value(a, spec) ?? 0, value(b, spec) ?? 0) < spec.least;
}

/** @param limit of the probabilities that count as found */
function verdictOf({ ratio, low, high, p }: Ratio, limit: number): Verdict {
	// the interval is of this figure alone, the limit of all of them
	const sure = p <= limit && (low > 1 || high < 1);
	if (sure && Math.abs(ratio - 1) > LEAST_EFFECT) return ratio > 1 ? 'more' : 'less';
	// an interval that has both no change and a large one in it decides nothing
	return !sure && (high > 1.5 || low < 0.5) ? 'unclear' : 'no difference';
}

interface Compared {
	row: CompareRow;
	/** undefined: there is nothing to decide. */
	found: Ratio | undefined;
}

function comparePair({ a, b, figure }: Pair, weights: (blocks: number, side: number) => Uint8Array[]): Compared {
	const spec: FigureSpec = FIGURES[figure];
	const { subject } = (a ?? b) as Series;
	const longer = { a: a && longerBlocks(a), b: b && longerBlocks(b) };
	const row: CompareRow = {
		...subject,
		figure: spec.name,
		measure: spec.unit,
		a: value(a, spec),
		b: value(b, spec),
		ratio: null,
		low: null,
		high: null,
		verdict: a ? 'only A' : 'only B',
		blocks_a: longer.a?.seconds.length ?? 0,
		blocks_b: longer.b?.seconds.length ?? 0,
	};
	if (!a || !b || !longer.a || !longer.b) return { row, found: undefined };
	const sample = (series: Series, blocks: Amounts, whole: number, side: number): Sample => ({
		statistic: statisticOf(blocks, spec),
		weights: weights(blocks.seconds.length, side),
		deviations: deviationsOf(blocks, spec, whole),
		fine: deviationsOf(series, spec, whole),
		carried: carriedBy(series, spec, whole),
	});
	const grain = spec.rank === undefined ? 0 : GRAIN;
	const found = ratioOf(
		sample(a, longer.a, row.a ?? 0, 1),
		sample(b, longer.b, row.b ?? 0, 2),
		grain,
		leastError(a, b, spec),
	);
	if (!found) return { row: { ...row, verdict: 'unclear' }, found };
	const { ratio, low, high } = found;
	const short = Math.min(row.blocks_a, row.blocks_b) < LEAST_BLOCKS;
	return { row: { ...row, ratio, low, high, verdict: 'too short' }, found: short ? undefined : found };
}

/** Verdicts, which depend on what all figures together show. */
function decide(compared: readonly Compared[]): CompareRow[] {
	const limit = discoveryLimit(
		compared.flatMap(({ found }) => (found ? [found.p] : [])),
		CHANCE,
	);
	return compared.map(({ row, found }) => (found ? { ...row, verdict: verdictOf(found, limit) } : row));
}

function notesOf(
	a: Side,
	b: Side,
	machines: readonly [RecordedMachine, RecordedMachine],
): RecordingComparison['not_comparable'] {
	const notes: RecordingComparison['not_comparable'] = [];
	const differs = (what: string, one: string | number, other: string | number, effect: string) => {
		if (String(one) !== String(other)) notes.push({ what, reason: sanitize(`${one} against ${other}: ${effect}`) });
	};
	const [one, other] = machines;
	differs('kernel', one.kernel, other.kernel, 'what changed may be the kernel’s doing');
	differs('CPUs', one.cpus, other.cpus, 'shares of one CPU and waits mean other things');
	differs('host', one.host, other.host, 'another machine');
	differs('interval', a.facts.step, b.facts.step, 'compared at the longer one');
	if (a.facts.power !== null && b.facts.power !== null)
		differs('power', a.facts.power, b.facts.power, 'another source of power: no power is compared');
	if (a.redacted || b.redacted) {
		const where = a.redacted && b.redacted ? safe`in both` : a.redacted ? safe`in A` : safe`in B`;
		notes.push({ what: 'names', reason: safe`replaced ${where} by words of that file: processes have none in common` });
	}
	for (const [side, { facts, overflow }] of [
		['A', a],
		['B', b],
	] as const) {
		if (facts.lost > 0)
			notes.push({ what: `lost in ${side}`, reason: safe`${facts.lost} events: counts are too small by these` });
		if (facts.power?.startsWith('model'))
			notes.push({ what: `power of ${side}`, reason: safe`a model, not a measurement` });
		if (overflow > 0)
			notes.push({ what: `figures of ${side}`, reason: safe`${overflow} amounts of too many names are left out` });
	}
	for (const tab of new Set([...a.tabs, ...b.tabs]))
		if (!a.tabs.has(tab) || !b.tabs.has(tab))
			notes.push({ what: `tab ${tab}`, reason: sanitize(`recorded in ${a.tabs.has(tab) ? 'A' : 'B'} only`) });
	return notes;
}

const kinds: readonly Kind[] = ['machine', 'process', 'device', 'interrupt'];
const decided: readonly Verdict[] = ['more', 'less'];

/** The sure and large changes first, then what only one side has, then the rest by size. */
function byWeight(x: CompareRow, y: CompareRow): number {
	const rank = ({ verdict }: CompareRow) => (decided.includes(verdict) ? 0 : verdict.startsWith('only') ? 1 : 2);
	const size = ({ ratio, a, b }: CompareRow) => (ratio === null ? (a ?? b ?? 0) : Math.abs(Math.log(ratio)));
	return rank(x) - rank(y) || kinds.indexOf(x.kind) - kinds.indexOf(y.kind) || size(y) - size(x);
}

/** Is given the part that has been read, 0–1. */
export type Progress = (part: number) => void;

/** @throws where a side has nothing in the part that is compared */
export async function compareRecordings(
	first: CompareInput,
	second: CompareInput,
	progress: Progress = () => {},
): Promise<RecordingComparison> {
	const lengths = [lengthOf(momentsOf(first)), lengthOf(momentsOf(second))] as const;
	const choice: Choice = { excerpts: FIGURE_EXCERPTS, coarse: Math.max(...lengths) > LONG_MS };
	const [one, other] = [await stepOf(first, choice), await stepOf(second, choice)];
	const longer = Math.max(one, other);
	const share = lengths[0] / (lengths[0] + lengths[1] || 1);
	const a = await read(first, { own: one, longer }, choice, (part) => progress(part * share));
	const b = await read(second, { own: other, longer }, choice, (part) => progress(share + part * (1 - share)));
	const sameSource = a.facts.power === b.facts.power;
	const keys = new Set([...a.series.keys(), ...b.series.keys()]);
	const pairs = [...keys].map((key): Pair => {
		const [of, with_] = [a.series.get(key), b.series.get(key)];
		return { a: of, b: with_, figure: (of ?? (with_ as Series)).figure };
	});
	const wanted = pairs.filter((pair) => !isSmall(pair) && (sameSource || pair.figure !== 'energy'));
	const figures = wanted.filter((pair) => pair.a && pair.b).length;
	const drawn = new Map<string, Uint8Array[]>();
	const weights = (blocks: number, side: number): Uint8Array[] => {
		const key = `${blocks} ${side}`;
		const known = drawn.get(key) ?? drawWeights(blocks, 1000 * side + blocks);
		drawn.set(key, known);
		return known;
	};
	const rows = decide(wanted.map((pair) => comparePair(pair, weights))).sort(byWeight);
	return {
		schema: 1,
		verdict: rows.some(({ verdict }) => decided.includes(verdict)) ? 'different' : 'no difference',
		a: a.facts,
		b: b.facts,
		figures,
		left_out: pairs.length - wanted.length,
		not_comparable: notesOf(a, b, [first.recording.machine, second.recording.machine]),
		different_work: differentWork(rows),
		rows,
	};
}
