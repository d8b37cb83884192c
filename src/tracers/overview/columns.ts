/** Columns of the overview. */

import type { Column } from '../../core/tracer.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { OverviewRow } from './snapshot.ts';
import { reasonTerms } from './tasks/reasons.ts';

const known = (value: number | null): number => value ?? Number.NaN;
const grouped = (snapshot: object): boolean => (snapshot as { group?: string }).group !== 'process';
/** Rows are processes: a group has no pid and no command line. */
function ofProcesses(snapshot: object): boolean {
	const { group = 'process' } = snapshot as { group?: string };
	return group === 'process' || group === 'tree';
}
/** Shown where some row has the figure. */
const hasAny =
	(figure: 'io_discarded_bytes' | 'io_errors') =>
	(snapshot: object): boolean =>
		(snapshot as { rows: readonly OverviewRow[] }).rows.some((row) => (row[figure] ?? 0) > 0);

/** Energy for a unit of work; NaN: not known, or none was done. */
const per = (energy: number | null, work: number | null): number =>
	energy === null || !work ? Number.NaN : energy / work;
/** Shown where energy is known. */
const hasWork = (snapshot: object): boolean =>
	(snapshot as { rows: readonly OverviewRow[] }).rows.some(({ energy_uj }) => (energy_uj ?? 0) > 0);

/** `futex 71%, poll 20%` */
function largestParts(time: OverviewRow['time_ns']): SafeText {
	if (!time) return safe``;
	const sum = Object.values(time).reduce((total, ns) => total + ns, 0);
	const largest = Object.entries(time)
		.sort(([, a], [, b]) => b - a)
		.slice(0, 2)
		.filter(([, ns]) => ns > 0);
	return largest.map(([part, ns]) => `${part} ${Math.round((ns / sum) * 100)}%`).join(', ') as SafeText;
}

