/**
 * The one mapping from snapshots to exported figures. Counters add up the figures of intervals and not the totals of a
 * tracer: a tracer that is restarted begins with 0 again, and its counters here go on.
 */
import type { SamplerEvent } from '../core/sampler.ts';
import { type Snapshot, secondsOf } from '../core/snapshot.ts';
import type { Count } from '../lib/units.ts';
import type { EnergyExtra, EnergyRow } from '../tracers/energy/snapshot.ts';
import type { EventRow, EventsExtra } from '../tracers/events/snapshot.ts';
import type { IoExtra, IoRow } from '../tracers/io/snapshot.ts';
import type { IrqExtra, IrqRow } from '../tracers/irq/snapshot.ts';
import { levels } from '../tracers/overview/finding.ts';
import type { OverviewExtra, OverviewRow } from '../tracers/overview/snapshot.ts';
import type { ReceiveExtra, ReceiveRow } from '../tracers/receive/snapshot.ts';
import type { RunqlatExtra, RunqlatRow } from '../tracers/runqlat/snapshot.ts';
import { groupOf } from './group-of.ts';
import { type GroupLimits, NamedGroups } from './groups.ts';
import type { InstrumentId } from './instruments.ts';
import { type Labels, SeriesSet } from './series.ts';

export interface Identity {
	version: string;
	host: string;
	kernel: string;
}

export interface MappingOptions extends Identity {
	/** Most series, in Prometheus's sense. */
	series: Count;
	groups?: Partial<GroupLimits>;
	now?: () => number;
}

const NS = 1e-9;
const UJ = 1e-6;

/** Figures of groups: the metric, and the amount of one row. null: not known. */
const groupFigures = [
	['groupCpu', ({ cpu_ns }) => (cpu_ns ?? 0) * NS],
	['groupEnergy', ({ energy_uj }) => (energy_uj ?? 0) * UJ],
	['groupWait', ({ wait_ns }) => (wait_ns ?? 0) * NS],
	['groupIrq', ({ irq_time_ns }) => (irq_time_ns ?? 0) * NS],
	['groupIo', ({ io_bytes }) => io_bytes ?? 0],
	['groupRequests', ({ io_count }) => io_count ?? 0],
] as const satisfies readonly (readonly [InstrumentId, (row: OverviewRow) => number])[];

const OTHER: Labels = { kind: 'other', group: 'other' };
/** Names of lines, devices and kinds, each with its own series: beyond it they are `other`. */
const MOST_NAMES = 24;
/** Reason of events that are part of normal operation. */
const NORMAL = 'normal';

/** `±50 %` → 0.5; undefined: the source states no number. */
export function uncertaintyOf(text: string): number | undefined {
	const found = /±\s*(\d+(?:\.\d+)?)\s*%/.exec(text.split(';')[0] ?? '');
	return found ? Number(found[1]) / 100 : undefined;
}

/** Some names, the first ones that come; the others are one. */
class Names {
	private readonly known = new Set<string>();

	of(name: string): string {
		if (this.known.has(name)) return name;
		if (this.known.size >= MOST_NAMES) return 'other';
		this.known.add(name);
		return name;
	}
}

export class Mapping {
	readonly series: SeriesSet;
	private readonly groups: NamedGroups;
	private readonly irqNames = new Names();
	private readonly devices = new Names();
	private readonly ops = new Names();
	private readonly received = new Names();
	private readonly causes = new Names();
	private readonly reasons = new Names();
	/** Losses of a tab at its last snapshot, since its start. */
	private readonly lost = new Map<string, Readonly<Record<string, Count>>>();
	/** Own cost is the same in each tab's snapshot: it is counted once for each moment. */
	private costAt = 0;
	/** Refused series that are in the counter. */
	private refused = 0;

	constructor({ series, groups, now = Date.now, ...identity }: MappingOptions) {
		this.series = new SeriesSet(series, now);
		this.groups = new NamedGroups(groups);
		this.series.set('build', { ...identity }, 1);
		this.series.set('start', {}, now() / 1000);
		// before anything that could fill the limit
		this.series.set('series', {}, 0);
		this.series.add('refused', {}, 0);
		this.count();
	}

	/** Everything that a sampler reports. */
	readonly apply = (event: SamplerEvent): void => {
		switch (event.kind) {
			case 'snapshot':
				this.snapshot(event.snapshot);
				break;
			case 'live':
				this.series.set('tabUp', { tab: event.tab }, 1);
				break;
			case 'unavailable':
				this.series.set('tabUp', { tab: event.tab }, 0);
				// its counters begin with 0 again
				this.lost.delete(event.tab);
				break;
		}
	};

