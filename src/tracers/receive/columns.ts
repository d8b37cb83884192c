/** Columns of the receive tab. */
import { stageColumns, totalColumn } from '../../core/stages/columns.ts';
import type { Column } from '../../core/tracer.ts';
import { RECEIVE_PATH } from './path.ts';
import type { ReceiveExtra, ReceiveRow } from './snapshot.ts';

type Counter = 'received' | 'dropped' | 'consumed' | 'merged';

const rate = (key: Counter, title: string, priority: number, help: string): Column<ReceiveRow> => ({
	key,
	title,
	kind: 'rate',
	width: 7,
	priority,
	help,
	value: (row, seconds) => row[key] / seconds,
});

export const columns: readonly Column<ReceiveRow>[] = [
	{
		key: 'device',
		title: 'DEVICE',
		kind: 'text',
		width: 10,
		grow: true,
		priority: 0,
		help: 'Network device the packets came in by. Devices of the same name in other network namespaces are in the same row.',
		value: (row) => row.device,
	},
	{
		key: 'protocol',
		title: 'PROTO',
		kind: 'text',
		width: 7,
		priority: 1,
		help: 'Transport protocol; other: not IP (ARP, …).',
		shown: (snapshot) => (snapshot as { group: string }).group !== 'device',
		value: (row) => row.protocol,
	},
	{
		key: 'count',
		title: 'COPIED',
		kind: 'rate',
		width: 7,
		priority: 2,
		help: 'Packets per second that were copied to a process; a packet that is read in pieces counts once, after GRO.',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'bytes',
		title: 'BYTES/s',
		kind: 'bytes-rate',
		width: 8,
		priority: 4,
		help: 'Bytes copied to processes per second.',
		value: (row, seconds) => row.bytes / seconds,
	},
	rate('received', 'RECV', 9, 'Packets per second handed to the protocols, after GRO.'),
	rate(
		'dropped',
		'DROP',
		8,
		'Packets per second that the kernel threw away: full socket, firewall, nobody listens. Without those of sockets closed unread.',
	),
	rate(
		'consumed',
		'KERNEL',
		18,
		'Packets per second that were for the kernel (acknowledgements, ICMP, ARP) or were sent on.',
	),
	rate(
		'merged',
		'MERGED',
		19,
		'Packets per second that became part of another, by GRO or at a TCP socket; seen when their memory is used again.',
	),
	...stageColumns(RECEIVE_PATH, 6).map((column) => ({
		...column,
		shown: (snapshot: object) =>
			!(snapshot as ReceiveExtra).missing.some(({ stage, all }) => all && column.key.startsWith(`${stage}_`)),
	})),
	totalColumn('mean_ns', 'TOTAL', 5, 'Mean time from the driver to the process: all stages together.'),
	totalColumn('p99_ns', 'P99', 3, '99 of 100 packets took at most this long in all (from a histogram: ±25 %).'),
	totalColumn('max_ns', 'MAX', 14, 'The slowest packet that was copied in the interval.'),
	{
		key: 'count_total',
		title: 'COUNT',
		kind: 'count',
		width: 7,
		priority: 20,
		help: 'Packets copied to processes since start.',
		value: (row) => row.count_total,
	},
];
