/**
 * Several intervals of one tab as one. Sums are added, distributions merged, totals since start are those of the last
 * interval, and what is a state at a moment is the last one known. No percentile is ever averaged: it comes from the merged
 * distribution, or is the highest of its intervals where a row has no distribution.
 *
 * The rules go by the names of fields, whose endings have the same meaning in all tabs (docs/batch.md).
 */
import type { Fold } from '../core/fold.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { type Buckets, mergeBuckets } from '../lib/histogram.ts';
import type { Ns } from '../lib/units.ts';
import { FINEST, quantileIn } from './quantile.ts';
import { byIdentity } from './row-order.ts';

/** Entries of a list that is put together from those of several intervals. */
const MOST_ENTRIES = 256;

type Record_ = Record<string, unknown>;
/** The same field in each interval, in their order; undefined: the interval has no such row. */
type Parts = readonly unknown[];

interface Times {
	/** Lengths of the intervals. */
	dt: readonly Ns[];
	total: Ns;
	/** CLOCK_MONOTONIC. */
	begin: Ns;
	/** Energy that was measured in all of them; 0: not known. */
	measured_uj: number;
}

/** How fields of a name are merged; what they are, numbers or lists, is for their values to say. */
export type Rule = 'last-whole' | 'buckets' | 'last' | 'most' | 'mean' | 'mean-of-events' | 'sum';

/** Every numeric field of every tab is in one of these, or has an ending that says the same; a test reads the schema. */
const FIELDS: Readonly<Record<Rule, readonly string[]>> = {
	// what happened in the interval: counts, times, energies, bytes
	sum: [
		...[
			'asked',
			'blocked_ns',
			'bpf_measured_ns',
			'bpf_ns',
			'bpf_runs',
			'busy_ns',
			'bypassed',
			'bytes',
			'bytes_discarded',
		],
		...[
			'bytes_read',
			'bytes_written',
			'bytes_zeroed',
			'call_ns',
			'consumed',
			'count',
			'cpu_ns',
			'device_uj',
			'dirtied',
		],
		...[
			'dropped',
			'dropped_driver',
			'dropped_hardware',
			'dropped_stack',
			'drops',
			'dt_ns',
			'ended',
			'cgroup',
			'slow_suppressed',
			'energy_uj',
			'errors',
		],
		...[
			'events_left_out',
			'full_ns',
			'gpu_uj',
			'hard_ns',
			'held_back',
			'hidden_count',
			'idle_uj',
			'involuntary',
			'io_bytes',
		],
		...[
			'io_count',
			'io_discarded_bytes',
			'io_errors',
			'irq_in_rows_ns',
			'irq_ns',
			'irq_time_count',
			'irq_time_ns',
			'irq_uj',
		],
		...[
			'kernel',
			'late_ns',
			'late_zones',
			'log2',
			'major_faults',
			'measured_uj',
			'merged',
			'merged_bios',
			'merged_requests',
		],
		...['minor_faults', 'none', 'ns', 'packets_dropped', 'partial', 'preempted_ns', 'processes_uj', 'received'],
		...[
			'received_bytes',
			'recorded',
			'recorded_bytes',
			'requests',
			'requeues',
			'restarts',
			'running_ns',
			'runqueue_ns',
			'sent_bytes',
		],
		...['soft_ns', 'some_ns', 'splits', 'stalled_ns', 'started', 'steal_ns', 'submitter', 'suppressed', 'suspended_ns'],
		...['time_ns', 'total_uj', 'turns', 'unattributed_uj', 'unhandled', 'vector_ns', 'voluntary', 'wait_ns'],
		...['wake_uj', 'wakes', 'wakeups', 'zones', 'events', 'throttled_ns', 'idle_ns', 'lengths', 'other'],
	],
	// states, identities and settings at its end, or counted since start
	last: [
		...['pid', 'tid', 'id', 'start_time', 'process_start', 'cpu', 'irq', 'uid', 'depth', 'sector', 'package', 'netns'],
		...['cpus', 'threads', 'processes', 'alive', 'seconds', 'schema', 'mono_ns', 'inflight_count', 'waiting_count'],
		...['memory_bytes', 'memory_available_bytes', 'swap_bytes', 'swap_used_bytes', 'rss_bytes', 'kernel_bytes'],
		...['second_uj', 'nice', 'last_mono_ns', 'latency_ns', 'residency_ns', 'log2_unit_ns', 'slow_threshold_ns'],
		...['error_share', 'residual_share', 'limit_share', 'cost_share', 'ago_ns', 'woken', 'waker_pid', 'full'],
		...['ghz', 'min_ghz', 'max_ghz', 'limit_ghz', 'firmware_ghz', 'cooling', 'cooling_devices', 'carrier_changes'],
		...['step_ns', 'profile_seconds', 'hz', 'symbol_bytes', 'port', 'trigger_pid', 'pids', 'at_ns', 'sum_ns'],
	],
	// lists and records of which the last one counts, and their fields
	'last-whole': [
		'recursion',
		...['focus', 'source', 'storm_bounds', 'zones_ns', 'late_zones_ns', 'full_path', 'forecast', 'history', 'inflight'],
		...['waiting', 'lost', 'checked', 'unchecked', 'missing', 'owner', 'link', 'figures', 'peak', 'bill'],
		...['wait_chains', 'memory_growth', 'quality', 'rare', 'unwound', 'late_symbols', 'hottest', 'hottest_locks'],
		...[
			'joules',
			'naive_error_share',
			'samples',
			'user_stacks',
			'cut',
			'cut_after_2',
			'unnamed',
			'deep',
			'ended_processes',
		],
		...['found', 'refused', 'failed', 'stacks', 'waiters', 'tasks', 'oldest_ns', 'files', 'files_whole'],
	],
	// rates and shares of time: weighted by the length of the interval, 0 where the row was missing
	mean: [
		...['watts', 'share', 'hard', 'soft', 'vector', 'rate', 'busy_share', 'entries_per_s', 'bpf_uncertainty'],
		...['per_s', 'own_per_s', 'switched_share', 'short_share', 'states'],
	],
	// of each event
	'mean-of-events': ['mean_ns', 'mean_idle_ns'],
	// highest of all intervals
	most: ['max_ns', 'age_ns', 'bpf_price_age_ns', 'excess', 'process_count'],
	buckets: ['buckets'],
};
const STATED: ReadonlyMap<string, Rule> = new Map(
	Object.entries(FIELDS).flatMap(([rule, names]) => names.map((name) => [name, rule as Rule] as const)),
);