	private snapshot(snapshot: Snapshot): void {
		const { tab } = snapshot;
		this.series.set('tabUp', { tab }, 1);
		this.series.set('snapshot', { tab }, Date.parse(snapshot.time) / 1000);
		this.losses(snapshot);
		switch (tab) {
			case 'energy':
				this.energy(snapshot as Snapshot<EnergyRow, EnergyExtra>);
				break;
			case 'runqlat':
				this.runqlat(snapshot as Snapshot<RunqlatRow, RunqlatExtra>);
				break;
			case 'irq':
				this.irq(snapshot as Snapshot<IrqRow, IrqExtra>);
				break;
			case 'io':
				this.io(snapshot as Snapshot<IoRow, IoExtra>);
				break;
			case 'events':
				this.events(snapshot as Snapshot<EventRow, EventsExtra>);
				break;
			case 'receive':
				this.receive(snapshot as Snapshot<ReceiveRow, ReceiveExtra>);
				break;
			case 'overview':
				this.overview(snapshot as Snapshot<OverviewRow, OverviewExtra>);
				break;
		}
		this.cost(snapshot);
		this.count();
	}

	private count(): void {
		this.series.set('series', {}, this.series.size);
		this.series.add('refused', {}, this.series.refused - this.refused);
		this.refused = this.series.refused;
	}

	private losses({ tab, lost }: Snapshot): void {
		const before = this.lost.get(tab) ?? {};
		this.lost.set(tab, lost);
		// the overview's losses are those of its sources
		if (tab === 'overview') return;
		for (const [cause, count] of Object.entries(lost)) {
			const past = before[cause] ?? 0;
			// a tracer that was restarted counts from 0
			const amount = count >= past ? count - past : count;
			this.series.count('lost', { tab, cause: this.causes.of(cause) }, amount);
		}
	}

	private cost(snapshot: Snapshot): void {
		const { cost, mono_ns, dt_ns, tab, gap } = snapshot;
		if (tab !== 'overview' && cost.bpf_ns !== null) this.series.add('selfCpu', { part: 'bpf' }, cost.bpf_ns * NS);
		// ticks are further apart than the reads of one tick
		if (mono_ns - this.costAt < dt_ns / 2) return;
		this.costAt = mono_ns;
		this.series.add('selfCpu', { part: 'process' }, cost.cpu_ns * NS);
		this.series.set('selfMemory', { part: 'rss' }, cost.rss_bytes);
		this.series.set('selfMemory', { part: 'kernel' }, cost.kernel_bytes ?? Number.NaN);
		this.series.add('gaps', { kind: 'late' }, (gap?.late_ns ?? 0) * NS);
		this.series.add('gaps', { kind: 'suspended' }, (gap?.suspended_ns ?? 0) * NS);
	}

	private energy(snapshot: Snapshot<EnergyRow, EnergyExtra>): void {
		const { rows, source, measured, irq_ns, irq_in_rows_ns } = snapshot;
		let cpu_ns = 0;
		let energy_uj = 0;
		for (const row of rows) {
			cpu_ns += row.cpu_ns;
			energy_uj += row.energy_uj;
		}
		this.series.add('cpu', { part: 'processes' }, cpu_ns * NS);
		this.series.add('cpu', { part: 'irq' }, Math.max(0, irq_ns - irq_in_rows_ns) * NS);
		if (!measured || source.kind === 'time') return;
		const of = (part: string): Labels => ({ part, source: source.kind });
		this.series.add('energy', of('processes'), energy_uj * UJ);
		this.series.add('energy', of('idle'), snapshot.idle_uj * UJ);
		this.series.add('energy', of('irq'), snapshot.irq_uj * UJ);
		this.series.add('energy', of('unattributed'), snapshot.unattributed_uj * UJ);
		this.series.begin();
		const uncertainty = uncertaintyOf(source.uncertainty);
		if (uncertainty !== undefined) this.series.set('energyUncertainty', { source: source.kind }, uncertainty);
		this.series.end('energyUncertainty');
		for (const { name, package: number, counted, energy_uj: of } of snapshot.domains) {
			const labels = { domain: name, package: String(number ?? ''), counted: counted ? 'yes' : 'no' };
			this.series.add('energyDomain', labels, (of ?? 0) * UJ);
		}
		for (const { name, energy_uj: of } of snapshot.gpus) {
			if (of !== null) this.series.add('gpuEnergy', { gpu: this.devices.of(name) }, of * UJ);
		}
	}

	private runqlat({ rows, waiting, waiting_count }: Snapshot<RunqlatRow, RunqlatExtra>): void {
		const all = rows.find(({ key }) => key.kind === 'all');
		if (all) this.series.observe('wait', {}, all.buckets, all.wait_ns * NS);
		this.series.set('waiting', {}, waiting_count);
		this.series.set('waitingOldest', {}, (waiting[0]?.age_ns ?? 0) * NS);
	}

