/** One run of the interrupt tracer: from the maps of bpf/irq/irq.bpf.c to rows. Every interrupt is counted and timed. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { cgroupsOf, unnamedGroups } from '../../bpf/cgroups.ts';
import { indexBits, isRecent, KeyedStore, type StoreSize } from '../../bpf/keyed-store.ts';
import { Distribution, type KernelLatency, LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import { possibleCpusOf } from '../../bpf/possible-cpus.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import {
	constants,
	type handler,
	irq_runs,
	irq_vector,
	irq_writer,
	latency,
	lateness,
	maps,
	softirq,
} from '../../generated/irq.ts';
import { u64, viewOf } from '../../lib/decode.ts';
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
 * and IPIs may be hard interrupts (arm64), so `missing` is decided by the interrupts that were seen ({@link sourceOf}).
 */
const VECTOR_PROGRAMS: Readonly<Record<string, string>> = Object.fromEntries(
	VECTOR_NAMES.flatMap((name) => [`${name}_entry`, `${name}_exit`]).map((program) => [program, '']),
);

/** Names of hard interrupts that are the tick, and IPIs, where these have no vectors. */
const TICK = /^(arch_timer|riscv-timer|timebase|[a-z_-]*timer\d*)$/;
const IPI = /^IPI/;

/** Handlers that one CPU can tell apart: 128 at least. 650 bytes each. */
function handlerStore({ cpus, addon }: Pick<Host, 'cpus' | 'addon'>): StoreSize {
	return { programs: 1, bits: indexBits(possibleCpusOf(addon), 1, 7, 9), slots: Math.max(512, 32 * cpus) };
}

/** Interrupted processes that one CPU can tell apart: 512 at least. 96 bytes each. */
function victimStore({ cpus, addon }: Pick<Host, 'cpus' | 'addon'>): StoreSize {
	const programs = irq_writer.IRQ_WRITERS;
	return {
		programs,
		bits: indexBits(possibleCpusOf(addon), programs, 9, 12),
		slots: Math.max(8192, 256 * cpus),
	};
}

/** One line on one CPU: the last interval and the totals. */
class CpuLine {
	readonly kind: Kind;
	readonly irq: number | null;
	/** As the kernel has it. */
	readonly name: SafeText;
	readonly cpu: number;
	readonly interval = new Distribution();
	unhandled: Count = 0;
	readonly total = { count: 0, time_ns: 0 };
	/** Of softirqs. */
	late: { readonly interval: Distribution; zones: Lateness['zones'] } | undefined;
	private before: Lateness['zones'] = [0, 0, 0, 0];

	constructor(kind: Kind, irq: number | null, name: SafeText, cpu: number) {
		this.kind = kind;
		this.irq = irq;
		this.name = name;
		this.cpu = cpu;
	}

	begin(): void {
		if (this.interval.count > 0) this.interval.clear();
		if (this.late) {
			this.late.interval.clear();
			this.late.zones = [0, 0, 0, 0];
		}
		this.unhandled = 0;
	}

	add(events: Distribution): void {
		this.interval.add(events);
		this.total.count += events.count;
		this.total.time_ns += events.sum_ns;
	}

	/** @param zones since start */
	addLate(events: Distribution, zones: Float64Array): void {
		this.late ??= { interval: new Distribution(), zones: [0, 0, 0, 0] };
		this.late.interval.add(events);
		for (const zone of [0, 1, 2, 3] as const) {
			const now = zones[zone] as Count;
			this.late.zones[zone] += now - this.before[zone];
			this.before[zone] = now;
		}
	}
}

/** Time by kind of one CPU in the interval. */
type CpuTime = Record<Kind, Ns>;

const { irq_cpus } = maps;

export class IrqSession implements Session<IrqRow, IrqExtra> {
	private readonly bpf: BpfSession;
	private readonly latencies = new LatencyReader();
	private readonly lines: Lines;
	private readonly irqTime: IrqTimeReader;
	private readonly zones: [Ns, Ns, Ns];
	private readonly storm: StormBounds;
	private readonly handlers: KeyedStore<handler>;
	private readonly cpuLines = new Map<string, CpuLine>();
	private readonly cpuHead = new Uint8Array(irq_cpus.value.at.late);
	private readonly cpuAll = new Uint8Array(irq_cpus.value.size);
	private interleaved: Count = 0;
	private readonly unnamed: readonly string[];
	/** Among the hard interrupts so far. */
	private readonly seen = { tick: false, ipi: false };

	constructor(host: Host, options: Options) {
		this.zones = lateZones(options);
		this.storm = stormBounds(options);
		this.unnamed = unnamedGroups(host);
		const handlers = handlerStore(host);
		const victims = victimStore(host);
		this.bpf = openBpf(host, 'irq', {
			layout: constants,
			constants: { zone1_ns: this.zones[0], zone2_ns: this.zones[1], zone3_ns: this.zones[2] },
			shards: [irq_cpus.name],
			stores: { [maps.handlers.name]: handlers, [maps.victims.name]: victims },
			optional: VECTOR_PROGRAMS,
		});
		this.lines = new Lines(host.procRoot, host.sysRoot);
		this.handlers = new KeyedStore(this.bpf, maps.handlers, handlers);
		this.irqTime = new IrqTimeReader(new KeyedStore(this.bpf, maps.victims, victims), cgroupsOf(host));
	}

