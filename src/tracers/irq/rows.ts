/** Rows of the interrupt tab, from sums of one interval. */

import type { Distribution } from '../../bpf/latency.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { LineFacts } from './lines.ts';
import type { IrqRow, IrqTime, Lateness, OfCpu, StormBounds } from './snapshot.ts';

/** Kinds of interrupts that are timed around a handler. */
export type Kind = Exclude<IrqRow['kind'], 'irq_time'>;

/** Sums of one row: an interrupt line, softirq or vector, on one CPU or on all. */
export interface Line {
	kind: Kind;
	irq: number | null;
	name: SafeText;
	cpu: number | 'all';
	unhandled: Count;
	interval: Distribution;
	total: { count: Count; time_ns: Ns };
	cpus: OfCpu[];
	late: { interval: Distribution; zones: Lateness['zones'] } | null;
}

/** Whether `count` interrupts of a line with `time` on one CPU in an interval of `dt` are a storm. */
export function isStorm(count: Count, time: Ns, dt: Ns, bounds: StormBounds): boolean {
	return dt > 0 && (count * 1e9 >= bounds.rate * dt || time >= bounds.share * dt);
}

export function irqTimeRow(entry: IrqTime): IrqRow {
	const { interrupted, pid, start_time, cgroup, hard_ns, soft_ns, vector_ns } = entry;
	return {
		kind: 'irq_time',
		irq: null,
		name: entry.comm,
		cpu: 'all',
		count: entry.count,
		unhandled: 0,
		time_ns: entry.time_ns,
		p50_ns: 0,
		p99_ns: 0,
		max_ns: 0,
		buckets: [],
		count_total: entry.count_total,
		time_ns_total: entry.time_ns_total,
		device: null,
		affinity: null,
		effective_affinity: null,
		cpus: [],
		late: null,
		irq_time: { interrupted, pid, start_time, cgroup, hard_ns, soft_ns, vector_ns },
	};
}

function lateness({ interval, zones }: NonNullable<Line['late']>): Lateness {
	return {
		count: interval.count,
		p50_ns: interval.percentile(0.5),
		p99_ns: interval.percentile(0.99),
		max_ns: interval.max_ns,
		zones,
	};
}

/** @param facts of `hard` lines only */
export function lineRow(
	{ kind, irq, name, cpu, unhandled, interval, total, cpus, late }: Line,
	facts?: LineFacts,
): IrqRow {
	return {
		kind,
		irq,
		name,
		cpu,
		count: interval.count,
		unhandled,
		time_ns: interval.sum_ns,
		p50_ns: interval.percentile(0.5),
		p99_ns: interval.percentile(0.99),
		max_ns: interval.max_ns,
		buckets: interval.buckets(),
		count_total: total.count,
		time_ns_total: total.time_ns,
		device: facts?.device ?? null,
		affinity: facts?.affinity ?? null,
		effective_affinity: facts?.effective_affinity ?? null,
		cpus,
		late: late && lateness(late),
		irq_time: null,
	};
}
