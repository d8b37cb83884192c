/**
 * Records of several intervals as one, an interval at a time. Only figures are kept, and records that are at rest: whole intervals that wait for
 * each other would be copied twice by V8 and then collected with its old generation.
 */
import type { Buckets } from '../lib/histogram.ts';
import type { Count, Ns } from '../lib/units.ts';
import { type Fields, isRecord, type Rule, rankOf, restsAsItIs, ruleOf, ruleWithin } from './merge-rules.ts';
import { FINEST, quantileIn } from './quantile.ts';

/** Entries of a list that is put together from those of several intervals. */
const MOST_ENTRIES = 256;

/** What the merged interval is. */
export interface Whole {
	dt_ns: Ns;
	/** CLOCK_MONOTONIC. */
	begin: Ns;
	/** Energy that was measured in it; 0: not known. */
	measured_uj: number;
}

/** Parts of the merged interval, numbered from 0. */
export class Parts {
	/** Length of all up to each. */
	private readonly ends: Ns[] = [];

	get count(): Count {
		return this.ends.length;
	}

	/** Returns its number. */
	add(dt_ns: Ns): number {
		return this.ends.push(this.dt_ns + dt_ns) - 1;
	}

	/** Length of all. */
	get dt_ns(): Ns {
		return this.ends.at(-1) ?? 0;
	}

	/** Length of several. */
	between(from: number, to: number): Ns {
		return (this.ends[to] as Ns) - (from === 0 ? 0 : (this.ends[from - 1] as Ns));
	}
}

/** Sums of all records, outside of V8's heap: an object for each figure would be collected with its old generation. */
export class Numbers {
	values = new Float64Array(256);
	private length = 0;

	/** Returns the offset of as many numbers as there are initial ones. */
	take(initial: Float64Array): number {
		const at = this.length;
		this.length += initial.length;
		if (this.length > this.values.length) {
			const { values } = this;
			this.values = new Float64Array(this.length * 2);
			this.values.set(values);
		}
		this.values.set(initial, at);
		return at;
	}
}

/** Fields of a record in their order, and how each is merged. */
interface Shape {
	keys: readonly string[];
	rules: readonly Rule[];
	/** Where its number is. What is of each event has the number of events behind it. */
	slots: readonly number[];
	/** Numbers of no part. */
	initial: Float64Array;
	/** A record with these fields. */
	template: Readonly<Fields>;
}

function newShape(keys: readonly string[], all: Rule | undefined): Shape {
	const rules = keys.map((key) => all ?? ruleOf(key));
	const initial: number[] = [];
	const slots = rules.map((rule) => {
		const slot = initial.push(rule === 'most' ? Number.NEGATIVE_INFINITY : 0) - 1;
		if (rule === 'mean-of-events') initial.push(0);
		return slot;
	});
	const template = Object.fromEntries(keys.map((key) => [key, null]));
	return { keys, rules, slots, initial: Float64Array.from(initial), template };
}

/** Shapes that were seen: a tab has a few, and more where causes or devices are fields. */
const shapes = new Map<Rule | undefined, Shape[]>();
const MOST_SHAPES = 64;

function isOf(record: Fields, { keys }: Shape): boolean {
	let at = 0;
	for (const key in record) if (key !== keys[at++]) return false;
	return at === keys.length;
}

/** @param near the shape that it probably has */
function shapeOf(record: Fields, all: Rule | undefined, near?: Shape): Shape {
	if (near && isOf(record, near)) return near;
	let known = shapes.get(all);
	if (!known) {
		known = [];
		shapes.set(all, known);
	}
	const found = known.find((shape) => isOf(record, shape));
	if (found) return found;
	const made = newShape(Object.keys(record), all);
	if (known.length >= MOST_SHAPES) known.length = 0;
	known.push(made);
	return made;
}

/** Digits of a mean: more of them are noise, and take most of its bytes. */
const DIGITS = 6;

const rounded = (mean: number): number => Number(mean.toPrecision(DIGITS));

