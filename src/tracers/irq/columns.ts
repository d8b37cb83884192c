/** Columns of the interrupt tab: of lines, and of interrupted processes. */

import type { Column } from '../../core/tracer.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { IrqRow, OfCpu } from './snapshot.ts';

const groupOf = (snapshot: object): string => (snapshot as { group?: string }).group ?? 'line';
const byProcess = (snapshot: object): boolean => ['process', 'tree'].includes(groupOf(snapshot));
const byLine = (snapshot: object): boolean => ['line', 'cpu'].includes(groupOf(snapshot));

/** Duration of one interrupt. */
const time = (key: 'p50_ns' | 'p99_ns' | 'max_ns', title: string, priority: number, help: string): Column<IrqRow> => ({
	key,
	title,
	kind: 'ns',
	width: 7,
	priority,
	shown: byLine,
	help,
	value: (row) => (row.count === 0 ? Number.NaN : row[key]),
});

/** Time from raise to entry of softirqs. */
const late = (of: 'p99_ns' | 'max_ns', title: string, priority: number, help: string): Column<IrqRow> => ({
	...time(of, title, priority, help),
	key: `late_${of}`,
	value: (row) => (row.late && row.late.count > 0 ? row.late[of] : Number.NaN),
});

export const columns: readonly Column<IrqRow>[] = [
	{
		key: 'kind',
		title: 'KIND',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'hard: handler of an interrupt line; soft: deferred work (softirq); vector: interrupt that a CPU raises for itself, as timer tick and IPIs (x86; on arm64 these are hard); irq_time: time in interrupts of any kind while a process or cgroup had the CPU.',
		value: (row) => safe`${row.kind as SafeText}`,
	},
	{
		key: 'irq',
		title: 'IRQ',
		kind: 'pid',
		width: 4,
		priority: 4,
		shown: byLine,
		help: 'Number of the interrupt line as in /proc/interrupts, or of the softirq; vectors have none.',
		value: (row) => row.irq ?? Number.NaN,
	},
	{
		key: 'name',
		title: 'NAME',
		kind: 'text',
		width: 20,
		grow: true,
		label: true,
		priority: 0,
		help: 'Handler name given by the driver, softirq name, or name of the vector’s tracepoint. Each handler of a shared line has a row. By process: the interrupted process, kernel threads in brackets, all idle CPUs as idle.',
		value: (row) => row.name,
	},
	{
		key: 'cpu',
		title: 'CPU',
		kind: 'pid',
		width: 4,
		priority: 5,
		shown: byLine,
		help: 'CPU that handled the interrupts, or all CPUs (t: a row per CPU).',
		value: (row) => (row.cpu === 'all' ? safe`all` : row.cpu),
	},
	{
		key: 'rate',
		title: 'RATE/s',
		kind: 'rate',
		width: 7,
		priority: 2,
		help: 'Interrupts handled per second.',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'time',
		title: 'TIME',
		kind: 'share',
		width: 6,
		priority: 3,
		help: 'Time in the handler, as a share of one CPU. Time of hard interrupts inside a softirq is not charged to the softirq.',
		value: (row, seconds) => row.time_ns / (seconds * 1e9),
	},
	{
		key: 'device',
		title: 'DEVICE',
		kind: 'text',
		width: 9,
		priority: 6,
		shown: byLine,
		help: 'Device of an interrupt line, from sysfs: interface or disk, else bus address, else interrupt chip and its input.',
		value: (row) => row.device ?? safe``,
	},
	{
		key: 'storm',
		title: 'STORM',
		kind: 'text',
		width: 6,
		priority: 4,
		shown: (snapshot) => byLine(snapshot) && ((snapshot as { storms?: unknown[] }).storms?.length ?? 0) > 0,
		help: 'CPUs with a storm of this line: rate or share of the CPU at or above --irq-storm-rate or --irq-storm-share.',
		value: (row) => {
			const cpus = row.cpus.filter(({ storm }) => storm).map(({ cpu }) => cpu);
			return cpus.length > 0 ? (`cpu${cpus.join(',')}` as SafeText) : safe``;
		},
	},
	{
		key: 'busiest',
		title: 'BUSIEST',
		kind: 'text',
		width: 9,
		priority: 9,
		shown: (snapshot) => groupOf(snapshot) === 'line',
		help: 'CPU with most interrupts of the row, and its share of them; 100%: all on one CPU. Compare with AFFINITY and NOW.',
		value: (row) => {
			const most = row.cpus.reduce<OfCpu | undefined>((a, b) => (a && a.count >= b.count ? a : b), undefined);
			return most && row.count > 0
				? (`cpu${most.cpu} ${Math.round((most.count / row.count) * 100)}%` as SafeText)
				: safe``;
		},
	},
	{
		key: 'affinity',
		title: 'AFFINITY',
		kind: 'text',
		width: 9,
		priority: 13,
		shown: byLine,
		help: 'CPUs that an interrupt line may be delivered to (smp_affinity).',
		value: (row) => row.affinity ?? safe``,
	},
	{
		key: 'effective_affinity',
		title: 'NOW',
		kind: 'text',
		width: 5,
		priority: 14,
		shown: byLine,
		help: 'CPUs that an interrupt line is delivered to now (effective_affinity).',
		value: (row) => row.effective_affinity ?? safe``,
	},
	late('p99_ns', 'LATE99', 8, 'Softirqs: 99 of 100 began at most this long after their raise (±25 %).'),
	late('max_ns', 'LATEMAX', 12, 'Softirqs: longest time from raise to entry in the interval.'),
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 4,
		shown: byProcess,
		help: 'Interrupted process.',
		value: (row) => (row.irq_time && row.irq_time.pid > 0 ? row.irq_time.pid : Number.NaN),
	},
	{
		key: 'cgroup',
		title: 'INTERRUPTED CGROUP',
		aliases: ['interrupted_cgroup'],
		kind: 'text',
		width: 22,
		priority: 7,
		shown: byProcess,
		help: 'Control group of the interrupted process. A filter by cgroup selects interrupted processes, not the cause of the interrupt; it needs rows by process or cgroup (t).',
		value: (row) => row.irq_time?.cgroup ?? safe``,
	},
	...(['hard', 'soft', 'vector'] as const).map(
		(kind): Column<IrqRow> => ({
			key: `irq_time_${kind}`,
			title: kind.toUpperCase(),
			kind: 'share',
			width: 6,
			priority: 8,
			shown: (snapshot) => !byLine(snapshot),
			help: `Time taken from it by ${{ hard: 'hard interrupts', soft: 'softirqs (also those that end its own system calls)', vector: 'timer ticks and IPIs' }[kind]}, as a share of one CPU.`,
			value: (row, seconds) => (row.irq_time ? row.irq_time[`${kind}_ns`] / (seconds * 1e9) : Number.NaN),
		}),
	),
	{
		key: 'mean_ns',
		title: 'MEAN',
		kind: 'ns',
		width: 7,
		priority: 6,
		help: 'Mean time of one interrupt.',
		value: (row) => (row.count === 0 ? Number.NaN : row.time_ns / row.count),
	},
	time('p50_ns', 'P50', 9, 'Half of the interrupts took at most this long (from a histogram: ±25 %).'),
	time('p99_ns', 'P99', 7, '99 of 100 interrupts took at most this long (from a histogram: ±25 %).'),
	time('max_ns', 'MAX', 8, 'Longest interrupt of the interval.'),
	{
		key: 'unhandled',
		title: 'NONE',
		kind: 'count',
		width: 6,
		priority: 12,
		shown: byLine,
		help: 'Calls of the handler that returned IRQ_NONE, as on shared lines; not part of rate and time.',
		value: (row) => row.unhandled,
	},
	{
		key: 'count_total',
		title: 'COUNT',
		kind: 'count',
		width: 7,
		priority: 10,
		help: 'Interrupts since start.',
		value: (row) => row.count_total,
	},
	{
		key: 'time_ns_total',
		title: 'TOTAL',
		kind: 'ns',
		width: 7,
		priority: 11,
		help: 'Time since start.',
		value: (row) => row.time_ns_total,
	},
];
