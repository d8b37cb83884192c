/** What a report says: a recording, or the last minutes, added up. Bounded whatever the length. */
import { type Snapshot, secondsOf } from '../../core/snapshot.ts';
import { type Buckets, mergeBuckets } from '../../lib/histogram.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { EnergyExtra } from '../../tracers/energy/snapshot.ts';
import { EVENT_SEVERITIES, type EventRecord, type EventsExtra } from '../../tracers/events/snapshot.ts';
import type { IoExtra, IoRow, SlowRequest } from '../../tracers/io/snapshot.ts';
import type { Finding, Level } from '../../tracers/overview/finding.ts';
import type { OverviewExtra, OverviewRow } from '../../tracers/overview/snapshot.ts';
import { TriageWindow } from '../../tracers/overview/triage.ts';
import type { ProfileExtra, ProfileRow } from '../../tracers/profile/snapshot.ts';
import type { RunqlatRow } from '../../tracers/runqlat/snapshot.ts';
import { groupOf } from '../group-of.ts';

export interface ReportMachine {
	host: SafeText;
	kernel: SafeText;
	/** 0: not known. */
	cpus: Count;
	version: string;
}

/** One point of the time axis; null: not known. */
export interface Point {
	/** Wall clock, ms: end of the interval. */
	at: number;
	/** s */
	seconds: number;
	/** CPUs in use. */
	busy: number | null;
	watts: number | null;
	wait_p99_ns: Ns | null;
	/** Bytes per second. */
	io: number | null;
	/** Interrupts, in CPUs. */
	irq: number | null;
}

export interface FoundFinding {
	rule: string;
	level: Level;
	subject: SafeText;
	/** Of its worst interval. */
	text: SafeText;
	owner: SafeText;
	/** Wall clock, ms. */
	from: number;
	until: number;
	peak_at: number;
	excess: number;
}

export interface RankedGroup {
	kind: string;
	name: string;
	joules: number;
	cpu_s: number;
	wait_s: number;
	io_bytes: number;
}

export interface DeviceTimes {
	device: SafeText;
	op: SafeText;
	count: Count;
	buckets: Buckets;
}

export interface Loss {
	tab: string;
	cause: SafeText;
	count: Count;
}

/** Events of one kind and reason. */
export interface EventSum {
	kind: string;
	reason: SafeText;
	count: Count;
	/** Part of normal operation. */
	normal: boolean;
}

export interface Mark {
	/** Wall clock, ms. */
	at: number;
	text: SafeText;
}

export interface Report {
	machine: ReportMachine;
	/** Wall clock, ms; 0: nothing was measured. */
	from: number;
	until: number;
	/** Intervals. */
	intervals: Count;
	points: Point[];
	findings: FoundFinding[];
	/** What `wattlag triage` says of the last intervals, a line each; empty: the overview was not measured. */
	triage: string[];
	/** Rules that could not be checked, and why. */
	unchecked: { rule: string; reason: SafeText }[];
	/** Most energy first. */
	groups: RankedGroup[];
	energy: {
		joules: number;
		idle_j: number;
		irq_j: number;
		unattributed_j: number;
		source: string;
		uncertainty: string;
	} | null;
	wait: { buckets: Buckets; count: Count } | null;
	io: DeviceTimes[];
	/** The slowest first. */
	slow: { at: number; request: SlowRequest }[];
	slow_count: Count;
	/** Most events first. */
	event_sums: EventSum[];
	/** Single events that are not part of normal operation: the most severe of them, in the order of time. */
	events: EventRecord[];
	/** Stacks by time, where the profile tab was measured; null: it was not. */
	profile: { target: SafeText; seconds: number; stacks: { frames: readonly SafeText[]; ns: Ns }[] } | null;
	losses: Loss[];
	/** Time by which intervals were too long, s. */
	late_s: number;
	suspended_s: number;
	tabs: { tab: string; source: string; uncertainty: string; missing: readonly string[] }[];
	marks: Mark[];
}

const MOST_GROUPS = 1000;
const SHOWN_GROUPS = 20;
const MOST_SLOW = 20;
const MOST_FINDINGS = 200;
const MOST_DEVICES = 12;
const MOST_EVENTS = 100;
const MOST_STACKS = 20_000;
const MOST_REASONS = 500;
/** Points of the axis; beyond it two become one. */
const MOST_POINTS = 720;

const higher = (a: number | null, b: number | null): number | null =>
	a === null ? b : b === null ? a : Math.max(a, b);

/** The mean of rates, the highest of percentiles. */
function joined(a: Point, b: Point): Point {
	const seconds = a.seconds + b.seconds;
	const mean = (key: 'busy' | 'watts' | 'io' | 'irq'): number | null => {
		const [x, y] = [a[key], b[key]];
		return x === null || y === null ? (x ?? y) : (x * a.seconds + y * b.seconds) / seconds;
	};
	return {
		at: b.at,
		seconds,
		busy: mean('busy'),
		watts: mean('watts'),
		io: mean('io'),
		irq: mean('irq'),
		wait_p99_ns: higher(a.wait_p99_ns, b.wait_p99_ns),
	};
}