	read(dt: Ns, group: string): Reading<IrqRow, IrqExtra> {
		const ended = this.latencies.nextInterval(this.bpf);
		this.lines.tick();
		const lines = new Map<string, Line>();
		const times = new Map<number, CpuTime>();
		for (const line of this.cpuLines.values()) line.begin();
		this.readHandlers(ended);
		this.readCpus(ended);
		for (const line of this.cpuLines.values()) this.add(line, dt, group === 'cpu', lines, times);
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
			source: sourceOf(this.bpf, this.seen, this.unnamed),
			lost: {
				handlers_full: this.handlers.full,
				victims_full: this.irqTime.full,
				softirqs_interleaved: this.interleaved,
			},
		};
	}

	cost(fresh?: boolean) {
		const runs = this.bpf.heads(maps.irq_cpus, irq_runs);
		const sum = (figure: keyof irq_runs) => runs.reduce((total, cpu) => total + cpu[figure], 0);
		// each end has run as often as its beginning
		return this.bpf.cost(fresh, [
			{ programs: ['irq_handler_entry', 'irq_handler_exit'], runs: 2 * sum('hard') },
			{ programs: ['softirq_entry', 'softirq_exit'], runs: 2 * sum('softirqs') },
			{ programs: ['softirq_raise'], runs: sum('raises') },
			{ programs: Object.keys(VECTOR_PROGRAMS), runs: 2 * sum('vectors') },
		]);
	}

	close(): void {
		this.bpf.close();
	}

	private lineOf(kind: Kind, irq: number | null, name: SafeText, cpu: number): CpuLine {
		const id = `${kind} ${irq} ${cpu} ${name}`;
		let line = this.cpuLines.get(id);
		if (!line) {
			line = new CpuLine(kind, irq, name, cpu);
			this.cpuLines.set(id, line);
		}
		return line;
	}

	/** An entry without an event has no line: in the first intervals its number would seem recent. */
	private addTo(kind: Kind, irq: number | null, name: SafeText, cpu: number, events: Distribution): void {
		if (events.count > 0) this.lineOf(kind, irq, name, cpu).add(events);
	}

	private readHandlers(ended: number): void {
		for (const { claim, value } of this.handlers.changed(ended)) {
			const line = this.lineOf('hard', claim.b, sanitize(value.name), claim.cpu);
			line.add(claim.difference(this.latencies, 'time', value.latency));
			line.unhandled += claim.grown('unhandled', value.unhandled);
		}
	}

	/** Softirqs and vectors: of each CPU that had any, those that changed. */
	private readCpus(ended: number): void {
		const { at } = irq_cpus.value;
		const [head, all] = [viewOf(this.cpuHead), viewOf(this.cpuAll)];
		this.interleaved = 0;
		for (let cpu = 0; cpu < this.bpf.possibleCpus; cpu++) {
			// array maps align their values to 8 bytes
			const offset = cpu * ((irq_cpus.value.size + 7) & ~7);
			this.bpf.object.readMapped(irq_cpus.name, this.cpuHead, offset);
			this.interleaved += u64(head, at.softirqs_interleaved);
			if (!isRecent(ended, head.getUint32(at.epoch, true))) continue;
			this.bpf.object.readMapped(irq_cpus.name, this.cpuAll, offset);
			for (const [vector, name] of SOFTIRQ_NAMES.entries()) {
				const time = this.latencyAt(all, at.softirqs + vector * latency.size, ended);
				if (time) this.addTo('soft', vector, name, cpu, this.latencies.difference(`soft ${vector} ${cpu}`, time));
				const lateAt = at.late + vector * lateness.size;
				if (!this.latencyAt(all, lateAt + lateness.at.latency, ended)) continue;
				const late = lateness.read(all, lateAt);
				const events = this.latencies.difference(`late ${vector} ${cpu}`, late.latency);
				if (events.count > 0) this.lineOf('soft', vector, name, cpu).addLate(events, late.zones);
			}
			for (const [vector, name] of VECTOR_NAMES.entries()) {
				const time = this.latencyAt(all, at.vectors + vector * latency.size, ended);
				if (time) this.addTo('vector', null, name, cpu, this.latencies.difference(`vector ${vector} ${cpu}`, time));
			}
		}
	}

	/** undefined: without an event in the interval. */
	private latencyAt(view: DataView, at: number, ended: number): KernelLatency | undefined {
		return isRecent(ended, view.getUint32(at + latency.at.epoch, true)) ? latency.read(view, at) : undefined;
	}

	/** Adds one line of one CPU to its row in `lines` and to the CPU's time in `times`. */
	private add(from: CpuLine, dt: Ns, perCpu: boolean, lines: Map<string, Line>, times: Map<number, CpuTime>): void {
		const { kind, irq, cpu, interval, unhandled, late, total } = from;
		const name = kind === 'hard' ? this.lines.nameOf(irq as number, from.name) : from.name;
		if (kind === 'hard') {
			this.seen.tick ||= TICK.test(name);
			this.seen.ipi ||= IPI.test(name);
		}
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
				late: kind === 'soft' ? { interval: new Distribution(), zones: [0, 0, 0, 0] } : null,
			};
			lines.set(key, line);
		}
		line.unhandled += unhandled;
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
			line.late.interval.add(late.interval);
			for (const zone of [0, 1, 2, 3] as const) line.late.zones[zone] += late.zones[zone];
			if (late.zones.some((count) => count > 0)) ofCpu.late_zones = late.zones;
		}
		// a softirq that began and did not end yet already counts as late
		if (ofCpu.count > 0 || ofCpu.late_zones) line.cpus.push(ofCpu);
	}
}

function sourceOf(bpf: BpfSession, seen: { tick: boolean; ipi: boolean }, unnamed: readonly string[]): Source {
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
			...unnamed,
			...(lacks === ''
				? []
				: [
						`${lacks} and others that a CPU raises for itself were not seen: no tracepoints for vectors, and no hard interrupt of that name`,
					]),
		],
		...(lacks === '' ? {} : { lacks }),
	};
}
