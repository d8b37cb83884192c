/** Folds process rows of the overview into groups: sums, and the highest of percentiles. */
import type { Fold } from '../../core/fold.ts';
import { safe } from '../../lib/sanitize.ts';
import { cgroupName } from '../../system/cgroup-name.ts';
import type { OverviewRow, TimePart } from './snapshot.ts';

const added = [
	'watts',
	'energy_uj',
	'cpu_ns',
	'wait_ns',
	'irq_time_ns',
	'io_count',
	'io_bytes',
	'rss_bytes',
	'swap_bytes',
	'minor_faults',
	'major_faults',
	'threads',
	'wakeups',
] as const;
/** Absent: none. */
const optional = ['io_discarded_bytes', 'io_errors', 'wakes', 'restarts', 'drops'] as const;
const highest = ['wait_p99_ns', 'io_p99_ns'] as const;

/** A figure that is not known (null) does not hide the known ones. */
function either(a: number | null, b: number | null, both: (a: number, b: number) => number): number | null {
	return a === null ? b : b === null ? a : both(a, b);
}

function addTime(sum: NonNullable<OverviewRow['time_ns']>, more: NonNullable<OverviewRow['time_ns']>): void {
	for (const [part, ns] of Object.entries(more) as [TimePart, number][]) sum[part] = (sum[part] ?? 0) + ns;
}

export const overviewFold: Fold<OverviewRow> = {
	groups: ['cgroup', 'user', 'command', 'service'],
	comm: ({ comm }) => comm,
	cgroup: ({ cgroup }) => cgroup,
	user: ({ user }) => user,
	merge([first, ...others]) {
		const sum = { ...first };
		if (sum.time_ns) sum.time_ns = { ...sum.time_ns };
		for (const row of others) {
			sum.processes += row.processes;
			sum.started += row.started;
			if (row.time_ns && sum.time_ns) addTime(sum.time_ns, row.time_ns);
			else sum.time_ns ??= row.time_ns && { ...row.time_ns };
			for (const field of added) sum[field] = either(sum[field], row[field], (a, b) => a + b);
			for (const field of optional) if (row[field] !== undefined) sum[field] = (sum[field] ?? 0) + row[field];
			for (const field of highest) sum[field] = either(sum[field], row[field], Math.max);
		}
		if (others.some(({ container }) => container !== sum.container)) sum.container = safe``;
		if (others.some(({ state }) => state !== sum.state)) sum.state = null;
		if (others.some(({ reason }) => reason !== sum.reason)) [sum.reason, sum.wchan] = [null, safe``];
		if (others.some(({ nice }) => nice !== sum.nice)) sum.nice = null;
		return sum;
	},
	named: (row, { kind, name }) => ({
		...row,
		pid: 0,
		start_time: 0,
		command: safe``,
		comm: kind === 'cgroup' ? cgroupName(name) : name,
		cgroup: kind === 'cgroup' ? name : safe``,
		user: kind === 'user' ? name : safe``,
	}),
};
