/**
 * Several intervals of one tab as one. Sums are added, distributions merged, totals since start are those of the last
 * interval, and what is a state at a moment is the last one known. No percentile is ever averaged: it comes from the merged
 * distribution, or is the highest of its intervals where a row has no distribution.
 */
import type { Fold } from '../core/fold.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Ns } from '../lib/units.ts';
import { type Fields, isRecord } from './merge-rules.ts';
import { type Merged, Numbers, Parts, RecordSum } from './record-sum.ts';
import { byIdentity } from './row-order.ts';

/**
 * Processes that began and ended within the interval, a row for each command, control group and user: a build would make
 * thousands of rows of ten seconds. One that is alone keeps its row.
 *
 * @param rows merged ones, and whether the last interval has them
 * @param begin CLOCK_MONOTONIC
 */
function foldEnded(rows: readonly Merged[], fold: Fold<object>, begin: Ns): Fields[] {
	const groups = new Map<string, [Fields, ...Fields[]]>();
	const kept: Fields[] = [];
	for (const { row, lives } of rows) {
		const start = isRecord(row['key']) ? row['key']['start_time'] : row['start_time'];
		if (lives || typeof start !== 'number' || start < begin) {
			kept.push(row);
			continue;
		}
		const key = `${fold.comm(row)}\0${fold.cgroup?.(row) ?? ''}\0${fold.user?.(row) ?? String(row['user'] ?? '')}`;
		const group = groups.get(key);
		if (group) group.push(row);
		else groups.set(key, [row]);
	}
	for (const group of groups.values()) {
		const [first] = group;
		if (group.length === 1) kept.push(first);
		else {
			const merged = fold.merge(group) as Fields;
			const named = fold.named(merged, { kind: 'command', id: 0, name: fold.comm(first) }) as Fields;
			for (const name of ['cgroup', 'user']) if (name in named) named[name] = first[name];
			kept.push(named);
		}
	}
	return kept;
}

/** How the rows of a tab are merged. */
export interface RowRules {
	/** Identity of a row across intervals. */
	rowKey(row: object): string;
	/** How the tab makes one row of several; undefined: none of its rows are processes. */
	fold?: Fold<object> | undefined;
}

/** What a merged interval has from its last one. */
type Last = Pick<Snapshot, 'tab' | 'time' | 'mono_ns' | 'group'>;

/** The merged interval in the making. Keeps figures, and no snapshot but the first one. */
export class SnapshotSum {
	private readonly rules: RowRules;
	/** A single interval is not taken apart. */
	private only: Snapshot | undefined;
	private last: Last | undefined;
	private readonly parts = new Parts();
	private readonly numbers = new Numbers();
	/** Energy that was measured, of the intervals in which it was. */
	private measured = 0;
	private readonly head = new RecordSum();
	private readonly rows = new Map<string, RecordSum>();
	/** Rows of the last interval that were at rest, and their sums. */
	private resting: { rows: object[]; sums: RecordSum[] } = { rows: [], sums: [] };

	constructor(rules: RowRules) {
		this.rules = rules;
	}

	/** Length so far. */
	get dt_ns(): Ns {
		return this.parts.dt_ns;
	}

	/** Group of the rows; undefined: there are none yet. */
	get group(): string | undefined {
		return this.last?.group;
	}

	add(snapshot: Snapshot): void {
		const { parts, only } = this;
		const part = parts.add(snapshot.dt_ns);
		const { tab, time, mono_ns, group } = snapshot;
		this.last = { tab, time, mono_ns, group };
		this.only = part === 0 ? snapshot : undefined;
		if (only) this.take(only, 0);
		if (part > 0) this.take(snapshot, part);
	}

	private take(snapshot: Snapshot, part: number): void {
		const { rows: list, ...head } = snapshot;
		const { measured_uj } = head as Fields;
		if (typeof measured_uj === 'number') this.measured += measured_uj;
		const { parts, numbers, resting: before } = this;
		this.head.add(head, part, part, parts, numbers);
		// rows at rest are the same objects in the same order at the end of the list: they need no key
		let next = before.rows.length - 1;
		const known = new Array<RecordSum | undefined>(list.length).fill(undefined);
		for (let at = list.length - 1; at >= 0 && next >= 0; at--) {
			const row = list[at];
			// one that was at rest may have gone
			if (row !== before.rows[next] && row === before.rows[next - 1]) next--;
			if (row === before.rows[next]) known[at] = before.sums[next--];
		}
		const resting: { rows: object[]; sums: RecordSum[] } = { rows: [], sums: [] };
		for (const [at, row] of list.entries()) {
			const sum = known[at] ?? this.sumOf(row);
			sum.add(row as Fields, part, part, parts, numbers);
			if (!sum.rests) continue;
			resting.rows.push(row);
			resting.sums.push(sum);
		}
		this.resting = resting;
	}

	private sumOf(row: object): RecordSum {
		const key = this.rules.rowKey(row);
		let sum = this.rows.get(key);
		if (!sum) {
			sum = new RecordSum();
			this.rows.set(key, sum);
		}
		return sum;
	}

	/** undefined: there was no interval. Nothing is added afterwards. */
	merged(): Snapshot | undefined {
		const { only, last, parts, numbers, rules } = this;
		if (only || !last) return only;
		const whole = { dt_ns: parts.dt_ns, begin: last.mono_ns - parts.dt_ns, measured_uj: this.measured };
		const merged = Array.from(this.rows.values(), (sum) => ({
			row: sum.merged(parts, numbers, whole),
			lives: sum.lastPart === parts.count - 1,
		}));
		const { fold } = rules;
		const byProcess = fold && last.group === 'process';
		return {
			...(this.head.merged(parts, numbers, whole) as unknown as Snapshot),
			// of the whole, whatever the rules of their names say
			...last,
			dt_ns: whole.dt_ns,
			rows: byIdentity(byProcess ? foldEnded(merged, fold, whole.begin) : merged.map(({ row }) => row)) as object[],
		};
	}
}
