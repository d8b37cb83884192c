/**
 * The figures of a snapshot that two recordings are compared by. Processes are known by name and unit, since pids differ;
 * several of one name are one. Pure: snapshots are read by the names of their fields (docs/batch.md).
 */
import type { Snapshot } from '../../core/snapshot.ts';
import type { Buckets } from '../../lib/histogram.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import { safe, sanitize } from '../../lib/sanitize.ts';

export type Kind = 'machine' | 'process' | 'device' | 'interrupt';

/** What a figure is, and how its amounts become a rate. */
export interface FigureSpec {
	/** In JSON, and in filters: `cpu`, `wait p99`. */
	name: string;
	/** `share`: ns per ns; `watts`: µJ per µs; `rate`, `bytes`: per second; `ns`: a quantile. */
	unit: 'share' | 'watts' | 'rate' | 'bytes' | 'ns';
	/** Of a distribution; undefined: a sum. */
	rank?: number;
	/** Compared only where both sides have it. */
	both?: true;
	/** Smaller on both sides: not compared. In the figure's unit. */
	least: number;
	help: string;
}

/** Waits or requests on each side below which a quantile says little: its rarer side has ten of them, and all are a hundred. */
export function leastEvents(rank: number): number {
	return Math.max(100, Math.round(10 / Math.min(rank, 1 - rank)));
}

export const FIGURES = {
	energy: { name: 'power', unit: 'watts', least: 0.005, help: 'energy of the interval as a power' },
	cpu: { name: 'cpu', unit: 'share', least: 0.002, help: 'CPU time as a share of one CPU' },
	starts: {
		name: 'starts',
		unit: 'rate',
		least: 0.2,
		both: true,
		help: 'processes of the name that began, per second',
	},
	cpuEach: {
		name: 'cpu each',
		unit: 'ns',
		least: 1e6,
		both: true,
		help: 'CPU time for each process of the name that began',
	},
	wait: { name: 'wait', unit: 'share', least: 0.001, help: 'time spent waiting for a CPU, per time' },
	waitP50: { name: 'wait p50', unit: 'ns', rank: 0.5, least: 0, help: 'median wait for a CPU' },
	waitP99: { name: 'wait p99', unit: 'ns', rank: 0.99, least: 0, help: '99th percentile of the waits for a CPU' },
	io: { name: 'io', unit: 'rate', least: 1, help: 'requests per second' },
	bytes: { name: 'bytes', unit: 'bytes', least: 4096, help: 'bytes transferred per second' },
	ioP50: { name: 'io p50', unit: 'ns', rank: 0.5, least: 0, help: 'median time of a request' },
	ioP99: { name: 'io p99', unit: 'ns', rank: 0.99, least: 0, help: '99th percentile of the time of a request' },
	interrupts: { name: 'irqs', unit: 'rate', least: 5, help: 'interrupts per second' },
	irqTime: { name: 'irq time', unit: 'share', least: 0.0005, help: 'time in interrupts as a share of one CPU' },
	irqP99: { name: 'irq p99', unit: 'ns', rank: 0.99, least: 0, help: '99th percentile of the time of an interrupt' },
	cpuPressure: { name: 'psi cpu', unit: 'share', least: 0.01, help: 'time in which some task waited for a CPU' },
	ioPressure: { name: 'psi io', unit: 'share', least: 0.01, help: 'time in which some task waited for IO' },
	memoryPressure: { name: 'psi mem', unit: 'share', least: 0.01, help: 'time in which some task waited for memory' },
} as const satisfies Record<string, FigureSpec>;

export type FigureId = keyof typeof FIGURES;

/** A thing that has figures. */
export interface Subject {
	kind: Kind;
	/** Process, device and operation, interrupt; `machine`. */
	name: SafeText;
	/** Control group of a process; empty: none or not known. */
	unit: SafeText;
}

/** An amount in one interval: a sum, or a distribution. */
export type Take = (subject: Subject, figure: FigureId, amount: number | Buckets) => void;

type Row = Readonly<Record<string, unknown>>;

const number = (row: Row, name: string): number => (typeof row[name] === 'number' ? (row[name] as number) : 0);
const text = (row: Row, name: string): SafeText => (typeof row[name] === 'string' ? (row[name] as SafeText) : safe``);
const record = (value: unknown): Row => (typeof value === 'object' && value !== null ? (value as Row) : {});
const list = (value: unknown): readonly Row[] => (Array.isArray(value) ? (value as Row[]) : []);
const buckets = (row: Row): Buckets => (Array.isArray(row['buckets']) ? (row['buckets'] as Buckets) : []);

/** Names whose control group is remembered. */
const MOST_NAMES = 20_000;

const machine: Subject = { kind: 'machine', name: safe`machine`, unit: safe`` };

/** Kernel threads have a number in their names that means nothing to another run. */
export function plainName(comm: SafeText): SafeText {
	return sanitize(
		comm.replace(/^(kworker)\/.*/, '$1').replace(/^(ksoftirqd|migration|cpuhp|rcuo\w*|kthreadd)\/\d+$/, '$1'),
	);
}

/** Walks the snapshots of one recording. */
export class FigureReader {
	private readonly take: Take;
	/** Control group by process, from the tabs that state it. */
	private units = new Map<string, SafeText>();
	private before = new Map<string, SafeText>();
	private readonly byName = new Map<string, SafeText>();
	/** Processes of the energy tab's last interval. */
	private alive: ReadonlySet<string> | undefined;