/** Takes snapshots in their order. */
export class ReportBuilder {
	private readonly machine: ReportMachine;
	private points: Point[] = [];
	/** Oldest first; of all but the last one only time and findings. */
	private readonly observed = new TriageWindow();
	private readonly findings = new Map<string, FoundFinding>();
	private unchecked: Report['unchecked'] = [];
	private readonly groups = new Map<string, RankedGroup>();
	private energy: Report['energy'] = null;
	private wait: Report['wait'] = null;
	private readonly io = new Map<string, DeviceTimes>();
	private slow: Report['slow'] = [];
	private profile: {
		target: SafeText;
		seconds: number;
		stacks: Map<string, { frames: readonly SafeText[]; ns: Ns }>;
	} | null = null;
	private slowCount = 0;
	private readonly eventSums = new Map<string, EventSum>();
	private events: EventRecord[] = [];
	private readonly lost = new Map<string, { before: Readonly<Record<string, Count>>; sum: Map<string, Count> }>();
	private readonly tabs = new Map<string, Report['tabs'][number]>();
	private late = 0;
	private suspended = 0;
	private from = 0;
	private until = 0;
	private intervals = 0;
	private readonly marks: Mark[] = [];

	constructor(machine: ReportMachine) {
		this.machine = machine;
	}

	mark(mark: Mark): void {
		if (this.marks.length < MOST_FINDINGS) this.marks.push(mark);
	}

	add(snapshot: Snapshot): void {
		const { tab, time, dt_ns, source } = snapshot;
		const at = Date.parse(time);
		if (this.from === 0) this.from = at - dt_ns / 1e6;
		this.until = Math.max(this.until, at);
		const { kind, description, uncertainty, missing = [] } = source;
		this.tabs.set(tab, { tab, source: `${kind}: ${description}`, uncertainty, missing });
		this.losses(snapshot);
		switch (tab) {
			case 'overview':
				this.overview(snapshot as Snapshot<OverviewRow, OverviewExtra>, at);
				break;
			case 'energy':
				this.addEnergy(snapshot as Snapshot<object, EnergyExtra>);
				break;
			case 'runqlat': {
				const all = (snapshot as Snapshot<RunqlatRow>).rows.find(({ key }) => key.kind === 'all');
				if (!all) break;
				const { buckets, count } = this.wait ?? { buckets: [], count: 0 };
				this.wait = { buckets: mergeBuckets([buckets, all.buckets]), count: count + all.count };
				break;
			}
			case 'events':
				this.addEvents(snapshot as Snapshot<object, EventsExtra>);
				break;
			case 'profile':
				this.addProfile(snapshot as Snapshot<ProfileRow, ProfileExtra>);
				break;
			case 'io':
				this.addIo(snapshot as Snapshot<IoRow, IoExtra>, at);
				break;
		}
	}

	report(): Report {
		const groups = [...this.groups.values()].sort((a, b) => b.joules - a.joules || b.cpu_s - a.cpu_s);
		return {
			machine: this.machine,
			from: this.from,
			until: this.until,
			intervals: this.intervals,
			points: this.points,
			findings: [...this.findings.values()].sort((a, b) => a.from - b.from),
			triage: this.observed.text(this.machine.host),
			unchecked: this.unchecked,
			groups: groups.slice(0, SHOWN_GROUPS),
			energy: this.energy,
			wait: this.wait,
			io: [...this.io.values()].sort((a, b) => b.count - a.count).slice(0, MOST_DEVICES),
			slow: this.slow,
			slow_count: this.slowCount,
			event_sums: [...this.eventSums.values()]
				.filter(({ count }) => count > 0)
				.sort((a, b) => b.count - a.count)
				.slice(0, 30),
			events: [...this.events].sort((a, b) => a.mono_ns - b.mono_ns),
			profile: this.profile && { ...this.profile, stacks: [...this.profile.stacks.values()] },
			losses: [...this.lost].flatMap(([tab, { sum }]) =>
				[...sum].filter(([, count]) => count > 0).map(([cause, count]) => ({ tab, cause: cause as SafeText, count })),
			),
			late_s: this.late,
			suspended_s: this.suspended,
			tabs: [...this.tabs.values()],
			marks: this.marks,
		};
	}

	private losses({ tab, lost, gap }: Snapshot): void {
		if (tab === 'overview') {
			this.late += (gap?.late_ns ?? 0) / 1e9;
			this.suspended += (gap?.suspended_ns ?? 0) / 1e9;
			return;
		}
		const known = this.lost.get(tab) ?? { before: lost, sum: new Map<string, Count>() };
		for (const [cause, count] of Object.entries(lost)) {
			const past = known.before[cause] ?? 0;
			known.sum.set(cause, (known.sum.get(cause) ?? 0) + (count >= past ? count - past : count));
		}
		this.lost.set(tab, { before: lost, sum: known.sum });
	}