/** What is a quotient of sums is that of the merged ones, as in every interval by itself. */
function restate(merged: Fields, { dt_ns, measured_uj }: Whole): void {
	const { energy_uj, count } = merged;
	if (typeof energy_uj === 'number') {
		if (typeof merged['watts'] === 'number') merged['watts'] = (energy_uj / dt_ns) * 1000;
		if (typeof merged['share'] === 'number' && measured_uj > 0) merged['share'] = energy_uj / measured_uj;
	}
	const time = merged['wait_ns'] ?? merged['time_ns'];
	if (typeof merged['mean_ns'] === 'number' && typeof time === 'number' && typeof count === 'number')
		merged['mean_ns'] = count > 0 ? Math.round(time / count) : 0;
}

/** Of each event: sleeps of a CPU, and idle periods that ended, are counted per second. */
const eventsOf = (owner: Fields): number => Number((owner['count'] ?? owner['entries_per_s'] ?? owner['per_s']) || 0);

/** In the place of a last value that is a number, which is among the numbers, or a distribution, list or record, which is a sum. */
const SUMMED = Symbol('summed');

export class RecordSum {
	/** Rule of all its fields, where their names have no meaning. */
	private readonly all: Rule | undefined;
	/** A record at rest, which is the same object from `from` to `to`: it is added when another one comes. */
	private resting: Fields | undefined;
	private from = 0;
	/** The last part that has a record. */
	private to = -1;
	/** Fields of all records that were added; undefined: none was. */
	private shape: Shape | undefined;
	private base = 0;
	/** By field, the last value. No record is kept: V8 would move it to its old generation. */
	private lasts: unknown[] = [];
	/** By field, what is no number. */
	private others: (RecordSum | ListSum | BucketSum | undefined)[] | undefined;
	/** Fields of the last record; undefined: those of the shape. */
	private order: readonly string[] | undefined;

	constructor(all?: Rule) {
		this.all = all;
	}

	/** The last part that has a record. */
	get lastPart(): number {
		return this.to;
	}

	/** The last record is at rest, and may be the next one too. */
	get rests(): boolean {
		return this.resting !== undefined;
	}

	/** A record that is the same in parts from `from` to `to`. */
	add(record: Fields, from: number, to: number, parts: Parts, numbers: Numbers): void {
		const { resting } = this;
		if (resting) {
			if (record === resting && this.to === from - 1) {
				this.to = to;
				return;
			}
			this.settle(resting, parts, numbers);
			this.resting = undefined;
		}
		this.from = from;
		this.to = to;
		if (restsAsItIs(record, this.all)) this.resting = record;
		else this.settle(record, parts, numbers);
	}

	/** Nothing is added afterwards. */
	merged(parts: Parts, numbers: Numbers, whole: Whole): Fields {
		const { resting } = this;
		if (resting) {
			if (!this.shape && this.to - this.from + 1 === parts.count) return resting;
			this.settle(resting, parts, numbers);
		}
		const { shape, order } = this;
		if (!shape) return {};
		const { keys, template } = shape;
		// fields in the order of the last record, then those that only earlier ones have
		const merged: Fields = order ? {} : { ...template };
		if (order) for (const key of order) merged[key] = this.field(keys.indexOf(key), shape, parts, numbers, whole);
		for (let at = 0; at < keys.length; at++) {
			const key = keys[at] as string;
			if (!order || !Object.hasOwn(merged, key)) merged[key] = this.field(at, shape, parts, numbers, whole);
		}
		restate(merged, whole);
		const { buckets } = merged;
		if (Array.isArray(buckets)) {
			const max = typeof merged['max_ns'] === 'number' ? merged['max_ns'] : Number.POSITIVE_INFINITY;
			for (const key in merged) {
				const rank = rankOf(key);
				if (rank !== undefined) merged[key] = quantileIn(buckets as Buckets, rank, max, FINEST);
			}
		}
		return merged;
	}

