/**
 * The figures of a snapshot that two recordings are compared by. Processes are known by name and unit, since pids differ;
 * several of one name are one. Pure: snapshots are read by the names of their fields (docs/batch.md).
 */
import type { Snapshot } from '../../core/snapshot.ts';
import type { Buckets } from '../../lib/histogram.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import { safe, sanitize } from '../../lib/sanitize.ts';
import type { Count } from '../../lib/units.ts';
import { EVERY_HEAD, type Excerpt } from '../columns-text.ts';

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

/** Figures of one distribution. */
export type Ranks = readonly [FigureId, ...FigureId[]];

/** Amounts in one interval. */
export interface Take {
	sum(subject: Subject, figure: FigureId, amount: number): void;
	distribution(subject: Subject, figures: Ranks, buckets: Buckets): void;
}

const process = { comm: true, pid: true, start_time: true, cgroup: true } as const;

/** By tab, what the figures are made of. */
export const FIGURE_EXCERPTS: Readonly<Record<string, Excerpt>> = {
	energy: {
		head: { ...EVERY_HEAD, measured: true, measured_uj: true },
		rows: { ...process, processes: true, cpu_ns: true, energy_uj: true, unmeasured: true },
	},
	runqlat: {
		head: EVERY_HEAD,
		rows: { key: { kind: true, comm: true, id: true, start_time: true }, wait_ns: true, buckets: true },
	},
	irq: { head: EVERY_HEAD, rows: { kind: true, name: true, count: true, time_ns: true, buckets: true } },
	io: {
		// a short list is in the head
		head: { ...EVERY_HEAD, processes: true },
		rows: { device: true, op: true, count: true, bytes: true, stages: { total: { buckets: true } } },
		lists: { processes: { ...process, count: true, bytes_read: true, bytes_written: true } },
	},
	overview: { head: { ...EVERY_HEAD, totals: true, pressure: true } },
};

type Row = Readonly<Record<string, unknown>>;

const number = (row: Row, name: string): number => (typeof row[name] === 'number' ? (row[name] as number) : 0);
const text = (row: Row, name: string): SafeText => (typeof row[name] === 'string' ? (row[name] as SafeText) : safe``);
const record = (value: unknown): Row => (typeof value === 'object' && value !== null ? (value as Row) : {});
const list = (value: unknown): readonly Row[] => (Array.isArray(value) ? (value as Row[]) : []);
const isBucket = (value: unknown): boolean =>
	Array.isArray(value) && Number.isFinite(value[0]) && Number.isFinite(value[1]) && (value[1] as number) >= 0;
/** Empty where it is none: recordings may be anybody's. */
const buckets = ({ buckets: all }: Row): Buckets => (Array.isArray(all) && all.every(isBucket) ? (all as Buckets) : []);

/** Names whose control group is remembered, and names as they are in a recording. */
const MOST_NAMES = 20_000;
/** Processes whose control group is remembered. */
const MOST_PROCESSES = 20_000;
/** Subjects at most: a storm of names must not fill the memory. */
const MOST_SUBJECTS = 20_000;

const machine: Subject = { kind: 'machine', name: safe`machine`, unit: safe`` };

/** Kernel threads have a number in their names that means nothing to another run. */
export function plainName(comm: SafeText): SafeText {
	return sanitize(
		comm.replace(/^(kworker)\/.*/, '$1').replace(/^(ksoftirqd|migration|cpuhp|rcuo\w*|kthreadd)\/\d+$/, '$1'),
	);
}

/** One object for each subject of a recording. */
class Subjects {
	private readonly all = new Map<string, Subject>();
	/** By unit and name as it is in the recording; it is made again where it has grown too large. */
	private readonly byUnit = new Map<SafeText, Map<SafeText, Subject>>();
	private names: Count = 0;
	/** Of amounts that are left out. */
	left: Count = 0;

	/** undefined: there are too many. */
	of(kind: Kind, name: SafeText, unit: SafeText): Subject | undefined {
		const key = `${kind}\0${name}\0${unit}`;
		const known = this.all.get(key);
		if (known) return known;
		if (this.all.size >= MOST_SUBJECTS) {
			this.left++;
			return undefined;
		}
		const subject = { kind, name, unit };
		this.all.set(key, subject);
		return subject;
	}

	process(comm: SafeText, unit: SafeText): Subject | undefined {
		let names = this.byUnit.get(unit);
		const known = names?.get(comm);
		if (known) return known;
		const subject = this.of('process', plainName(comm), unit);
		if (!subject) return undefined;
		if (++this.names > 2 * MOST_NAMES) {
			this.byUnit.clear();
			this.names = 0;
			names = undefined;
		}
		if (!names) {
			names = new Map();
			this.byUnit.set(unit, names);
		}
		names.set(comm, subject);
		return subject;
	}
}

/** A process whose control group is known. */
interface Known {
	start: unknown;
	unit: SafeText;
}

/** Walks the snapshots of one recording. */
export class FigureReader {
	private readonly take: Take;
	private readonly subjects = new Subjects();
	/** By pid, from the tabs that state the control group. */
	private units = new Map<unknown, Known>();
	private before = new Map<unknown, Known>();
	private readonly byName = new Map<SafeText, SafeText>();
	/** Processes of the energy tab's last interval: start by pid. */
	private alive: ReadonlyMap<unknown, unknown> | undefined;

	constructor(take: Take) {
		this.take = take;
	}

