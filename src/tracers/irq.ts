/**
 * Interrupts: hard ones by handler, softirqs by vector, and the CPU's own (timer tick, IPIs). Counts and times come
 * from bpf/irq.bpf.c, always both.
 */
import { constants, irq_vector, maps } from '../generated/irq.ts';
import type { Buckets } from '../histogram.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import { type BpfSession, openBpf } from './bpf-session.ts';
import { Distribution, LatencyReader } from './latency.ts';
import type { Column, Host, Reading, Session, Source, Tracer } from './tracer.ts';

export interface IrqRow {
	kind: 'hard' | 'soft' | 'vector';
	/** IRQ number for `hard`; vector number for `soft`; null for `vector`. */
	irq: number | null;
	/** Handler (action) name, softirq or vector name. */
	name: SafeText;
	cpu: number | 'all';
	count: Count;
	/** Calls of a hard handler that found nothing to do (IRQ_NONE), as on shared lines; neither in `count` nor in `time_ns`. */
	unhandled: Count;
	time_ns: Ns;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
	count_total: Count;
	time_ns_total: Ns;
}

export interface IrqExtra {
	/** Share of one CPU's interval spent in interrupts, one entry per CPU, 0–1. */
	cpu_share: { cpu: number; hard: number; soft: number; vector: number }[];
}

type Kind = IrqRow['kind'];

/** The kernel's order (include/linux/interrupt.h), the names of /proc/softirqs. */
const SOFTIRQ_NAMES = [
	safe`HI`,
	safe`TIMER`,
	safe`NET_TX`,
	safe`NET_RX`,
	safe`BLOCK`,
	safe`IRQ_POLL`,
	safe`TASKLET`,
	safe`SCHED`,
	safe`HRTIMER`,
	safe`RCU`,
];

/** Vectors that have tracepoints, by their number in the BPF object. */
const VECTOR_NAMES = Object.entries(irq_vector)
	.filter(([, vector]) => vector !== irq_vector.IRQ_VECTORS)
	.map(([name]) => sanitize(name));

/** Programs that only some kernels have a hook for: none but x86 has tracepoints around its own vectors. */
const VECTOR_PROGRAMS = VECTOR_NAMES.flatMap((name) => [`${name}_entry`, `${name}_exit`]);

/** What is summed up in one row. */
interface Line {
	kind: Kind;
	irq: number | null;
	name: SafeText;
	cpu: number | 'all';
	unhandled: Count;
	interval: Distribution;
	total: { count: Count; time_ns: Ns };
}

class IrqSession implements Session<IrqRow, IrqExtra> {
	private readonly bpf: BpfSession;
	private readonly latencies = new LatencyReader();
	/** Per key and CPU: since start. */
	private readonly totals = new Map<string, { count: Count; time_ns: Ns; unhandled: Count }>();
	private readonly source: Source;

	constructor(bpf: BpfSession) {
		this.bpf = bpf;
		this.source = {
			kind: 'tracepoint',
			description: bpf.has('local_timer_entry')
				? 'every interrupt, timed around its handler; time of hard interrupts inside a softirq is not charged to the softirq'
				: 'every interrupt, timed around its handler; this kernel has no tracepoints for the timer tick and IPIs (only x86 has), so these are missing',
			uncertainty:
				'counts exact; times without the entry and exit code of the kernel, about 0.1 µs each; percentiles ±25 %',
			hooks: [...bpf.hooks],
		};
	}

	read(dt: Ns, group: string): Reading<IrqRow, IrqExtra> {
		this.latencies.nextInterval(this.bpf);
		const lines = new Map<string, Line>();
		const shares = new Map<number, { hard: Ns; soft: Ns; vector: Ns }>();
		let handlersFull = 0;

		const take = (
			id: string,
			kind: Kind,
			irq: number | null,
			name: SafeText,
			cpu: number,
			unhandledTotal: Count,
			interval: Distribution,
		): void => {
			let total = this.totals.get(id);
			if (!total) {
				if (interval.count === 0 && unhandledTotal === 0) return;
				total = { count: 0, time_ns: 0, unhandled: 0 };
				this.totals.set(id, total);
			}
			const unhandled = (unhandledTotal - total.unhandled) >>> 0;
			total.count += interval.count;
			total.time_ns += interval.sum_ns;
			total.unhandled = unhandledTotal;

			const share = shares.get(cpu) ?? { hard: 0, soft: 0, vector: 0 };
			share[kind] += interval.sum_ns;
			shares.set(cpu, share);

			const of = group === 'cpu' ? cpu : 'all';
			const key = `${kind} ${irq} ${of} ${name}`;
			let line = lines.get(key);
			if (!line) {
				line = {
					kind,
					irq,
					name,
					cpu: of,
					unhandled: 0,
					interval: new Distribution(),
					total: { count: 0, time_ns: 0 },
				};
				lines.set(key, line);
			}
			line.unhandled += unhandled;
			line.interval.add(interval);
			line.total.count += total.count;
			line.total.time_ns += total.time_ns;
		};

		for (const [cpu, { places }] of this.bpf.shards(maps.cpu_handlers).entries()) {
			for (const [place, { key, irq, name, unhandled, latency }] of places.entries()) {
				if (key === 0) continue;
				const id = `hard ${place} ${cpu}`;
				take(id, 'hard', irq, sanitize(name), cpu, unhandled, this.latencies.difference(id, latency));
			}
		}
		for (const [cpu, shard] of this.bpf.shards(maps.irq_cpus).entries()) {
			handlersFull += shard.handlers_full;
			for (const [vector, latency] of shard.softirqs.entries()) {
				const id = `soft ${vector} ${cpu}`;
				take(id, 'soft', vector, SOFTIRQ_NAMES[vector] as SafeText, cpu, 0, this.latencies.difference(id, latency));
			}
			for (const [vector, latency] of shard.vectors.entries()) {
				const id = `vector ${vector} ${cpu}`;
				take(id, 'vector', null, VECTOR_NAMES[vector] as SafeText, cpu, 0, this.latencies.difference(id, latency));
			}
		}

		return {
			rows: [...lines.values()].map(toRow),
			extra: {
				cpu_share: [...shares]
					.sort(([a], [b]) => a - b)
					.map(([cpu, { hard, soft, vector }]) => ({ cpu, hard: hard / dt, soft: soft / dt, vector: vector / dt })),
			},
			source: this.source,
			lost: { handlers_full: handlersFull },
		};
	}

