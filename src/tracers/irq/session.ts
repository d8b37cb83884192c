/** One run of the interrupt tracer: from the maps of bpf/irq/irq.bpf.c to rows. Every interrupt is counted and timed. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { cgroupsOf } from '../../bpf/cgroups.ts';
import { Distribution, type KernelLatency, LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import { constants, irq_runs, irq_vector, maps, softirq } from '../../generated/irq.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { IrqTimeReader } from './irq-time.ts';
import { Lines } from './lines.ts';
import { lateZones, stormBounds } from './options.ts';
import { irqTimeRow, isStorm, type Kind, type Line, lineRow } from './rows.ts';
import type { IrqExtra, IrqRow, Lateness, OfCpu, StormBounds } from './snapshot.ts';

/** Most entries of `irq_time` in a snapshot. */
const LISTED = 64;

/** The names of /proc/softirqs, by vector number. */
const SOFTIRQ_NAMES = Object.entries(softirq)
	.filter(([, vector]) => vector !== softirq.SOFTIRQS)
	.map(([name]) => sanitize(name.replace(/^SOFTIRQ_/, '')));

/** Vectors that have tracepoints, by their number in the BPF object. */
const VECTOR_NAMES = Object.entries(irq_vector)
	.filter(([, vector]) => vector !== irq_vector.IRQ_VECTORS)
	.map(([name]) => sanitize(name));

/**
 * Optional programs. x86 has tracepoints for the vectors that are compiled in, other architectures have none. There the tick
 * and IPIs may be hard interrupts (arm64), so what is missing is said by what was seen ({@link sourceOf}).
 */
const VECTOR_PROGRAMS: Readonly<Record<string, string>> = Object.fromEntries(
	VECTOR_NAMES.flatMap((name) => [`${name}_entry`, `${name}_exit`]).map((program) => [program, '']),
);

/** Names of hard interrupts that are the tick, and IPIs, where these have no vectors. */
const TICK = /^(arch_timer|riscv-timer|timebase|[a-z_-]*timer\d*)$/;
const IPI = /^IPI/;

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

/** Time by kind of one CPU in the interval. */
type CpuTime = Record<Kind, Ns>;

/** Sums of one {@link CpuLine} since start. */
interface Totals {
	count: Count;
	time_ns: Ns;
	unhandled: Count;
	zones: Lateness['zones'];
}

export class IrqSession implements Session<IrqRow, IrqExtra> {
	private readonly bpf: BpfSession;
	private readonly latencies = new LatencyReader();
	private readonly lines: Lines;
	private readonly irqTime: IrqTimeReader;
	private readonly zones: [Ns, Ns, Ns];
	private readonly storm: StormBounds;
	/** By id of a {@link CpuLine}. */
	private readonly totals = new Map<string, Totals>();
	/** Among the hard interrupts so far. */
	private readonly seen = { tick: false, ipi: false };

	constructor(host: Host, options: Options) {
		this.zones = lateZones(options);
		this.storm = stormBounds(options);
		this.bpf = openBpf(host, 'irq', {
			layout: constants,
			constants: { zone1_ns: this.zones[0], zone2_ns: this.zones[1], zone3_ns: this.zones[2] },
			shards: [maps.irq_cpus.name, maps.cpu_handlers.name, maps.cpu_victims.name],
			optional: VECTOR_PROGRAMS,
		});
		this.lines = new Lines(host.procRoot, host.sysRoot);
		this.irqTime = new IrqTimeReader(this.bpf, cgroupsOf(host));
	}

	read(dt: Ns, group: string): Reading<IrqRow, IrqExtra> {
		const ended = this.latencies.nextInterval(this.bpf);
		this.lines.tick();
		const lines = new Map<string, Line>();
		const times = new Map<number, CpuTime>();
		const lost = { handlers_full: 0, victims_full: 0, softirqs_interleaved: 0 };
		for (const line of this.cpuLines(lost)) this.add(line, dt, group === 'cpu', lines, times);
		const interrupted = this.irqTime.read(ended);
		const all = [...lines.values()];
		// by line; by line and CPU for the group `cpu`
		const byLine = () =>
			all.map((line) =>
				lineRow(line, line.kind === 'hard' ? this.lines.facts(line.irq as number, line.name) : undefined),
			);
		return {
			rows: group === 'process' ? interrupted.map(irqTimeRow) : byLine(),
			ungrouped: byLine,
			extra: {
				cpu_share: [...times]
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
				irq_time: interrupted.slice(0, LISTED),
				irq_time_count: interrupted.length,
			},
			source: sourceOf(this.bpf, this.seen),
			lost,
		};
	}

