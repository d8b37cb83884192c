/** The columns of the run queue. */
import type { Column } from '../../core/tracer.ts';
import type { RunqlatRow } from './snapshot.ts';

/** A figure of the waits that ended in the interval. */
const wait = (
	of: 'mean' | 'p50' | 'p90' | 'p99' | 'max',
	title: string,
	priority: number,
	help: string,
): Column<RunqlatRow> => ({
	key: `${of}_ns`,
	aliases: [`wait.${of}`],
	title,
	kind: 'ns',
	width: 7,
	priority,
	help,
	value: (row) => row[`${of}_ns`],
});

/** What has a name and no number. */
const NAMED: ReadonlySet<RunqlatRow['key']['kind']> = new Set(['user', 'command', 'service']);

export const columns: readonly Column<RunqlatRow>[] = [
	{
		key: 'id',
		aliases: ['pid'],
		title: 'ID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process or thread id (in the initial pid namespace), id of the cgroup or pid namespace, or CPU; 0 in the row of the whole machine; – for a user, command or service.',
		value: (row) => (NAMED.has(row.key.kind) ? Number.NaN : row.key.id),
	},
	{
		key: 'rate',
		title: 'RUNS/s',
		kind: 'rate',
		width: 6,
		priority: 3,
		help: 'How often per second a task got a CPU (context switches to it).',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'wait_ns',
		title: 'WAIT',
		kind: 'ns',
		width: 7,
		priority: 0,
		help: 'All waiting that ended in the interval added up; more than the interval when several tasks waited.',
		value: (row) => row.wait_ns,
	},
	wait('mean', 'MEAN', 6, 'Mean wait for a CPU in the interval.'),
	wait('p50', 'P50', 5, 'Half of the waits were shorter than this.'),
	wait('p90', 'P90', 8, '9 of 10 waits were shorter than this.'),
	wait('p99', 'P99', 2, '99 of 100 waits were shorter than this.'),
	wait('max', 'MAX', 4, 'Longest wait that ended in the interval.'),
	{
		key: 'wait_ns_total',
		title: 'TOTAL',
		kind: 'ns',
		width: 7,
		priority: 7,
		help: 'All waiting since wattlag started.',
		value: (row) => row.wait_ns_total,
	},
	{
		key: 'voluntary',
		aliases: ['voluntary.switches'],
		title: 'VOL/s',
		kind: 'rate',
		width: 6,
		priority: 9,
		help: 'Switches away per second because it went to sleep (voluntary). Kernel: nvcsw.',
		value: (row, seconds) => (row.voluntary ?? Number.NaN) / seconds,
	},
	{
		key: 'involuntary',
		aliases: ['preempted', 'involuntary.switches'],
		title: 'PRE/s',
		kind: 'rate',
		width: 6,
		priority: 8,
		help: 'Switches away per second because another task was to run (preempted, involuntary). Kernel: nivcsw.',
		value: (row, seconds) => (row.involuntary ?? Number.NaN) / seconds,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		grow: true,
		label: true,
		priority: 1,
		help: 'Name of the task (comm, at most 15 bytes), cgroup or container, or of the first process of the pid namespace.',
		value: (row) => row.key.comm,
	},
];
