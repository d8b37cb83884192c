/**
 * How fields become those of a longer interval: by their names, whose endings have the same meaning in all tabs (docs/batch.md).
 */

/** Fields by name. */
export type Fields = Record<string, unknown>;

export const isRecord = (value: unknown): value is Fields =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

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

const rules = new Map<string, Rule>();
/** Names of fields are few, but a machine may have many devices or causes that are names of fields. */
const MOST_RULES = 5000;

export function ruleOf(key: string): Rule {
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
export function ruleWithin(key: string): Rule | undefined {
	return key.endsWith('_ns') ? ruleOf(key) : undefined;
}

/** 0.99 of `p99_ns`; undefined: the field is no percentile. */
export function rankOf(key: string): number | undefined {
	const rank = key.startsWith('p') && key.endsWith('_ns') ? /^p(\d{1,3})_ns$/.exec(key)?.[1] : undefined;
	return rank === undefined ? undefined : Number(`0.${rank}`);
}

/** Whether a record that stays as it is for several intervals is itself for all of them: nothing in it adds up. */
export function restsAsItIs(record: Fields, all?: Rule): boolean {
	for (const key in record) {
		const rule = all ?? ruleOf(key);
		if (rule === 'last-whole') continue;
		const value = record[key];
		if (typeof value === 'number') {
			if (rule === 'sum' && value !== 0) return false;
		} else if (Array.isArray(value)) {
			if (value.length > 0) return false;
		} else if (isRecord(value) && !restsAsItIs(value, ruleWithin(key))) return false;
	}
	return true;
}