	cost() {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}
}

function toRow({ kind, irq, name, cpu, unhandled, interval, total }: Line): IrqRow {
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
	};
}

const columns: readonly Column<IrqRow>[] = [
	{
		key: 'kind',
		title: 'KIND',
		kind: 'text',
		width: 6,
		priority: 1,
		help: 'hard: handler of an interrupt line; soft: deferred work (softirq); vector: the CPU’s own interrupt, as timer tick and IPIs (x86).',
		value: (row) => safe`${row.kind as SafeText}`,
	},
	{
		key: 'irq',
		title: 'IRQ',
		kind: 'pid',
		width: 4,
		priority: 4,
		help: 'Number of the interrupt line as in /proc/interrupts, or of the softirq; vectors have none.',
		value: (row) => row.irq ?? Number.NaN,
	},
	{
		key: 'name',
		title: 'NAME',
		kind: 'text',
		width: 20,
		grow: true,
		priority: 0,
		help: 'Name the driver gave its handler, of the softirq, or of the vector’s tracepoint. Handlers of a shared line have a row each.',
		value: (row) => row.name,
	},
	{
		key: 'cpu',
		title: 'CPU',
		kind: 'pid',
		width: 4,
		priority: 5,
		help: 'CPU that took the interrupts, or all of them together.',
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
		help: 'Time spent in it, as a share of one CPU. Hard interrupts inside a softirq are not part of the softirq.',
		value: (row, seconds) => row.time_ns / (seconds * 1e9),
	},
	{
		key: 'mean_ns',
		title: 'MEAN',
		kind: 'ns',
		width: 7,
		priority: 6,
		help: 'Mean time of one interrupt.',
		value: (row) => (row.count === 0 ? Number.NaN : row.time_ns / row.count),
	},
	{
		key: 'p50_ns',
		title: 'P50',
		kind: 'ns',
		width: 7,
		priority: 9,
		help: 'Half of the interrupts took at most this long (from a histogram: ±25 %).',
		value: (row) => (row.count === 0 ? Number.NaN : row.p50_ns),
	},
	{
		key: 'p99_ns',
		title: 'P99',
		kind: 'ns',
		width: 7,
		priority: 7,
		help: '99 of 100 interrupts took at most this long (from a histogram: ±25 %).',
		value: (row) => (row.count === 0 ? Number.NaN : row.p99_ns),
	},
	{
		key: 'max_ns',
		title: 'MAX',
		kind: 'ns',
		width: 7,
		priority: 8,
		help: 'The longest one of the interval.',
		value: (row) => (row.count === 0 ? Number.NaN : row.max_ns),
	},
	{
		key: 'unhandled',
		title: 'NONE',
		kind: 'count',
		width: 6,
		priority: 12,
		help: 'Calls of the handler that found nothing to do (IRQ_NONE), as on shared lines; not in rate and time.',
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

export const irq: Tracer<IrqRow, IrqExtra> = {
	id: 'irq',
	title: 'Interrupts',
	summary: 'Hard interrupts by handler, softirqs by vector, timer ticks and IPIs: how many, how long, on which CPU.',
	columns,
	defaultSort: 'time',
	groups: ['line', 'cpu'],
	options: [],
	rowKey: (row) => `${row.kind} ${row.irq} ${row.cpu} ${row.name}`,
	start(host: Host): Session<IrqRow, IrqExtra> {
		const bpf = openBpf(host, 'irq', {
			layout: constants,
			shards: [maps.irq_cpus.name, maps.cpu_handlers.name],
			optional: VECTOR_PROGRAMS,
		});
		return new IrqSession(bpf);
	},
};