	cost() {
		const runs = this.bpf.heads(maps.irq_cpus, irq_runs);
		const sum = (figure: keyof irq_runs) => runs.reduce((total, cpu) => total + cpu[figure], 0);
		// each end has run as often as its beginning
		return this.bpf.cost([
			{ programs: ['irq_handler_entry', 'irq_handler_exit'], runs: 2 * sum('hard') },
			{ programs: ['softirq_entry', 'softirq_exit'], runs: 2 * sum('softirqs') },
			{ programs: ['softirq_raise'], runs: sum('raises') },
			{ programs: Object.keys(VECTOR_PROGRAMS), runs: 2 * sum('vectors') },
		]);
	}

	close(): void {
		this.bpf.close();
	}

	/** Every line of every CPU; adds the kernel's counts of lost events to `lost`. */
	private *cpuLines(
		lost: Record<'handlers_full' | 'victims_full' | 'softirqs_interleaved', Count>,
	): Generator<CpuLine> {
		for (const [cpu, { entries }] of this.bpf.shards(maps.cpu_handlers).entries()) {
			for (const [index, { key, irq, name, unhandled, latency }] of entries.entries()) {
				if (key === 0) continue;
				const action = this.lines.nameOf(irq, sanitize(name));
				this.seen.tick ||= TICK.test(action);
				this.seen.ipi ||= IPI.test(action);
				yield { id: `hard ${index} ${cpu}`, kind: 'hard', irq, name: action, cpu, unhandled, latency };
			}
		}
		for (const [cpu, shard] of this.bpf.shards(maps.irq_cpus).entries()) {
			lost.handlers_full += shard.handlers_full;
			lost.victims_full += shard.victims_full;
			lost.softirqs_interleaved += shard.softirqs_interleaved;
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

	/** Adds one line of one CPU to its row in `lines` and to the CPU's time in `times`. */
	private add(
		{ id, kind, irq, name, cpu, unhandled, latency, late }: CpuLine,
		dt: Ns,
		perCpu: boolean,
		lines: Map<string, Line>,
		times: Map<number, CpuTime>,
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

		const time = times.get(cpu) ?? { hard: 0, soft: 0, vector: 0 };
		time[kind] += interval.sum_ns;
		times.set(cpu, time);

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
		// a softirq that began and did not end yet already counts as late
		if (ofCpu.count > 0 || ofCpu.late_zones) line.cpus.push(ofCpu);
		total.unhandled = unhandled;
	}
}

function sourceOf(bpf: BpfSession, seen: { tick: boolean; ipi: boolean }): Source {
	const vectors = bpf.has('local_timer_entry');
	const unseen = vectors ? [] : [...(seen.tick ? [] : ['timer tick']), ...(seen.ipi ? [] : ['IPIs'])];
	const lacks = unseen.join(' and ');
	return {
		kind: 'tracepoint',
		description: vectors
			? 'every interrupt, timed around its handler; time of hard interrupts inside a softirq is not charged to the softirq'
			: `every interrupt, timed around its handler${seen.tick || seen.ipi ? '; here tick and IPIs are hard interrupts of each CPU' : ''}`,
		uncertainty:
			'counts exact; times without the entry and exit code of the kernel, about 0.1 µs each; percentiles ±25 %',
		hooks: [...bpf.hooks],
		missing: [
			...bpf.missing,
			...(lacks === ''
				? []
				: [
						`${lacks} and others that a CPU raises for itself were not seen: no tracepoints for vectors, and no hard interrupt of that name`,
					]),
		],
		...(lacks === '' ? {} : { lacks }),
	};
}