	private irq({ rows, late_zones_ns }: Snapshot<IrqRow, IrqExtra>): void {
		for (const { kind, name, cpu, time_ns, count, late } of rows) {
			if (kind === 'irq_time' || cpu !== 'all') continue;
			const labels = { kind, name: this.irqNames.of(name) };
			this.series.count('irq', labels, time_ns * NS);
			this.series.count('irqCount', labels, count);
			if (late === null) continue;
			for (const [zone, number] of late.zones.entries()) {
				const over = String((zone === 0 ? 0 : (late_zones_ns[zone - 1] as number)) * NS);
				this.series.count('softirqLate', { name: labels.name, over }, number);
			}
		}
	}

	private io({ rows, slow, inflight, inflight_count }: Snapshot<IoRow, IoExtra>): void {
		for (const row of rows) {
			// one that passes its requests on would count them again
			if (row.stacked || row.device === 'all') continue;
			const labels = { device: this.devices.of(row.device), op: this.ops.of(row.op) };
			for (const stage of ['total', 'device'] as const) {
				const stats = row.stages[stage];
				if (stats) this.series.observe('io', { ...labels, stage }, stats.buckets, stats.mean_ns * stats.count * NS);
			}
			this.series.count('ioBytes', labels, row.bytes);
			this.series.count('ioErrors', labels, row.errors ?? 0);
		}
		for (const { device, op } of slow) {
			this.series.add('ioSlow', { device: this.devices.of(device), op: this.ops.of(op) }, 1);
		}
		this.series.set('ioInflight', {}, inflight_count);
		this.series.set('ioOldest', {}, (inflight[0]?.age_ns ?? 0) * NS);
	}

	private events({ reasons }: Snapshot<EventRow, EventsExtra>): void {
		for (const { kind, reason, count, hidden } of reasons)
			this.series.count('events', { kind, reason: hidden ? NORMAL : this.reasons.of(reason) }, count);
	}

	private receive({ rows }: Snapshot<ReceiveRow, ReceiveExtra>): void {
		for (const { device, protocol, count, dropped } of rows) {
			if (protocol === 'all') continue;
			const labels = { device: this.received.of(device), protocol: this.received.of(protocol) };
			this.series.count('received', { ...labels, fate: 'copied' }, count);
			this.series.count('received', { ...labels, fate: 'dropped' }, dropped);
		}
	}

	private overview(snapshot: Snapshot<OverviewRow, OverviewExtra>): void {
		const { findings, totals, group, rows } = snapshot;
		this.series.set('cpus', {}, totals.cpus ?? Number.NaN);
		this.series.begin();
		for (const { rule, level, subject, owner, since, excess } of findings) {
			const labels = { rule, level, subject, owner: owner?.comm ?? '' };
			this.series.set('finding', labels, 1);
			this.series.set('findingSince', labels, Date.parse(since) / 1000);
			this.series.set('findingLevel', labels, levels.length - levels.indexOf(level));
			this.series.set('findingExcess', labels, excess);
		}
		this.series.end('finding', 'findingSince', 'findingLevel', 'findingExcess');
		if (group === 'process') this.byGroup(rows, secondsOf(snapshot));
	}

	private byGroup(rows: readonly OverviewRow[], seconds: number): void {
		const sums = new Map<string, { labels: Labels; amounts: number[] }>();
		for (const row of rows) {
			const { kind, name } = groupOf(row);
			const key = `${kind}\0${name}`;
			let sum = sums.get(key);
			if (!sum) {
				sum = { labels: { kind, group: name }, amounts: groupFigures.map(() => 0) };
				sums.set(key, sum);
			}
			for (const [index, [, amount]] of groupFigures.entries()) (sum.amounts[index] as number) += amount(row);
		}
		const sizes = new Map<string, number>();
		for (const [key, { amounts }] of sums) sizes.set(key, sizeOf(amounts, seconds));
		for (const key of this.groups.update(sizes)) {
			const [kind = '', group = ''] = key.split('\0');
			for (const [id] of groupFigures) this.series.drop(id, { kind, group });
		}
		// the first named group finds `other` there already: later it might be refused
		for (const [id] of groupFigures) this.series.add(id, OTHER, 0);
		for (const [key, { labels, amounts }] of sums) {
			const named = this.groups.has(key) ? labels : OTHER;
			for (const [index, [id]] of groupFigures.entries()) {
				const amount = amounts[index] as number;
				// what the limit refuses is in the rest
				if (!this.series.count(id, named, amount)) this.series.add(id, OTHER, amount);
			}
		}
	}
}

/** A group counts by CPU time, by waiting and by IO: any of them may be what somebody asks for. */
function sizeOf(amounts: readonly number[], seconds: number): number {
	const [cpu = 0, , wait = 0, irq = 0, bytes = 0] = amounts;
	return (cpu + wait / 4 + irq + bytes / 100e6) / Math.max(seconds, 1e-3);
}