	private field(at: number, { rules, slots }: Shape, parts: Parts, numbers: Numbers, whole: Whole): unknown {
		const last = this.lasts[at];
		if (last === undefined) return null;
		if (last !== SUMMED) return last;
		const other = this.others?.[at];
		if (other instanceof BucketSum) return other.merged();
		if (other instanceof ListSum) return other.merged(numbers, whole);
		if (other instanceof RecordSum) return other.merged(parts, numbers, whole);
		return numberOf(rules[at] as Rule, numbers.values, this.base + (slots[at] as number), whole);
	}

	/** Add the figures of a record. */
	private settle(record: Fields, parts: Parts, numbers: Numbers): void {
		const { from, to, lasts } = this;
		const dt_ns = parts.between(from, to);
		const times = to - from + 1;
		const { keys, rules, slots } = this.shapeFor(record, numbers);
		const { base } = this;
		let at = -1;
		for (const key in record) {
			at++;
			if (keys[at] !== key) at = keys.indexOf(key);
			const value = record[key];
			if (value === undefined || value === null) continue;
			const rule = rules[at] as Rule;
			if (typeof value === 'number' && rule !== 'buckets') {
				lasts[at] = SUMMED;
				const { values } = numbers;
				const place = base + (slots[at] as number);
				if (rule === 'sum') values[place] = (values[place] as number) + value * times;
				else if (rule === 'last' || rule === 'last-whole') values[place] = value;
				else if (rule === 'mean') values[place] = (values[place] as number) + value * dt_ns;
				else if (rule === 'mean-of-events') {
					const events = eventsOf(record) * times;
					values[place] = (values[place] as number) + value * events;
					values[place + 1] = (values[place + 1] as number) + events;
				} else if (value > (values[place] as number)) values[place] = value;
				if (this.others) this.others[at] = undefined;
			} else if (rule === 'last-whole' || typeof value !== 'object') lasts[at] = value;
			else {
				lasts[at] = SUMMED;
				this.addOther(at, key, rule, value, parts, numbers);
			}
		}
	}

	private addOther(at: number, key: string, rule: Rule, value: object, parts: Parts, numbers: Numbers): void {
		const { from, to } = this;
		this.others ??= [];
		const { others } = this;
		const known = others[at];
		if (Array.isArray(value) && rule === 'buckets') {
			const sum = known instanceof BucketSum ? known : new BucketSum();
			others[at] = sum;
			for (let part = from; part <= to; part++) sum.add(value as Buckets);
		} else if (Array.isArray(value)) {
			const sum = known instanceof ListSum ? known : new ListSum(key);
			others[at] = sum;
			for (let part = from; part <= to; part++) sum.add(value, parts.between(part, part), numbers);
		} else {
			const sum = known instanceof RecordSum ? known : new RecordSum(ruleWithin(key));
			others[at] = sum;
			sum.add(value as Fields, from, to, parts, numbers);
		}
	}

	/** The shape with all fields so far and those of a record. */
	private shapeFor(record: Fields, numbers: Numbers): Shape {
		const { shape } = this;
		if (!shape) {
			this.shape = shapeOf(record, this.all, recentShape);
			recentShape = this.shape;
			this.base = numbers.take(this.shape.initial);
			return this.shape;
		}
		this.order = undefined;
		if (isOf(record, shape)) return shape;
		this.order = Object.keys(record);
		const more = this.order.filter((key) => !shape.keys.includes(key));
		if (more.length === 0) return shape;
		// fields that are there keep their positions
		const wide = newShape([...shape.keys, ...more], this.all);
		const base = numbers.take(wide.initial);
		numbers.values.copyWithin(base, this.base, this.base + shape.initial.length);
		this.shape = wide;
		this.base = base;
		return wide;
	}
}

/** Of the record before: the next one is most often of the same list. */
let recentShape: Shape | undefined;

function numberOf(rule: Rule, values: Float64Array, at: number, { dt_ns }: Whole): number {
	const sum = values[at] as number;
	if (rule === 'mean') return rounded(sum / dt_ns);
	if (rule !== 'mean-of-events') return sum;
	const events = values[at + 1] as number;
	return events > 0 ? Math.round(sum / events) : 0;
}