const isRecord = (value: unknown): value is Record_ =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const rules = new Map<string, Rule>();
/** Names of fields are few, but a machine may have many devices or causes that are names of fields. */
const MOST_RULES = 5000;

function ruleOf(key: string): Rule {
	let rule = rules.get(key);
	if (rule === undefined) {
		rule = newRule(key);
		if (rules.size < MOST_RULES) rules.set(key, rule);
	}
	return rule;
}

/** The rule that was chosen for a name; undefined: none was. */
export function statedRule(key: string): Rule | undefined {
	if (key.endsWith('_total')) return 'last-whole';
	if (key.endsWith('_limit')) return 'last';
	if (/(^|_)(p\d{1,3}|max)_ns$/.test(key)) return 'most';
	return STATED.get(key);
}

/** What only other versions of the program have is counted in the interval, as most figures are. */
const newRule = (key: string): Rule => statedRule(key) ?? 'sum';

/** Of what is in a record of this name: `time_ns` has times by what they were spent on, whatever these are called; undefined: names of fields. */
function ruleWithin(key: string): Rule | undefined {
	return key.endsWith('_ns') ? ruleOf(key) : undefined;
}

/** 0.99 of `p99_ns`; undefined: the field is no percentile. */
function rankOf(key: string): number | undefined {
	const rank = key.startsWith('p') && key.endsWith('_ns') ? /^p(\d{1,3})_ns$/.exec(key)?.[1] : undefined;
	return rank === undefined ? undefined : Number(`0.${rank}`);
}