	private overview(snapshot: Snapshot<OverviewRow, OverviewExtra>, at: number): void {
		const { totals, findings, dt_ns, unchecked, rows, group } = snapshot;
		const seconds = secondsOf(snapshot);
		this.intervals++;
		this.unchecked = unchecked;
		this.observed.add(snapshot);
		const per = (value: number | null, by: number): number | null => (value === null ? null : value / by);
		this.points.push({
			at,
			seconds,
			busy: per(totals.busy_ns, dt_ns),
			watts: totals.watts,
			wait_p99_ns: totals.wait_p99_ns,
			io: per(totals.io_bytes, seconds),
			irq: per(totals.irq_ns, dt_ns),
		});
		if (this.points.length > MOST_POINTS) this.halve();
		for (const finding of findings) this.found(finding, at);
		if (group === 'process') for (const row of rows) this.count(row);
	}

	private halve(): void {
		const half: Point[] = [];
		for (let index = 0; index < this.points.length; index += 2) {
			const [a, b] = [this.points[index] as Point, this.points[index + 1]];
			half.push(b ? joined(a, b) : a);
		}
		this.points = half;
	}

	private found({ rule, level, subject, since, owner, peak }: Finding, at: number): void {
		const key = `${rule}\0${subject}\0${since}`;
		const known = this.findings.get(key);
		if (!known && this.findings.size >= MOST_FINDINGS) return;
		this.findings.set(key, {
			rule,
			level,
			subject,
			text: peak.text,
			owner: owner ? safe`${owner.role} ${owner.comm}` : (known?.owner ?? safe``),
			from: Date.parse(since),
			until: at,
			peak_at: Date.parse(peak.time),
			excess: peak.excess,
		});
	}

	private count(row: OverviewRow): void {
		const { kind, name } = groupOf(row);
		const key = `${kind}\0${name}`;
		let group = this.groups.get(key);
		if (!group) {
			if (this.groups.size >= MOST_GROUPS) return;
			group = { kind, name, joules: 0, cpu_s: 0, wait_s: 0, io_bytes: 0 };
			this.groups.set(key, group);
		}
		group.joules += (row.energy_uj ?? 0) / 1e6;
		group.cpu_s += (row.cpu_ns ?? 0) / 1e9;
		group.wait_s += (row.wait_ns ?? 0) / 1e9;
		group.io_bytes += row.io_bytes ?? 0;
	}

	private addEnergy({
		measured,
		source,
		measured_uj,
		idle_uj,
		irq_uj,
		unattributed_uj,
	}: Snapshot<object, EnergyExtra>): void {
		if (!measured || source.kind === 'time') return;
		const { joules = 0, idle_j = 0, irq_j = 0, unattributed_j = 0 } = this.energy ?? {};
		this.energy = {
			joules: joules + measured_uj / 1e6,
			idle_j: idle_j + idle_uj / 1e6,
			irq_j: irq_j + irq_uj / 1e6,
			unattributed_j: unattributed_j + unattributed_uj / 1e6,
			source: source.description,
			uncertainty: source.uncertainty,
		};
	}

	private addProfile({ rows, target, dt_ns }: Snapshot<ProfileRow, ProfileExtra>): void {
		const { seconds = 0, stacks = new Map() } = this.profile ?? {};
		for (const { comm, frames, time_ns } of rows) {
			if (!(time_ns > 0)) continue;
			const key = `${comm}\0${frames.join('\0')}`;
			const known = stacks.get(key);
			if (known) known.ns += time_ns;
			else if (stacks.size < MOST_STACKS) stacks.set(key, { frames: [comm, ...frames], ns: time_ns });
		}
		this.profile = { target, seconds: seconds + dt_ns / 1e9, stacks };
	}

	private addEvents({ reasons, events }: Snapshot<object, EventsExtra>): void {
		for (const { kind, reason, count, hidden } of reasons) {
			const key = `${kind}\0${reason}`;
			const known = this.eventSums.get(key);
			if (known) known.count += count;
			else if (this.eventSums.size < MOST_REASONS) this.eventSums.set(key, { kind, reason, count, normal: hidden });
		}
		const more = events.filter(({ severity, before_start }) => severity !== 'normal' && !before_start);
		if (more.length === 0) return;
		const rank = ({ severity }: EventRecord) => EVENT_SEVERITIES.indexOf(severity);
		this.events = [...this.events, ...more].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_EVENTS);
	}

	private addIo({ rows, slow, mono_ns }: Snapshot<IoRow, IoExtra>, at: number): void {
		for (const { stacked, device, op, count, stages } of rows) {
			const total = stages['total'];
			if (stacked || !total || count === 0 || device === 'all') continue;
			const key = `${device}\0${op}`;
			const known = this.io.get(key);
			if (!known && this.io.size >= 256) continue;
			this.io.set(key, {
				device,
				op,
				count: (known?.count ?? 0) + count,
				buckets: mergeBuckets([known?.buckets ?? [], total.buckets]),
			});
		}
		this.slowCount += slow.length;
		const all = [...this.slow, ...slow.map((request) => ({ at: at - (mono_ns - request.mono_ns) / 1e6, request }))];
		const time = ({ request }: Report['slow'][number]) => request.stages['total'] ?? 0;
		this.slow = all.sort((a, b) => time(b) - time(a)).slice(0, MOST_SLOW);
	}
}