	constructor(take: Take) {
		this.take = take;
	}

	read(snapshot: Snapshot): void {
		switch (snapshot.tab) {
			case 'energy':
				this.energy(snapshot);
				break;
			case 'runqlat':
				this.waits(snapshot);
				break;
			case 'irq':
				this.interrupts(snapshot);
				break;
			case 'io':
				this.io(snapshot);
				break;
			case 'overview':
				this.overview(snapshot);
				break;
		}
	}

	private process(comm: SafeText, pid: unknown, start: unknown, cgroup?: SafeText): Subject {
		const key = `${String(pid)}:${String(start)}`;
		if (cgroup !== undefined) this.units.set(key, cgroup);
		// of a process that ended before any tab stated its group: that of the last one of its name
		const unit = cgroup ?? this.units.get(key) ?? this.before.get(key) ?? this.byName.get(comm) ?? safe``;
		if (cgroup !== undefined && (this.byName.size < MOST_NAMES || this.byName.has(comm))) this.byName.set(comm, cgroup);
		// two generations bound what is kept of processes that have ended
		if (this.units.size > 20_000) [this.before, this.units] = [this.units, new Map()];
		return { kind: 'process', name: plainName(comm), unit };
	}

	private energy(snapshot: Snapshot): void {
		const { measured, measured_uj } = snapshot as unknown as Row;
		if (measured !== false) this.take(machine, 'energy', Number(measured_uj) || 0);
		const alive = new Set<string>();
		for (const row of snapshot.rows as readonly Row[]) {
			const subject = this.process(text(row, 'comm'), row['pid'], row['start_time'], text(row, 'cgroup'));
			const key = `${String(row['pid'])}:${String(row['start_time'])}`;
			if (row['pid'] === 0 && number(row, 'processes') > 1) {
				// of a merged interval: processes of one name that began and ended in it
				this.take(subject, 'starts', number(row, 'processes'));
			} else if (number(row, 'pid') > 0) {
				alive.add(key);
				// of the first interval nobody knows
				if (this.alive && !this.alive.has(key)) this.take(subject, 'starts', 1);
			}
			this.take(subject, 'cpu', number(row, 'cpu_ns'));
			if (row['unmeasured'] !== true) this.take(subject, 'energy', number(row, 'energy_uj'));
		}
		this.alive = alive;
	}

	private waits({ rows }: Snapshot): void {
		for (const row of rows as readonly Row[]) {
			const key = record(row['key']);
			this.distribution(machine, ['waitP50', 'waitP99'], row);
			this.take(machine, 'wait', number(row, 'wait_ns'));
			if (key['kind'] !== 'process' && key['kind'] !== 'command') continue;
			const subject = this.process(text(key, 'comm'), key['id'], key['start_time']);
			this.take(subject, 'wait', number(row, 'wait_ns'));
			this.distribution(subject, ['waitP50', 'waitP99'], row);
		}
	}

	private interrupts({ rows }: Snapshot): void {
		for (const row of rows as readonly Row[]) {
			if (row['kind'] === 'irq_time') continue;
			const name = sanitize(`${String(row['kind'])} ${text(row, 'name')}`);
			const subject: Subject = { kind: 'interrupt', name, unit: safe`` };
			this.take(subject, 'interrupts', number(row, 'count'));
			this.take(subject, 'irqTime', number(row, 'time_ns'));
			this.distribution(subject, ['irqP99'], row);
		}
	}

	private io(snapshot: Snapshot): void {
		for (const row of snapshot.rows as readonly Row[]) {
			const subject: Subject = {
				kind: 'device',
				name: sanitize(`${text(row, 'device')} ${text(row, 'op')}`),
				unit: safe``,
			};
			this.take(subject, 'io', number(row, 'count'));
			this.take(subject, 'bytes', number(row, 'bytes'));
			this.distribution(subject, ['ioP50', 'ioP99'], record(record(row['stages'])['total']));
		}
		for (const row of list((snapshot as unknown as Row)['processes'])) {
			const subject = this.process(text(row, 'comm'), row['pid'], row['start_time'], text(row, 'cgroup'));
			this.take(subject, 'io', number(row, 'count'));
			this.take(subject, 'bytes', number(row, 'bytes_read') + number(row, 'bytes_written'));
		}
	}

	private overview(snapshot: Snapshot): void {
		const { totals, pressure } = snapshot as unknown as Row;
		const { busy_ns, irq_ns, io_count, io_bytes } = record(totals);
		const figures = { cpu: busy_ns, irqTime: irq_ns, io: io_count, bytes: io_bytes };
		for (const [figure, amount] of Object.entries(figures))
			if (typeof amount === 'number') this.take(machine, figure as FigureId, amount);
		const stalls = record(pressure);
		const pressures = { cpuPressure: stalls['cpu'], ioPressure: stalls['io'], memoryPressure: stalls['memory'] };
		for (const [figure, stall] of Object.entries(pressures))
			if (stall) this.take(machine, figure as FigureId, number(record(stall), 'some_ns'));
	}

	private distribution(subject: Subject, figures: readonly FigureId[], row: Row): void {
		const all = buckets(row);
		if (all.length > 0) for (const figure of figures) this.take(subject, figure, all);
	}
}
