/**
 * Interrupts: hard ones by handler, softirqs by vector, and the CPU's own (timer tick, IPIs). Counts and times come
 * from bpf/irq/irq.bpf.c, always both.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { Distribution, type KernelLatency, LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session, Tracer } from '../../core/tracer.ts';
import { constants, irq_vector, maps, softirq } from '../../generated/irq.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { Cgroups } from '../../system/cgroups.ts';
import { irqColumns as columns } from './columns.ts';
import { irqTimeFold } from './fold.ts';
import { IrqTimeReader } from './irq-time.ts';
import { Lines } from './lines.ts';
import {
	type IrqExtra,
	type IrqRow,
	irqTimeRow,
	type Kind,
	type Lateness,
	type Line,
	lineRow,
	type OfCpu,
	type StormBounds,
} from './snapshot.ts';
import { isStorm } from './storms.ts';
import { invalidZones, zonesNs } from './zones.ts';

/** Listed of those that were interrupted. */
const LISTED = 64;

/** The names of /proc/softirqs, by number. */
const SOFTIRQ_NAMES = Object.entries(softirq)
	.filter(([, vector]) => vector !== softirq.SOFTIRQS)
	.map(([name]) => sanitize(name.replace(/^SOFTIRQ_/, '')));

/** Vectors that have tracepoints, by their number in the BPF object. */
const VECTOR_NAMES = Object.entries(irq_vector)
	.filter(([, vector]) => vector !== irq_vector.IRQ_VECTORS)
	.map(([name]) => sanitize(name));

/**
 * Programs that only some kernels have a hook for. x86 has tracepoints around those of its vectors that are compiled in,
 * other processors around none: what is lost is told by the timer's, which every x86 has.
 */
const VECTOR_PROGRAMS: Readonly<Record<string, string>> = {
	...Object.fromEntries(
		VECTOR_NAMES.flatMap((name) => [`${name}_entry`, `${name}_exit`]).map((program) => [program, '']),
	),
	local_timer_entry:
		'timer ticks, IPIs and all else that a CPU interrupts itself for are missing (only x86 tells them)',
};

/** One line on one CPU, as the kernel counts it. */
interface CpuLine {
	id: string;
	kind: Kind;
	irq: number | null;
	name: SafeText;
	cpu: number;
	unhandled: Count;
	latency: KernelLatency;
	late?: { zones: Float64Array; latency: KernelLatency };
}

class IrqSession implements Session<IrqRow, IrqExtra> {
	private readonly bpf: BpfSession;
	private readonly latencies = new LatencyReader();
	private readonly lines: Lines;
	private readonly irqTime: IrqTimeReader;
	private readonly zones: [Ns, Ns, Ns];
	private readonly storm: StormBounds;
	/** Per key and CPU: since start. */
	private readonly totals = new Map<
		string,
		{ count: Count; time_ns: Ns; unhandled: Count; zones: Lateness['zones'] }
	>();
	private readonly source: Source;

	constructor(bpf: BpfSession, host: Host, zones: [Ns, Ns, Ns], storm: StormBounds) {
		this.bpf = bpf;
		this.lines = new Lines(host.procRoot, host.sysRoot);
		this.irqTime = new IrqTimeReader(bpf, new Cgroups(host.procRoot));
		this.zones = zones;
		this.storm = storm;
		const vectors = bpf.has('local_timer_entry');
		this.source = {
			kind: 'tracepoint',
			description: vectors
				? 'every interrupt, timed around its handler; time of hard interrupts inside a softirq is not charged to the softirq'
				: 'every interrupt, timed around its handler; this kernel has no tracepoints for the timer tick and IPIs (only x86 has), so these are missing',
			uncertainty:
				'counts exact; times without the entry and exit code of the kernel, about 0.1 µs each; percentiles ±25 %',
			hooks: [...bpf.hooks],
			missing: bpf.missing,
			...(vectors ? {} : { lacks: 'timer tick and IPIs' }),
		};
	}

	read(dt: Ns, group: string): Reading<IrqRow, IrqExtra> {
		const ended = this.latencies.nextInterval(this.bpf);
		this.lines.tick();
		const lines = new Map<string, Line>();
		const shares = new Map<number, { hard: Ns; soft: Ns; vector: Ns }>();
		const lost = { handlers_full: 0, victims_full: 0 };
		for (const source of this.sources(lost)) this.take(source, dt, group === 'cpu', lines, shares);
		const { processes, cgroups } = this.irqTime.read(ended);
		const all = [...lines.values()];
		// by line; by line and CPU for the group `cpu`
		const byLine = () =>
			all.map((line) =>
				lineRow(line, line.kind === 'hard' ? this.lines.facts(line.irq as number, line.name) : undefined),
			);

		return {
			rows:
				group === 'process' || group === 'cgroup'
					? (group === 'process' ? processes : cgroups).map(irqTimeRow)
					: byLine(),
			ungrouped: byLine,
			extra: {
				cpu_share: [...shares]
					.sort(([a], [b]) => a - b)
					.map(([cpu, { hard, soft, vector }]) => ({ cpu, hard: hard / dt, soft: soft / dt, vector: vector / dt })),
				late_zones_ns: this.zones,
				storms: all.flatMap(({ kind, irq, name, cpus }) =>
					cpus
						.filter(({ storm }) => storm)
						.map(({ cpu, count, time_ns }) => ({
							kind,
							irq,
							name,
							cpu,
							rate: (count * 1e9) / dt,
							share: time_ns / dt,
						})),
				),
				storm_bounds: this.storm,
				irq_time: processes.slice(0, LISTED),
				irq_time_count: processes.length,
			},
			source: this.source,
			lost,
		};
	}

