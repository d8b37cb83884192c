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
		help: 'Network device that received the packets. Devices of the same name in all network namespaces share a row.',
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
		help: 'Packets per second copied to a process, after GRO; a packet that is read in pieces counts once.',
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
		'Packets per second dropped by the kernel: full socket, firewall, no listener. Packets left in closed sockets are not counted.',
	),
	rate(
		'consumed',
		'KERNEL',
		18,
		'Packets per second handled by the kernel (acknowledgements, ICMP, ARP) or forwarded.',
	),
	rate(
		'merged',
		'MERGED',
		19,
		'Packets per second merged into another, by GRO or at a TCP socket; counted when their memory is reused.',
	),
	...stageColumns(RECEIVE_PATH, 6).map((column) => ({
		...column,
		shown: (snapshot: object) =>
			!(snapshot as ReceiveExtra).missing.some(({ stage, all }) => all && column.key.startsWith(`${stage}_`)),
	})),
	totalColumn('mean_ns', 'TOTAL', 5, 'Mean time from the driver to the process: sum of all stages.'),
	totalColumn('p99_ns', 'P99', 3, '99 of 100 packets took at most this long in total (from a histogram: ±25 %).'),
	totalColumn('max_ns', 'MAX', 14, 'Slowest packet that was copied in the interval.'),
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