/** Several distributions as one: bounds ascending, each with the count below it, as numbers and not as pairs. */
class BucketSum {
	private readonly numbers: number[] = [];

	add(buckets: Buckets): void {
		const { numbers } = this;
		let at = 0;
		for (let index = 0; index < buckets.length; index++) {
			const bucket = buckets[index] as Buckets[number];
			const upper = bucket[0];
			while (at < numbers.length && (numbers[at] as Ns) < upper) at += 2;
			if (numbers[at] === upper) numbers[at + 1] = (numbers[at + 1] as Count) + bucket[1];
			else if (at >= numbers.length) numbers.push(upper, bucket[1]);
			else numbers.splice(at, 0, upper, bucket[1]);
		}
	}

	merged(): Buckets {
		const { numbers } = this;
		return Array.from({ length: numbers.length / 2 }, (_, at) => [numbers[2 * at] as Ns, numbers[2 * at + 1] as Count]);
	}
}

/** Names whose values say which entry of a list is the same in another interval. */
const IDENTITY = [
	...['rule', 'subject', 'kind', 'irq', 'name', 'comm', 'pid', 'start_time', 'cpu', 'package', 'device', 'stage'],
];

/** Identity of an entry of a list; undefined: entries of this list are events. */
function identityOf(key: string, entry: Fields): string | undefined {
	if (key === 'slow' || 'mono_ns' in entry) return undefined;
	let identity: string | undefined;
	for (const name of IDENTITY)
		if (name in entry) identity = `${identity === undefined ? '' : `${identity} `}${name}=${String(entry[name])}`;
	return identity;
}

/** A list of each part that has it. */
class ListSum {
	private readonly key: string;
	/** Those that have it. */
	private readonly parts = new Parts();
	/** Of lists of numbers, as long as all had the same length. */
	private sums: number[] | undefined;
	private alike = true;
	/** Contents of the first one that was not empty. */
	private filled: 'numbers' | 'records' | 'other' | undefined;
	/** The last one, where it is not made of records. */
	private last: readonly unknown[] = [];
	private events: unknown[] | undefined;
	private groups: Map<string, RecordSum> | undefined;
	private findings: Map<string, Fields> | undefined;

	constructor(key: string) {
		this.key = key;
	}

	add(list: readonly unknown[], dt_ns: Ns, numbers: Numbers): void {
		const part = this.parts.add(dt_ns);
		const [first] = list;
		this.filled ??=
			first === undefined ? undefined : typeof first === 'number' ? 'numbers' : isRecord(first) ? 'records' : 'other';
		this.last = this.filled === 'records' ? [] : list;
		if (this.filled === 'numbers') this.addNumbers(list, dt_ns);
		else if (this.filled === 'records') this.addRecords(list as readonly Fields[], part, numbers);
		// an empty list has another length than one that follows
		else if (this.filled === undefined) this.alike = false;
	}