	/** Everything that the kernel counts, by CPU; adds up what it lost. */
	private *sources(lost: { handlers_full: Count; victims_full: Count }): Generator<CpuLine> {
		for (const [cpu, { entries }] of this.bpf.shards(maps.cpu_handlers).entries()) {
			for (const [place, { key, irq, name, unhandled, latency }] of entries.entries()) {
				if (key === 0) continue;
				yield { id: `hard ${place} ${cpu}`, kind: 'hard', irq, name: sanitize(name), cpu, unhandled, latency };
			}
		}
		for (const [cpu, shard] of this.bpf.shards(maps.irq_cpus).entries()) {
			lost.handlers_full += shard.handlers_full;
			lost.victims_full += shard.victims_full;
			for (const [irq, latency] of shard.softirqs.entries()) {
				const late = shard.late[irq] as (typeof shard.late)[number];
				const name = SOFTIRQ_NAMES[irq] as SafeText;
				yield { id: `soft ${irq} ${cpu}`, kind: 'soft', irq, name, cpu, unhandled: 0, latency, late };
			}
			for (const [vector, latency] of shard.vectors.entries()) {
				const name = VECTOR_NAMES[vector] as SafeText;
				yield { id: `vector ${vector} ${cpu}`, kind: 'vector', irq: null, name, cpu, unhandled: 0, latency };
			}
		}
	}

	private take(
		{ id, kind, irq, name, cpu, unhandled, latency, late }: CpuLine,
		dt: Ns,
		perCpu: boolean,
		lines: Map<string, Line>,
		shares: Map<number, { hard: Ns; soft: Ns; vector: Ns }>,
	): void {
		const interval = this.latencies.difference(id, latency);
		let total = this.totals.get(id);
		if (!total) {
			if (interval.count === 0 && unhandled === 0) return;
			total = { count: 0, time_ns: 0, unhandled: 0, zones: [0, 0, 0, 0] };
			this.totals.set(id, total);
		}
		total.count += interval.count;
		total.time_ns += interval.sum_ns;

		const share = shares.get(cpu) ?? { hard: 0, soft: 0, vector: 0 };
		share[kind] += interval.sum_ns;
		shares.set(cpu, share);

		const of = perCpu ? cpu : 'all';
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
				cpus: [],
				late: late ? { interval: new Distribution(), zones: [0, 0, 0, 0] } : null,
			};
			lines.set(key, line);
		}
		line.unhandled += (unhandled - total.unhandled) >>> 0;
		line.interval.add(interval);
		line.total.count += total.count;
		line.total.time_ns += total.time_ns;
		const ofCpu: OfCpu = {
			cpu,
			count: interval.count,
			time_ns: interval.sum_ns,
			storm: isStorm(interval.count, interval.sum_ns, dt, this.storm),
		};
		if (late && line.late) {
			line.late.interval.add(this.latencies.difference(`late ${id}`, late.latency));
			const zones: Lateness['zones'] = [0, 0, 0, 0];
			for (const zone of [0, 1, 2, 3] as const) {
				zones[zone] = (late.zones[zone] as Count) - total.zones[zone];
				line.late.zones[zone] += zones[zone];
				total.zones[zone] += zones[zone];
			}
			if (zones.some((count) => count > 0)) ofCpu.late_zones = zones;
		}
		// one that was begun and not ended is late already
		if (ofCpu.count > 0 || ofCpu.late_zones) line.cpus.push(ofCpu);
		total.unhandled = unhandled;
	}

	cost() {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}
}

export const irq: Tracer<IrqRow, IrqExtra> = {
	id: 'irq',
	title: 'Interrupts',
	summary:
		'Hard interrupts by handler, softirqs by vector, timer ticks and IPIs: how many, how long, how late, on which CPU, and from whom they took the time.',
	columns,
	defaultSort: 'time',
	groups: ['line', 'cpu', 'process', 'cgroup', ...irqTimeFold.groups],
	fold: irqTimeFold,
	options: [
		{
			name: 'irq-zones',
			type: 'string',
			default: '10,100,1000',
			placeholder: 'US,US,US',
			help: 'bounds between the zones of softirq lateness (raise to entry), µs',
			invalid: invalidZones,
		},
		{
			name: 'irq-storm-rate',
			type: 'number',
			default: 20_000,
			min: 1,
			placeholder: 'N',
			help: 'so many interrupts of one line per second on one CPU are a storm',
		},
		{
			name: 'irq-storm-share',
			type: 'number',
			default: 25,
			min: 1,
			max: 100,
			placeholder: 'PERCENT',
			help: 'so much of one CPU spent on one line is a storm as well',
		},
	],
	rowKey: ({ kind, irq, cpu, name, irq_time }) =>
		irq_time
			? `irq_time ${irq_time.pid} ${irq_time.start_time} ${irq_time.pid === 0 ? name : ''}`
			: `${kind} ${irq} ${cpu} ${name}`,
	processOf: ({ irq_time }) => (irq_time && irq_time.pid > 0 ? `${irq_time.pid}:${irq_time.start_time}` : undefined),
	start(host: Host, options: Options): Session<IrqRow, IrqExtra> {
		const zones = zonesNs(String(options['irq-zones'] ?? '10,100,1000'));
		const bpf = openBpf(host, 'irq', {
			layout: constants,
			constants: { zone1_ns: zones[0], zone2_ns: zones[1], zone3_ns: zones[2] },
			shards: [maps.irq_cpus.name, maps.cpu_handlers.name, maps.cpu_victims.name],
			optional: VECTOR_PROGRAMS,
		});
		return new IrqSession(bpf, host, zones, {
			rate: Number(options['irq-storm-rate'] ?? 20_000),
			share: Number(options['irq-storm-share'] ?? 25) / 100,
		});
	},
};