/** Rows at rest are the same object for minutes: whether several of them are no more than one is found out once. */
const atRest = new WeakMap<object, boolean>();

/** Whether a record that stays as it is for several intervals is itself for all of them: nothing in it adds up. */
function restsAsItIs(record: object, all?: Rule): boolean {
	let rests = atRest.get(record);
	if (rests === undefined) {
		rests = Object.entries(record).every(([key, value]) => {
			const rule = all ?? ruleOf(key);
			if (rule === 'last-whole') return true;
			if (typeof value === 'number') return rule !== 'sum' || value === 0;
			if (Array.isArray(value)) return value.length === 0;
			return !isRecord(value) || restsAsItIs(value, ruleWithin(key));
		});
		atRest.set(record, rests);
	}
	return rests;
}

/** @param all rule of all its fields, where their names have no meaning */
function mergeRecords(parts: Parts, times: Times, all?: Rule): Record_ {
	const last = parts.findLast(isRecord);
	if (!last) return {};
	if (parts.every((part) => part === last) && restsAsItIs(last, all)) return last;
	const merged: Record_ = {};
	for (const key in last) merged[key] = mergeField(key, parts, times, all);
	// fields in the order of the last one, then those that only earlier ones have
	for (const part of parts) {
		if (part === last || !isRecord(part)) continue;
		for (const key in part) if (!Object.hasOwn(merged, key)) merged[key] = mergeField(key, parts, times, all);
	}
	restate(merged, times);
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

/** What is a quotient of sums is that of the merged ones, as in every interval by itself. */
function restate(merged: Record_, { total, measured_uj }: Times): void {
	const { energy_uj, count } = merged;
	if (typeof energy_uj === 'number') {
		if (typeof merged['watts'] === 'number') merged['watts'] = (energy_uj / total) * 1000;
		if (typeof merged['share'] === 'number' && measured_uj > 0) merged['share'] = energy_uj / measured_uj;
	}
	const time = merged['wait_ns'] ?? merged['time_ns'];
	if (typeof merged['mean_ns'] === 'number' && typeof time === 'number' && typeof count === 'number')
		merged['mean_ns'] = count > 0 ? Math.round(time / count) : 0;
}

/** @param owners the records that may have the field */
function mergeField(key: string, owners: Parts, times: Times, rule: Rule = ruleOf(key)): unknown {
	let last: unknown;
	let absent: unknown = null;
	for (let at = 0; at < owners.length; at++) {
		const part = partOf(owners[at], key);
		if (part !== undefined && part !== null) last = part;
		else if (part !== undefined) absent = part;
	}
	if (last === undefined) return absent;
	if (rule === 'last-whole') return last;
	// most fields are numbers: no list is made of them
	if (typeof last === 'number' && rule !== 'buckets') return mergeNumbers(rule, key, owners, times);
	const parts = owners.map((owner) => partOf(owner, key));
	if (rule === 'buckets') return mergeBuckets(known(parts) as Buckets[]);
	if (Array.isArray(last)) {
		const dt = times.dt.filter((_, at) => parts[at] !== undefined && parts[at] !== null);
		return mergeLists(key, known(parts) as unknown[][], dt, times);
	}
	return isRecord(last) ? mergeRecords(parts, times, ruleWithin(key)) : last;
}

const partOf = (owner: unknown, key: string): unknown => (isRecord(owner) ? owner[key] : undefined);

/** Digits of a mean: more of them are noise, and take most of its bytes. */
const DIGITS = 6;

const rounded = (mean: number): number => Number(mean.toPrecision(DIGITS));

function mergeNumbers(rule: Rule, key: string, owners: Parts, { dt, total }: Times): number {
	// one by one: a list of them would be made for each of ten thousand fields
	let sum = 0;
	let most = Number.NEGATIVE_INFINITY;
	let last = 0;
	let count = 0;
	for (let at = 0; at < owners.length; at++) {
		const owner = owners[at];
		const number = partOf(owner, key);
		if (typeof number !== 'number') continue;
		last = number;
		if (number > most) most = number;
		if (rule === 'mean') sum += number * (dt[at] ?? 0);
		else if (rule === 'mean-of-events') {
			// sleeps of a CPU, and idle periods that ended, are counted per second
			const events = Number((partOf(owner, 'count') ?? partOf(owner, 'entries_per_s') ?? partOf(owner, 'per_s')) || 0);
			sum += number * events;
			count += events;
		} else sum += number;
	}
	switch (rule) {
		case 'last':
			return last;
		case 'most':
			return most;
		case 'mean':
			return rounded(sum / total);
		case 'mean-of-events':
			return count > 0 ? Math.round(sum / count) : 0;
		default:
			return sum;
	}
}

/** Identity of an entry of a list; undefined: entries of this list are events. */
function identityOf(key: string, entry: Record_): string | undefined {
	if (key === 'slow' || 'mono_ns' in entry) return undefined;
	const names = [
		'rule',
		'subject',
		'kind',
		'irq',
		'name',
		'comm',
		'pid',
		'start_time',
		'cpu',
		'package',
		'device',
		'stage',
	];
	const parts = names.filter((name) => name in entry).map((name) => `${name}=${String(entry[name])}`);
	return parts.length > 0 ? parts.join(' ') : undefined;
}

/** @param dt lengths of the intervals that have the list */
function mergeLists(key: string, lists: readonly unknown[][], dt: readonly Ns[], times: Times): unknown[] {
	const last = lists.at(-1) as unknown[];
	const filled = lists.find((list) => list.length > 0);
	if (!filled) return last;
	if (typeof filled[0] === 'number') {
		const same = lists.every((list) => list.length === last.length && list.every((item) => typeof item === 'number'));
		const rule = ruleOf(key);
		if (!same || rule === 'last') return last;
		const isMean = rule === 'mean';
		const total = (at: number) =>
			lists.reduce((sum, list, part) => sum + (list[at] as number) * (isMean ? (dt[part] as Ns) : 1), 0);
		const length = dt.reduce((sum, one) => sum + one, 0);
		return last.map((_, at) => (isMean ? rounded(total(at) / length) : total(at)));
	}
	if (!isRecord(filled[0])) return last;
	if (key === 'findings') return worst(lists as Record_[][]);
	const groups = new Map<string, unknown[]>();
	for (const [part, list] of lists.entries()) {
		for (const entry of list as Record_[]) {
			const identity = identityOf(key, entry);
			if (identity === undefined) return lists.flat().slice(-MOST_ENTRIES);
			const group = groups.get(identity) ?? new Array(lists.length).fill(undefined);
			group[part] = entry;
			groups.set(identity, group);
		}
	}
	const merged = foldEntries(
		[...groups.values()].map((parts) => ({ row: mergeRecords(parts, times), lives: parts.at(-1) !== undefined })),
		times.begin,
	);
	return key === 'culprits' ? longest(merged) : merged;
}

/** Those who waited longest, or were waited for: as many as an interval has (docs/batch.schema.json). */
function longest(entries: readonly Record_[]): Record_[] {
	const most = entries.some((entry) => 'culprits' in entry) ? 64 : 10;
	return [...entries].sort((a, b) => Number(b['wait_ns']) - Number(a['wait_ns'])).slice(0, most);
}

/** Texts by which entries of processes that have ended are one. */
const NAMES = ['interrupted', 'comm', 'cgroup', 'user', 'device'];

/** As {@link foldEnded}, of a list whose entries are processes; others stay as they are. */
function foldEntries(entries: readonly MergedRow[], begin: Ns): Record_[] {
	const groups = new Map<string, Record_[]>();
	for (const [at, { row, lives }] of entries.entries()) {
		const { pid, start_time } = row;
		const ended = !lives && typeof pid === 'number' && pid > 0 && typeof start_time === 'number' && start_time >= begin;
		const key = ended ? NAMES.map((name) => String(row[name])).join('\0') : `${at}`;
		const group = groups.get(key);
		if (group) group.push(row);
		else groups.set(key, [row]);
	}
	return [...groups.values()].map((group) => (group.length === 1 ? (group[0] as Record_) : together(group)));
}

/** Figures of several processes as those of one entry: sums, the highest of maxima and percentiles. */
function together(group: readonly Record_[]): Record_ {
	const numbers = (key: string) => group.map((row) => (typeof row[key] === 'number' ? (row[key] as number) : 0));
	const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);
	const counts = numbers('count');
	const whole: Record_ = { ...group[0] };
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

/** Each finding at its highest excess, the worst first. */
function worst(lists: readonly Record_[][]): Record_[] {
	const levels = ['severe', 'high', 'notice'];
	const found = new Map<string, Record_>();
	for (const finding of lists.flat()) {
		const key = `${String(finding['rule'])} ${String(finding['subject'])}`;
		const before = found.get(key);
		if (!before || Number(finding['excess']) >= Number(before['excess'])) found.set(key, finding);
	}
	const level = (finding: Record_) => levels.indexOf(String(finding['level']));
	return [...found.values()]
		.sort((a, b) => level(a) - level(b) || Number(b['excess']) - Number(a['excess']))
		.slice(0, 5);
}

const known = (parts: Parts): unknown[] => parts.filter((part) => part !== undefined && part !== null);

/**
 * Processes that began and ended within the interval, a row for each command, control group and user: a build would make
 * thousands of rows of ten seconds. One that is alone keeps its row.
 *
 * @param rows merged ones, and whether the last interval has them
 * @param begin CLOCK_MONOTONIC
 */
function foldEnded(rows: readonly MergedRow[], fold: Fold<object>, begin: Ns): Record_[] {
	const groups = new Map<string, [Record_, ...Record_[]]>();
	const kept: Record_[] = [];
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
			const merged = fold.merge(group) as Record_;
			const named = fold.named(merged, { kind: 'command', id: 0, name: fold.comm(first) }) as Record_;
			for (const name of ['cgroup', 'user']) if (name in named) named[name] = first[name];
			kept.push(named);
		}
	}
	return kept;
}