	private addNumbers(list: readonly unknown[], dt_ns: Ns): void {
		this.sums ??= list.map(() => 0);
		const { sums } = this;
		this.alike &&= list.length === sums.length && list.every((item) => typeof item === 'number');
		if (!this.alike) return;
		const weight = ruleOf(this.key) === 'mean' ? dt_ns : 1;
		for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] as number) + (list[at] as number) * weight;
	}

	private addRecords(list: readonly Fields[], part: number, numbers: Numbers): void {
		for (const entry of list) {
			if (this.key === 'findings') this.addFinding(entry);
			else if (this.events) this.events.push(entry);
			else this.addEntry(entry, part, numbers);
		}
		if (this.events && this.events.length > MOST_ENTRIES) this.events = this.events.slice(-MOST_ENTRIES);
	}

	private addEntry(entry: Fields, part: number, numbers: Numbers): void {
		this.groups ??= new Map();
		const identity = identityOf(this.key, entry);
		if (identity === undefined) {
			this.events = [entry];
			return;
		}
		let group = this.groups.get(identity);
		if (!group) {
			group = new RecordSum();
			this.groups.set(identity, group);
		}
		group.add(entry, part, part, this.parts, numbers);
	}

	/** Each finding at its highest excess. */
	private addFinding(finding: Fields): void {
		this.findings ??= new Map();
		const key = `${String(finding['rule'])} ${String(finding['subject'])}`;
		const before = this.findings.get(key);
		if (!before || Number(finding['excess']) >= Number(before['excess'])) this.findings.set(key, finding);
	}

	merged(numbers: Numbers, whole: Whole): readonly unknown[] {
		const { key, parts, sums, events, filled, groups, last } = this;
		if (filled === 'numbers') {
			const rule = ruleOf(key);
			if (!sums || !this.alike || rule === 'last') return last;
			return rule === 'mean' ? sums.map((sum) => rounded(sum / parts.dt_ns)) : sums;
		}
		if (filled !== 'records') return last;
		if (key === 'findings') return worst([...(this.findings?.values() ?? [])]);
		const merged = foldEntries(
			Array.from(groups?.values() ?? [], (group) => ({
				row: group.merged(parts, numbers, whole),
				lives: group.lastPart === parts.count - 1,
			})),
			whole.begin,
		);
		if (events) return [...merged, ...events].slice(-MOST_ENTRIES);
		return key === 'culprits' ? longest(merged) : merged;
	}
}

/** Those who waited longest, or were waited for: as many as an interval has (docs/batch.schema.json). */
function longest(entries: readonly Fields[]): Fields[] {
	const most = entries.some((entry) => 'culprits' in entry) ? 64 : 10;
	return [...entries].sort((a, b) => Number(b['wait_ns']) - Number(a['wait_ns'])).slice(0, most);
}

/** The worst first, as many as an interval has. */
function worst(findings: readonly Fields[]): Fields[] {
	const levels = ['severe', 'high', 'notice'];
	const level = (finding: Fields) => levels.indexOf(String(finding['level']));
	return [...findings].sort((a, b) => level(a) - level(b) || Number(b['excess']) - Number(a['excess'])).slice(0, 5);
}

/** A merged record, and whether the last interval has it. */
export interface Merged {
	row: Fields;
	lives: boolean;
}

/** Texts by which entries of processes that have ended are one. */
const NAMES = ['interrupted', 'comm', 'cgroup', 'user', 'device'];

/** Entries of processes that began and ended within the interval, of each command one; others stay as they are. */
function foldEntries(entries: readonly Merged[], begin: Ns): Fields[] {
	const groups = new Map<string, Fields[]>();
	for (const [at, { row, lives }] of entries.entries()) {
		const { pid, start_time } = row;
		const ended = !lives && typeof pid === 'number' && pid > 0 && typeof start_time === 'number' && start_time >= begin;
		const key = ended ? NAMES.map((name) => String(row[name])).join('\0') : `${at}`;
		const group = groups.get(key);
		if (group) group.push(row);
		else groups.set(key, [row]);
	}
	return [...groups.values()].map((group) => (group.length === 1 ? (group[0] as Fields) : together(group)));
}

/** Figures of several processes as those of one entry: sums, the highest of maxima and percentiles. */
function together(group: readonly Fields[]): Fields {
	const numbers = (key: string) => group.map((row) => (typeof row[key] === 'number' ? (row[key] as number) : 0));
	const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
	const counts = numbers('count');
	const whole: Fields = { ...group[0] };
	for (const key in whole) {
		if (typeof whole[key] !== 'number') continue;
		const rule = ruleOf(key);
		const all = numbers(key);
		if (rule === 'most') whole[key] = Math.max(...all);
		else if (rule === 'mean-of-events')
			whole[key] =
				sum(counts) > 0 ? Math.round(sum(all.map((mean, at) => mean * (counts[at] as number))) / sum(counts)) : 0;
		else whole[key] = sum(all);
	}
	return { ...whole, pid: 0, start_time: 0 };
}
