/** Columns of the IO tab. */

import { stageColumns, totalColumn } from '../../core/stages/columns.ts';
import type { Column } from '../../core/tracer.ts';
import { safe } from '../../lib/sanitize.ts';
import { IO_PATH } from './path.ts';
import type { Apart, IoRow } from './snapshot.ts';

const groupedBy =
	(...groups: string[]) =>
	(snapshot: object): boolean =>
		groups.includes((snapshot as { group: string }).group);

/** Shown where some row has the figure. */
const hasAny =
	(figure: keyof Apart) =>
	(snapshot: object): boolean =>
		(snapshot as { rows: readonly Apart[] }).rows.some((row) => (row[figure] ?? 0) > 0);

/** Processes and control groups have the total only. */
const byDevice = groupedBy('operation', 'device', 'flags');

export const columns: readonly Column<IoRow>[] = [
	{
		key: 'device',
		title: 'DEVICE',
		kind: 'text',
		width: 10,
		grow: true,
		priority: 0,
		help: 'Whole disk, by its kernel name. Stacked devices (dm, md, loop) count what they pass on, and the devices below count it again.',
		shown: byDevice,
		value: (row) => row.device,
	},
	{
		key: 'op',
		title: 'OP',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'Operation: read, write, flush (of the device’s cache), discard, … A flush without data counts as an empty write too, as in /proc/diskstats.',
		shown: byDevice,
		value: (row) => row.op,
	},
	{
		key: 'flags',
		title: 'FLAGS',
		kind: 'text',
		width: 10,
		priority: 1,
		help: 'Request flags of the kernel: sync (a task waits), meta (file system metadata), rahead, background (write-back); async: none.',
		shown: groupedBy('flags'),
		value: (row) => row.flags ?? safe``,
	},
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process the requests belong to, in the initial pid namespace; –: only the control group is known. IO through stacked devices counts once, at the uppermost.',
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
		help: 'Name of the process (of the thread if the process had ended before its name was read). Write-back counts for the process that made the file dirty.',
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
		help: 'Control group of the process at its last request.',
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
		help: 'Bytes transferred per second, those of failed requests included. Discards and write-zeroes transfer none.',
		value: (row, seconds) => row.bytes / seconds,
	},
	{
		key: 'discarded',
		title: 'DISC/s',
		kind: 'bytes-rate',
		width: 7,
		// after the stages: it is 0 nearly always
		priority: 17,
		help: 'Bytes discarded or securely erased per second. Shown once there have been any.',
		shown: hasAny('bytes_discarded_total'),
		value: (row, seconds) => (row.bytes_discarded ?? 0) / seconds,
	},
	{
		key: 'zeroed',
		title: 'ZERO/s',
		kind: 'bytes-rate',
		width: 7,
		priority: 18,
		help: 'Bytes zeroed per second without a transfer (write-zeroes). Shown once there have been any.',
		shown: hasAny('bytes_zeroed_total'),
		value: (row, seconds) => (row.bytes_zeroed ?? 0) / seconds,
	},
	{
		key: 'held_back',
		title: 'HELD',
		kind: 'count',
		width: 5,
		priority: 2,
		help: 'Requests that a limit of a control group (io.max, blkio throttle) held back before they were queued. That time is in no stage but fs. Shown once there have been any.',
		shown: hasAny('held_back_total'),
		value: (row) => row.held_back ?? 0,
	},
	{
		key: 'errors',
		title: 'ERR',
		kind: 'count',
		width: 5,
		priority: 2,
		help: 'Requests that ended with an error in the interval. Shown once there have been any.',
		shown: hasAny('errors_total'),
		value: (row) => row.errors ?? 0,
	},
	...stageColumns(IO_PATH, 6).map((column) => ({
		...column,
		shown: (snapshot: object): boolean => byDevice(snapshot) && (column.shown?.(snapshot) ?? true),
	})),
	totalColumn('mean_ns', 'TOTAL', 5, 'Mean time from the queueing of the bio to the completion: sum of all stages.'),
	totalColumn('p99_ns', 'P99', 4, '99 of 100 requests took at most this long in total (from a histogram: ±25 %).'),
	totalColumn('max_ns', 'MAX', 14, 'Slowest request that completed in the interval.'),
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