	/** Amounts that were left out because there were too many subjects. */
	get left(): Count {
		return this.subjects.left;
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

	private unitOf(pid: unknown, start: unknown): SafeText | undefined {
		const known = [this.units.get(pid), this.before.get(pid)].find((one) => one !== undefined && one.start === start);
		return known?.unit;
	}

	/** undefined: there are too many. */
	private process(comm: SafeText, pid: unknown, start: unknown, cgroup?: SafeText): Subject | undefined {
		if (cgroup === undefined)
			// of a process that ended before any tab stated its group: that of the last one of its name
			return this.subjects.process(comm, this.unitOf(pid, start) ?? this.byName.get(comm) ?? safe``);
		const known = this.units.get(pid);
		if (!known || known.start !== start || known.unit !== cgroup) this.units.set(pid, { start, unit: cgroup });
		if (this.byName.size < MOST_NAMES || this.byName.has(comm)) this.byName.set(comm, cgroup);
		// two generations bound what is kept of processes that have ended
		if (this.units.size > MOST_PROCESSES) [this.before, this.units] = [this.units, new Map()];
		return this.subjects.process(comm, cgroup);
	}

	private energy(snapshot: Snapshot): void {
		const { measured, measured_uj } = snapshot as unknown as Row;
		if (measured !== false) this.take.sum(machine, 'energy', Number(measured_uj) || 0);
		const alive = new Map<unknown, unknown>();
		for (const row of snapshot.rows as readonly Row[]) {
			const { pid, start_time: start } = row;
			const subject = this.process(text(row, 'comm'), pid, start, text(row, 'cgroup'));
			if (number(row, 'pid') > 0) alive.set(pid, start);
			if (!subject) continue;
			if (pid === 0 && number(row, 'processes') > 1) {
				// of a merged interval: processes of one name that began and ended in it
				this.take.sum(subject, 'starts', number(row, 'processes'));
			} else if (number(row, 'pid') > 0 && this.alive) {
				// of the first interval nobody knows
				if (!this.alive.has(pid) || this.alive.get(pid) !== start) this.take.sum(subject, 'starts', 1);
			}
			this.take.sum(subject, 'cpu', number(row, 'cpu_ns'));
			if (row['unmeasured'] !== true) this.take.sum(subject, 'energy', number(row, 'energy_uj'));
		}
		this.alive = alive;
	}

	private waits({ rows }: Snapshot): void {
		for (const row of rows as readonly Row[]) {
			const key = record(row['key']);
			const { kind, id } = key;
			const wait = number(row, 'wait_ns');
			// this row is the sum of the others
			const isAll = kind === 'all';
			if (!isAll && kind !== 'process' && kind !== 'command') continue;
			const subject = isAll ? machine : this.process(text(key, 'comm'), id, key['start_time']);
			if (!subject) continue;
			this.take.sum(subject, 'wait', wait);
			this.distribution(subject, WAITS, row);
		}
	}

	private interrupts({ rows }: Snapshot): void {
		for (const row of rows as readonly Row[]) {
			if (row['kind'] === 'irq_time') continue;
			const name = sanitize(`${String(row['kind'])} ${text(row, 'name')}`);
			const subject = this.subjects.of('interrupt', name, safe``);
			if (!subject) continue;
			this.take.sum(subject, 'interrupts', number(row, 'count'));
			this.take.sum(subject, 'irqTime', number(row, 'time_ns'));
			this.distribution(subject, INTERRUPTS, row);
		}
	}

	private io(snapshot: Snapshot): void {
		for (const row of snapshot.rows as readonly Row[]) {
			const subject = this.subjects.of('device', sanitize(`${text(row, 'device')} ${text(row, 'op')}`), safe``);
			if (!subject) continue;
			this.take.sum(subject, 'io', number(row, 'count'));
			this.take.sum(subject, 'bytes', number(row, 'bytes'));
			this.distribution(subject, REQUESTS, record(record(row['stages'])['total']));
		}
		for (const row of list((snapshot as unknown as Row)['processes'])) {
			const subject = this.process(text(row, 'comm'), row['pid'], row['start_time'], text(row, 'cgroup'));
			if (!subject) continue;
			this.take.sum(subject, 'io', number(row, 'count'));
			this.take.sum(subject, 'bytes', number(row, 'bytes_read') + number(row, 'bytes_written'));
		}
	}

	private overview(snapshot: Snapshot): void {
		const { totals, pressure } = snapshot as unknown as Row;
		const { busy_ns, irq_ns, io_count, io_bytes } = record(totals);
		const figures = { cpu: busy_ns, irqTime: irq_ns, io: io_count, bytes: io_bytes };
		for (const [figure, amount] of Object.entries(figures))
			if (typeof amount === 'number') this.take.sum(machine, figure as FigureId, amount);
		const stalls = record(pressure);
		const pressures = { cpuPressure: stalls['cpu'], ioPressure: stalls['io'], memoryPressure: stalls['memory'] };
		for (const [figure, stall] of Object.entries(pressures))
			if (stall) this.take.sum(machine, figure as FigureId, number(record(stall), 'some_ns'));
	}

	private distribution(subject: Subject, figures: Ranks, row: Row): void {
		const all = buckets(row);
		if (all.length > 0) this.take.distribution(subject, figures, all);
	}
}

const WAITS: Ranks = ['waitP50', 'waitP99'];
const REQUESTS: Ranks = ['ioP50', 'ioP99'];
const INTERRUPTS: Ranks = ['irqP99'];