interface MergedRow {
	row: Record_;
	lives: boolean;
}

/**
 * @param rowKey identity of a row across intervals
 * @param fold how the tab makes one row of several; undefined: none of its rows are processes
 */
export function mergeSnapshots(
	parts: readonly [Snapshot, ...Snapshot[]],
	rowKey: (row: object) => string,
	fold?: Fold<object>,
): Snapshot {
	const last = parts.at(-1) as Snapshot;
	if (parts.length === 1) return last;
	const dt = parts.map(({ dt_ns }) => dt_ns);
	const measured = parts.map((part) => (part as Record_)['measured_uj']);
	const total = dt.reduce((sum, one) => sum + one, 0);
	const times = {
		dt,
		total,
		begin: last.mono_ns - total,
		measured_uj: measured.reduce<number>((sum, one) => sum + (typeof one === 'number' ? one : 0), 0),
	};
	const rows = new Map<string, unknown[]>();
	for (const [part, snapshot] of parts.entries()) {
		for (const row of snapshot.rows) {
			const key = rowKey(row);
			let of = rows.get(key);
			if (!of) {
				of = new Array(parts.length).fill(undefined);
				rows.set(key, of);
			}
			of[part] = row;
		}
	}
	const heads = parts.map(({ rows: _, ...head }) => head);
	const merged = [...rows.values()].map((of) => ({ row: mergeRecords(of, times), lives: of.at(-1) !== undefined }));
	const byProcess = fold && last.group === 'process';
	return {
		...(mergeRecords(heads, times) as unknown as Snapshot),
		// of the whole, whatever the rules of their names say
		tab: last.tab,
		time: last.time,
		mono_ns: last.mono_ns,
		dt_ns: times.total,
		group: last.group,
		rows: byIdentity(byProcess ? foldEnded(merged, fold, times.begin) : merged.map(({ row }) => row)) as object[],
	};
}
