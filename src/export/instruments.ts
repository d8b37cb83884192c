/**
 * THE table of exported metrics. Names are Prometheus's; OpenTelemetry's follow from them: dots for underscores, without
 * the unit, which that model has as a field. A collector that writes Prometheus adds it again, so both paths end in one name.
 */

export type InstrumentKind = 'counter' | 'gauge' | 'histogram';

/** Unit of a metric: the suffix of its name and UCUM's word for it. */
const units = {
	seconds: 's',
	joules: 'J',
	bytes: 'By',
	ratio: '1',
	none: '',
} as const;
export type Unit = keyof typeof units;

export interface Instrument {
	kind: InstrumentKind;
	/** Without `_total`, with the unit. */
	name: string;
	unit: Unit;
	help: string;
	/** Of a histogram: upper bounds in ns, each the edge of a slot of bpf/lib/hist.bpf.h, so that no count is interpolated. */
	bounds_ns?: readonly number[];
}

function instrument(kind: InstrumentKind, name: string, unit: Unit, help: string): Instrument {
	return { kind, name, unit, help };
}

/** Powers of two of a nanosecond, from `2^first` to `2^last`. */
function powers(first: number, last: number, step: number): number[] {
	return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => 2 ** (first + index * step));
}

export const instruments = {
	build: instrument('gauge', 'wattlag_build_info', 'none', 'Always 1; version, host and kernel are labels.'),
	start: instrument('gauge', 'wattlag_start_time_seconds', 'seconds', 'Start of wattlag, seconds since 1970.'),
	snapshot: instrument(
		'gauge',
		'wattlag_snapshot_timestamp_seconds',
		'seconds',
		'End of the last interval of a tab, seconds since 1970.',
	),
	tabUp: instrument('gauge', 'wattlag_tab_up', 'none', '1: the tab measures; 0: it does not work here, or has failed.'),
	cpus: instrument('gauge', 'wattlag_cpus', 'none', 'CPUs online.'),
	cpu: instrument(
		'counter',
		'wattlag_cpu_seconds',
		'seconds',
		'CPU time of all processes, and of interrupts that is in no process’s time.',
	),
	energy: instrument(
		'counter',
		'wattlag_energy_joules',
		'joules',
		'Energy by part (processes, idle, irq, unattributed) and source; the parts add up to what was measured.',
	),
	energyUncertainty: instrument(
		'gauge',
		'wattlag_energy_uncertainty_ratio',
		'ratio',
		'Uncertainty of the energy as a share of it, as its source states it; absent: the source states none.',
	),
	energyDomain: instrument(
		'counter',
		'wattlag_energy_domain_joules',
		'joules',
		'Energy of each counter that was read. Counters overlap: those with counted="no" are in no sum.',
	),
	gpuEnergy: instrument('counter', 'wattlag_gpu_energy_joules', 'joules', 'Energy of each GPU; in no other figure.'),
	wait: {
		...instrument('histogram', 'wattlag_runqueue_wait_seconds', 'seconds', 'Waits for a CPU that ended.'),
		bounds_ns: powers(12, 32, 1),
	},
	waiting: instrument(
		'gauge',
		'wattlag_runqueue_waiting',
		'none',
		'Tasks that waited for a CPU at the end of the interval.',
	),
	waitingOldest: instrument(
		'gauge',
		'wattlag_runqueue_oldest_wait_seconds',
		'seconds',
		'Age of the oldest wait for a CPU that has not ended.',
	),
	irq: instrument('counter', 'wattlag_irq_seconds', 'seconds', 'Time in interrupts by kind and name, over all CPUs.'),
	irqCount: instrument('counter', 'wattlag_irq_handled', 'none', 'Interrupts by kind and name, over all CPUs.'),
	softirqLate: instrument(
		'counter',
		'wattlag_softirq_late',
		'none',
		'Softirqs by the time from raise to entry: over is the lower bound of the zone in seconds.',
	),
	io: {
		...instrument(
			'histogram',
			'wattlag_io_seconds',
			'seconds',
			'Block requests by device and operation; stage total: from queueing to completion, device: in the device.',
		),
		bounds_ns: powers(15, 33, 2),
	},
	ioBytes: instrument('counter', 'wattlag_io_bytes', 'bytes', 'Bytes transferred by device and operation.'),
	ioErrors: instrument('counter', 'wattlag_io_errors', 'none', 'Block requests that ended with an error.'),
	ioSlow: instrument('counter', 'wattlag_io_slow_requests', 'none', 'Block requests slower than --slow.'),
	ioInflight: instrument(
		'gauge',
		'wattlag_io_inflight',
		'none',
		'Block requests in flight at the end of the interval.',
	),
	ioOldest: instrument(
		'gauge',
		'wattlag_io_oldest_inflight_seconds',
		'seconds',
		'Age of the oldest block request in flight.',
	),
	received: instrument('counter', 'wattlag_receive_packets', 'none', 'Received packets by device, protocol and fate.'),
	events: instrument(
		'counter',
		'wattlag_events',
		'none',
		'Events of the kernel by kind and reason; reason normal: those that are part of normal operation.',
	),
	finding: instrument('gauge', 'wattlag_finding', 'none', '1 while the finding holds.'),
	findingSince: instrument(
		'gauge',
		'wattlag_finding_since_timestamp_seconds',
		'seconds',
		'Begin of the finding, seconds since 1970.',
	),
	findingLevel: instrument(
		'gauge',
		'wattlag_finding_level',
		'none',
		'Level of the finding: 3 severe, 2 high, 1 notice.',
	),
	findingExcess: instrument(
		'gauge',
		'wattlag_finding_excess_ratio',
		'ratio',
		'The figure of the finding as a multiple of its limit.',
	),
	groupCpu: instrument('counter', 'wattlag_group_cpu_seconds', 'seconds', 'CPU time by container, unit or command.'),
	groupEnergy: instrument('counter', 'wattlag_group_energy_joules', 'joules', 'Energy by container, unit or command.'),
	groupWait: instrument(
		'counter',
		'wattlag_group_runqueue_wait_seconds',
		'seconds',
		'Waits for a CPU by container, unit or command.',
	),
	groupIrq: instrument(
		'counter',
		'wattlag_group_irq_seconds',
		'seconds',
		'Time in interrupts while a process of the container, unit or command had the CPU.',
	),
	groupIo: instrument('counter', 'wattlag_group_io_bytes', 'bytes', 'Block IO by container, unit or command.'),
	groupRequests: instrument(
		'counter',
		'wattlag_group_io_requests',
		'none',
		'Block requests by container, unit or command.',
	),
	lost: instrument('counter', 'wattlag_lost_events', 'none', 'Events that a tab could not count, by cause.'),
	gaps: instrument(
		'counter',
		'wattlag_gap_seconds',
		'seconds',
		'Time by which intervals were too long: late (wattlag did not run) or suspended (the machine slept).',
	),
	selfCpu: instrument(
		'counter',
		'wattlag_self_cpu_seconds',
		'seconds',
		'Own cost: BPF programs (sampled and scaled up), and the process with all threads.',
	),
	selfMemory: instrument(
		'gauge',
		'wattlag_self_memory_bytes',
		'bytes',
		'Own memory: RSS, and kernel memory of BPF maps.',
	),
	series: instrument('gauge', 'wattlag_exported_series', 'none', 'Series exported now.'),
	refused: instrument(
		'counter',
		'wattlag_refused_series',
		'none',
		'Series refused by the limit (--series). Figures of refused groups are part of other; other refused series are missing.',
	),
	sent: instrument('counter', 'wattlag_export_records', 'none', 'Records pushed, by destination and result.'),
} as const satisfies Record<string, Instrument>;

export type InstrumentId = keyof typeof instruments;

/** UCUM's word for the unit; empty: a count or a flag. */
export function ucum({ unit }: Pick<Instrument, 'unit'>): string {
	return units[unit];
}

/** `wattlag_group_cpu_seconds` → `wattlag.group.cpu` */
export function otelName({ name, unit }: Pick<Instrument, 'name' | 'unit'>): string {
	const suffix = `_${unit}`;
	return (name.endsWith(suffix) ? name.slice(0, -suffix.length) : name).replaceAll('_', '.');
}
