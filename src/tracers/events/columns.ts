/** Columns of the events tab. */
import type { Column } from '../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { EventRow } from './snapshot.ts';

const text = (
	key: string,
	title: string,
	width: number,
	priority: number,
	help: string,
	value: (row: EventRow) => SafeText,
	grow = false,
): Column<EventRow> => ({ key, title, kind: 'text', width, priority, help, grow, value });

const count = (
	key: 'count' | 'recorded' | 'suppressed' | 'count_total' | 'recorded_total' | 'suppressed_total',
	title: string,
	priority: number,
	help: string,
): Column<EventRow> => ({ key, title, kind: 'count', width: 7, priority, help, value: (row) => row[key] });

const clock = (key: 'first' | 'last', title: string, priority: number, help: string): Column<EventRow> => ({
	...{ key, title, kind: 'clock', width: 8, priority, help },
	value: (row) => Date.parse(row[key]) / 1000,
});

export const columns: readonly Column<EventRow>[] = [
	clock('last', 'LAST', 1, 'Time of the last event: the newest is first.'),
	text('severity', 'LEVEL', 7, 6, 'severe, high, notice or normal.', ({ severity }) => sanitize(severity)),
	text('kind', 'KIND', 14, 0, 'Kind of event.', ({ kind }) => sanitize(kind)),
	text('reason', 'REASON', 18, 0, "Reason, by the kernel's own name where it has one.", ({ reason }) => reason),
	{
		...text('who', 'WHO', 15, 2, 'Process, socket, device or CPU that it happened to.', ({ who }) => who, true),
		label: true,
	},
	count('count', 'COUNT', 3, 'Events in the interval: all of them, also those without a record.'),
	{
		key: 'rate',
		title: 'RATE',
		kind: 'rate',
		width: 7,
		priority: 7,
		help: 'Events per second.',
		value: (row, seconds) => row.count / seconds,
	},
	count('count_total', 'TOTAL', 4, 'Events since start; messages of the kernel also from before.'),
	count('recorded', 'RECORDS', 12, 'Events of the interval that have a record.'),
	count('suppressed', 'SUPPR', 8, 'Events of the interval without a record: their kind and reason had too many.'),
	text('protocol', 'PROTO', 6, 10, 'Transport protocol of packets.', ({ protocol }) => protocol),
	clock('first', 'FIRST', 11, 'Time of the first event.'),
	text('cause', 'CAUSE', 8, 9, 'Kind of cause: policy, overload, peer, local, hardware or normal.', ({ cause }) =>
		sanitize(cause),
	),
	{
		key: 'stalled',
		title: 'STALLED',
		kind: 'ns',
		width: 7,
		priority: 13,
		help: 'Time that tasks stalled in the interval (reclaim, compaction, throttled writes).',
		value: (row) => row.stalled_ns,
	},
	{
		key: 'bytes',
		title: 'BYTES',
		kind: 'bytes',
		width: 7,
		priority: 14,
		help: 'Bytes of the packets or requests in the interval.',
		value: (row) => row.bytes,
	},
	text(
		'location',
		'WHERE',
		18,
		15,
		'Function of the kernel where most of them happened.',
		({ locations }) => locations[0]?.location ?? safe``,
		true,
	),
	text(
		'cgroup',
		'CGROUP',
		16,
		18,
		'Control group of the process, or of a process in the network namespace of the device.',
		({ cgroup }) => cgroup,
		true,
	),
	text('meaning', 'MEANING', 30, 16, 'Meaning of the reason.', ({ meaning }) => meaning, true),
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 17,
		help: 'Process, in the initial pid namespace; 0: none, or not known.',
		value: (row) => row.pid,
	},
];
