/** Columns and options of the IO tab. */

import { TASK_FILTERS } from '../../bpf/task-filter.ts';
import { stageColumns, totalColumn } from '../../core/stages/columns.ts';
import type { Column, OptionSpec } from '../../core/tracer.ts';
import { safe } from '../../lib/sanitize.ts';
import { IO_PATH } from './path.ts';
import type { IoRow } from './snapshot.ts';

const groupedBy =
	(...groups: string[]) =>
	(snapshot: object): boolean =>
		groups.includes((snapshot as { group: string }).group);

/** Of processes and control groups only the total is measured. */
const byDevice = groupedBy('operation', 'device', 'flags');

export const columns: readonly Column<IoRow>[] = [
	{
		key: 'device',
		title: 'DEVICE',
		kind: 'text',
		width: 10,
		grow: true,
		priority: 0,
		help: 'Whole disk, as the kernel names it. Devices that pass on what they get (dm, md, zram, loop) count it and so do those below.',
		shown: byDevice,
		value: (row) => row.device,
	},
	{
		key: 'op',
		title: 'OP',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'Operation: read, write, flush (of the device’s cache), discard, … A bare flush counts as a write of no bytes too, as in /proc/diskstats.',
		shown: byDevice,
		value: (row) => row.op,
	},
	{
		key: 'flags',
		title: 'FLAGS',
		kind: 'text',
		width: 10,
		priority: 1,
		help: 'What the kernel knows of the request: sync (someone waits), meta (of the file system), rahead, background (write-back); async: none.',
		shown: groupedBy('flags'),
		value: (row) => row.flags ?? safe``,
	},
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process the requests belong to, in the initial pid namespace.',
		shown: groupedBy('process'),
		value: (row) => row.pid ?? Number.NaN,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		grow: true,
		priority: 0,
		help: 'Name of the process (of the thread, where it had ended before we could ask). What the kernel writes back counts for who made the file dirty.',
		shown: groupedBy('process'),
		value: (row) => row.comm ?? safe``,
	},
	{
		key: 'cgroup',
		title: 'CGROUP',
		kind: 'text',
		width: 16,
		grow: true,
		priority: 3,
		help: 'Control group of the process at its first request.',
		shown: groupedBy('process', 'cgroup'),
		value: (row) => row.cgroup ?? safe``,
	},
	{
		key: 'iops',
		title: 'IOPS',
		kind: 'rate',
		width: 7,
		priority: 2,
		help: 'Requests completed per second, after merging, as iostat counts them.',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'bytes',
		title: 'BYTES/s',
		kind: 'bytes-rate',
		width: 8,
		priority: 3,
		help: 'Bytes completed per second.',
		value: (row, seconds) => row.bytes / seconds,
	},
	...stageColumns(IO_PATH, 6).map((column) => ({
		...column,
		shown: (snapshot: object): boolean => byDevice(snapshot) && (column.shown?.(snapshot) ?? true),
	})),
	totalColumn('mean_ns', 'TOTAL', 5, 'Mean time from the queueing of the bio to the completion: all stages together.'),
	totalColumn('p99_ns', 'P99', 4, '99 of 100 requests took at most this long in all (from a histogram: ±25 %).'),
	totalColumn('max_ns', 'MAX', 14, 'The slowest request that completed in the interval.'),
	{
		key: 'count_total',
		title: 'COUNT',
		kind: 'count',
		width: 7,
		priority: 15,
		help: 'Requests since start.',
		value: (row) => row.count_total,
	},
	{
		key: 'bytes_total',
		title: 'BYTES',
		kind: 'bytes',
		width: 7,
		priority: 16,
		help: 'Bytes since start.',
		value: (row) => row.bytes_total,
	},
];

const path = (name: string, placeholder: string, help: string): OptionSpec => ({
	name,
	type: 'string',
	default: '',
	placeholder,
	help,
});

export const options: readonly OptionSpec[] = [
	{
		name: 'slow',
		type: 'number',
		default: 10,
		min: 0,
		placeholder: 'MS',
		help: 'list requests that took at least this many milliseconds, with all stages, task and file',
	},
	{
		name: 'full-path',
		type: 'boolean',
		default: false,
		help: 'also follow system calls: stages fs, wake, return, and where slow ones spent their time (detached above 5 % of a CPU)',
	},
	{
		name: 'device-only',
		type: 'boolean',
		default: false,
		excludes: ['full-path'],
		help: 'measure only the time in the device, not the way there (a fifth of the cost per request; no processes, no slow ones, no filters)',
	},
	...TASK_FILTERS,
	path('device', 'NAME', 'measure only requests to this disk or partition'),
	path('file', 'PATH', 'measure only requests of this file'),
	{ ...path('directory', 'PATH', 'measure only requests of files below this folder'), excludes: ['file'] },
	{
		name: 'tid',
		type: 'number',
		default: 0,
		min: 0,
		max: 2 ** 22,
		integer: true,
		placeholder: 'TID',
		help: 'measure only requests of this thread',
	},
];