export const columns: readonly Column<OverviewRow>[] = [
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 2,
		shown: ofProcesses,
		help: 'Process id in the initial pid namespace; not shown of groups.',
		value: ({ pid }) => pid || Number.NaN,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 14,
		grow: true,
		priority: 0,
		help: 'Name of the process (comm, at most 15 bytes) or of the group. Processes without activity in the interval are not listed.',
		value: ({ comm }) => (comm === '' ? safe`?` : comm),
	},
	{
		key: 'watts',
		title: 'WATTS',
		kind: 'watts',
		width: 7,
		priority: 1,
		help: 'Average power in the interval; the tab Energy names its source.',
		value: ({ watts }) => known(watts),
	},
	{
		key: 'energy_uj',
		aliases: ['energy', 'joules'],
		title: 'ENERGY',
		kind: 'microjoules',
		width: 7,
		priority: 6,
		help: 'Energy of the interval; the tab Energy has the sum since start.',
		value: ({ energy_uj }) => known(energy_uj),
	},
	{
		key: 'cpu',
		title: 'CPU',
		kind: 'share',
		width: 6,
		priority: 1,
		help: 'CPU time as a share of the interval; 100 % is one CPU.',
		value: ({ cpu_ns }, seconds) => known(cpu_ns) / (seconds * 1e9),
	},
	{
		key: 'wait_ns',
		aliases: ['wait'],
		title: 'WAIT',
		kind: 'ns',
		width: 7,
		priority: 3,
		help: 'Sum of the waits for a CPU that ended in the interval, over all threads.',
		value: ({ wait_ns }) => known(wait_ns),
	},
	{
		key: 'wait_p99_ns',
		aliases: ['wait.p99', 'p99'],
		title: 'WAIT99',
		kind: 'ns',
		width: 7,
		priority: 2,
		help: '99 of 100 waits for a CPU were shorter; of a group the highest of its processes.',
		value: ({ wait_p99_ns }) => known(wait_p99_ns),
	},
	{
		key: 'irq_time',
		title: 'IRQTIME',
		kind: 'share',
		width: 7,
		priority: 4,
		help: 'Time in interrupts while it had a CPU, as a share of one CPU, with softirqs that end its own system calls. –: not among the 64 processes with most of it.',
		value: ({ irq_time_ns }, seconds) => known(irq_time_ns) / (seconds * 1e9),
	},
	{
		key: 'io_p99_ns',
		aliases: ['io.p99'],
		title: 'IO99',
		kind: 'ns',
		width: 7,
		priority: 3,
		help: '99 of 100 of its block requests took at most this long, from queueing to completion; of a group the highest of its processes.',
		value: ({ io_p99_ns }) => known(io_p99_ns),
	},
	{
		key: 'io_bytes',
		aliases: ['bytes'],
		title: 'IO/s',
		kind: 'bytes-rate',
		width: 7,
		priority: 3,
		help: 'Bytes per second of its completed block requests, without discards and write-zeroes.',
		value: ({ io_bytes }, seconds) => known(io_bytes) / seconds,
	},
	{
		key: 'io_discarded',
		title: 'DISC/s',
		kind: 'bytes-rate',
		width: 7,
		priority: 6,
		shown: hasAny('io_discarded_bytes'),
		help: 'Bytes per second that it had discarded, erased or zeroed on disks, without a transfer. Shown while there are any.',
		value: ({ io_discarded_bytes }, seconds) => (io_discarded_bytes ?? 0) / seconds,
	},
	{
		key: 'io_errors',
		title: 'IOERR',
		kind: 'count',
		width: 5,
		priority: 3,
		shown: hasAny('io_errors'),
		help: 'Its block requests that ended with an error in the interval. Shown while there are any.',
		value: ({ io_errors }) => io_errors ?? 0,
	},
	{
		key: 'iops',
		title: 'IOPS',
		kind: 'rate',
		width: 6,
		priority: 6,
		help: 'Its completed block requests per second.',
		value: ({ io_count }, seconds) => known(io_count) / seconds,
	},
	{
		key: 'state',
		title: 'S',
		kind: 'text',
		width: 1,
		priority: 4,
		help: 'State at the end of the interval: R runnable, S asleep, D asleep uninterruptibly, T stopped, t traced, I idle, Z ended and not waited for; of several threads R or D if one is, else that of the main thread; – if the processes of a group differ.',
		value: ({ state }) => (state ?? '–') as SafeText,
	},
	{
		key: 'reason',
		title: 'WAITSFOR',
		kind: 'text',
		width: 11,
		priority: 6,
		help: `Why it sleeps, by the kernel function in which it does: ${Object.entries(reasonTerms)
			.map(([reason, meaning]) => `${reason}: ${meaning}`)
			.join('; ')}.`,
		value: ({ reason }) => (reason ?? '') as SafeText,
	},
	{
		key: 'wchan',
		title: 'WCHAN',
		kind: 'text',
		width: 17,
		priority: 9,
		help: 'The kernel function in which it sleeps, one of those by which the reason is known.',
		value: ({ wchan }) => wchan,
	},
	{
		key: 'time',
		aliases: ['where'],
		title: 'TIME',
		kind: 'text',
		width: 22,
		// what a group waits for is why it is looked at
		priority: 2,
		shown: grouped,
		help: 'The largest parts of the time of its threads: cpu, runnable (waits for a CPU), irq, or a reason of sleep.',
		value: ({ time_ns }) => largestParts(time_ns),
	},
	{
		key: 'wakeups',
		aliases: ['progress'],
		title: 'AWAKE/s',
		kind: 'rate',
		width: 7,
		priority: 6,
		help: 'Sleeps of its threads that ended, per second: how often it had something to do. Idle CPUs that it made busy are WAKES/s.',
		value: ({ wakeups }, seconds) => known(wakeups) / seconds,
	},
	{
		key: 'started',
		title: 'NEW',
		kind: 'count',
		width: 4,
		priority: 7,
		shown: grouped,
		help: 'Processes of the group that started in the interval and still live at its end: more than a few are a storm of connections.',
		value: ({ started }) => started,
	},
	{
		key: 'restarts',
		title: 'RST',
		kind: 'count',
		width: 4,
		priority: 4,
		shown: (snapshot) => (snapshot as { rows: readonly OverviewRow[] }).rows.some(({ restarts = 0 }) => restarts > 0),
		help: 'Units, containers and pods that began anew in the interval: the oldest process ended and a new one took its place. Shown while there are any.',
		value: ({ restarts = 0 }) => restarts,
	},
	{
		key: 'drops',
		title: 'DROP/s',
		kind: 'rate',
		width: 6,
		priority: 4,
		shown: (snapshot) => (snapshot as { rows: readonly OverviewRow[] }).rows.some(({ drops = 0 }) => drops > 0),
		help: 'Received packets that the kernel dropped at its sockets (no room for data, or for connections), by the sockets’ own counters, read every 5 s; and drops that name the process (events). Shown while there are any.',
		value: ({ drops = 0 }, seconds) => drops / seconds,
	},
	{
		key: 'rss_bytes',
		aliases: ['rss', 'mem', 'memory'],
		title: 'RSS',
		kind: 'bytes',
		width: 6,
		priority: 3,
		help: 'Resident memory by the kernel’s counters of the process, exact to 128 KiB per CPU; shared pages count in each process.',
		value: ({ rss_bytes }) => known(rss_bytes),
	},
	{
		key: 'swap_bytes',
		aliases: ['swap'],
		title: 'SWAP',
		kind: 'bytes',
		width: 6,
		priority: 5,
		shown: (snapshot) =>
			(snapshot as { rows: readonly OverviewRow[] }).rows.some(({ swap_bytes }) => (swap_bytes ?? 0) > 0),
		help: 'Its memory in swap. Shown while there is any.',
		value: ({ swap_bytes }) => known(swap_bytes),
	},
	{
		key: 'wakes',
		title: 'WAKES/s',
		kind: 'rate',
		width: 8,
		priority: 8,
		shown: (snapshot) => (snapshot as { rows: readonly OverviewRow[] }).rows.some(({ wakes }) => wakes !== undefined),
		help: 'Idle periods of CPUs that ended with a switch to this process, per second (run queue). Its own wake-ups are AWAKE/s.',
		value: ({ wakes = 0 }, seconds) => wakes / seconds,
	},
	{
		key: 'faults',
		aliases: ['minflt', 'minor_faults'],
		title: 'FLT/s',
		kind: 'rate',
		width: 6,
		priority: 9,
		help: 'Page faults per second of all kinds.',
		value: ({ minor_faults, major_faults }, seconds) => (known(minor_faults) + known(major_faults)) / seconds,
	},
	{
		key: 'major_faults',
		aliases: ['majflt'],
		title: 'MAJ/s',
		kind: 'rate',
		width: 6,
		priority: 6,
		help: 'Page faults per second that waited for a device: memory that was swapped out, or files that were dropped from memory.',
		value: ({ major_faults }, seconds) => known(major_faults) / seconds,
	},
	{
		key: 'uj_per_request',
		title: 'J/REQ',
		kind: 'microjoules',
		width: 7,
		priority: 10,
		shown: hasWork,
		help: 'Energy of its CPU time for each of its block requests in the interval.',
		value: ({ energy_uj, io_count }) => per(energy_uj, io_count),
	},
	{
		key: 'uj_per_gb',
		title: 'J/GB',
		kind: 'microjoules',
		width: 7,
		priority: 10,
		shown: hasWork,
		help: 'Energy of its CPU time for a GB of its block IO.',
		value: ({ energy_uj, io_bytes }) => per(energy_uj, io_bytes) * 1e9,
	},
	{
		key: 'uj_per_switch',
		title: 'J/SW',
		kind: 'microjoules',
		width: 7,
		priority: 10,
		shown: hasWork,
		help: 'Energy of its CPU time for each sleep of its threads that ended: a context switch with which it had something to do.',
		value: ({ energy_uj, wakeups }) => per(energy_uj, wakeups),
	},
	{
		key: 'threads',
		title: 'THR',
		kind: 'count',
		width: 4,
		priority: 8,
		help: 'Threads.',
		value: ({ threads }) => known(threads),
	},
	{
		key: 'nice',
		title: 'NI',
		kind: 'count',
		width: 3,
		priority: 9,
		help: 'Nice value, −20 (first) to 19 (last); – if the processes of a group differ.',
		value: ({ nice }) => known(nice),
	},
	{
		key: 'processes',
		title: 'PROCS',
		kind: 'count',
		width: 5,
		priority: 5,
		shown: grouped,
		help: 'Active processes of the group in the interval.',
		value: ({ processes }) => processes,
	},
	{
		key: 'user',
		title: 'USER',
		kind: 'text',
		width: 8,
		priority: 8,
		help: 'Name of the effective user; empty for a process without CPU time.',
		value: ({ user }) => user,
	},
	{
		key: 'container',
		title: 'CONTAINER',
		kind: 'text',
		width: 22,
		priority: 7,
		shown: (snapshot) => (snapshot as { rows: readonly OverviewRow[] }).rows.some(({ container }) => container !== ''),
		help: 'Container or pod, by the name of its control group: runtime and first digits of the id. Shown while there is any.',
		value: ({ container }) => container,
	},
	{
		key: 'cgroup',
		title: 'CGROUP',
		kind: 'text',
		width: 20,
		grow: true,
		priority: 7,
		help: 'Control group in the unified hierarchy; #id: removed, or not visible from here.',
		value: ({ cgroup }) => cgroup,
	},
	{
		key: 'command_line',
		aliases: ['cmd', 'cmdline', 'arguments'],
		title: 'CMD',
		kind: 'text',
		width: 36,
		grow: true,
		priority: 1,
		shown: (snapshot) => (snapshot as { arguments?: boolean }).arguments === true && ofProcesses(snapshot),
		help: 'Full command line with secrets masked, from /proc; shown with the key a or --arguments, but not of groups. Empty: not read yet, or the process has ended.',
		value: ({ command }) => command,
	},
];
