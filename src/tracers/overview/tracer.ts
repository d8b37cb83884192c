/**
 * The overview: what all tabs know about each process, and what stands out. It measures nothing itself: it is made of
 * what the tracers found in the same tick, pressure from `/proc` and quotas from the cgroup hierarchy.
 */

import { BECOME_ROOT, Unavailable } from '../../core/errors.ts';
import type { Host, Reading, Session, Tick, Tracer } from '../../core/tracer.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns, Watts } from '../../lib/units.ts';
import { GroupPressureReader } from '../../system/group-pressure.ts';
import { OwnProcess } from '../../system/pid-namespace.ts';
import { type Pressure, PressureReader } from '../../system/pressure.ts';
import { QuotaReader } from '../../system/quota.ts';
import { columns } from './columns.ts';
import type { Finding } from './finding.ts';
import { busyTime, type Moment } from './moment.ts';
import { type Group, groupRows, groups, joinProcesses, type OverviewRow } from './rows.ts';
import { rules } from './rules.ts';
import { type Sources, type SourceTab, sourcesOf, sourceTabs } from './sources.ts';
import { Tracker } from './tracker.ts';

/** The machine in the interval; null: not known. */
export interface Totals {
	cpus: Count;
	/** CPU time of all processes and of interrupts that are in no process's time. */
	busy_ns: Ns | null;
	/** All power, idle included. */
	watts: Watts | null;
	/** Σ of all waits for a CPU that ended, and their 99th percentile. */
	wait_ns: Ns | null;
	wait_p99_ns: Ns | null;
	/** Interrupts of all kinds, Σ over CPUs. */
	irq_ns: Ns | null;
	io_count: Count | null;
	io_bytes: Count | null;
}

export interface OverviewExtra {
	/** Worst first, at most 5. */
	findings: Finding[];
	/** Ids of the rules that could be judged. */
	checked: string[];
	/** Those that could not, and why. */
	unchecked: { rule: string; reason: SafeText }[];
	totals: Totals;
	/** Of the interval, as the kernel tells it; null: it does not. */
	pressure: Pressure | null;
}

/** Processes whose control groups are looked at for quotas: those that used most CPU. */
const QUOTAS_OF = 32;

/** What the kernel says beside the tabs. */
export interface Readers {
	pressure: Pick<PressureReader, 'read'>;
	groups: Pick<GroupPressureReader, 'read'>;
	quota: Pick<QuotaReader, 'read'>;
}

export class OverviewSession implements Session<OverviewRow, OverviewExtra> {
	private readonly tracker = new Tracker();
	private readonly readers: Readers;
	private readonly cpus: Count;
	private readonly own: Pick<OwnProcess, 'pid'>;
	private lostBefore: Readonly<Record<string, Count>> = {};

	constructor(cpus: Count, readers: Readers, own: Pick<OwnProcess, 'pid'> = { pid: () => process.pid }) {
		this.cpus = cpus;
		this.own = own;
		this.readers = readers;
	}

	read(dt_ns: Ns, group: string, tick: Tick = new Map()): Reading<OverviewRow, OverviewExtra> {
		const sources = sourcesOf(tick);
		const [first] = Object.values(sources);
		if (!first)
			throw new Unavailable('none of the other tabs works here', `see the other tabs; as a rule, ${BECOME_ROOT}`);
		const lost = lostOf(sources);
		const rows = joinProcesses(sources);
		const busiest = [...rows].sort((a, b) => (b.cpu_ns ?? 0) - (a.cpu_ns ?? 0)).slice(0, QUOTAS_OF);
		const pressure = this.readers.pressure.read();
		const moment: Moment = {
			dt_ns,
			cpus: this.cpus,
			own: this.own.pid(rows),
			sources,
			rows,
			pressure,
			stalled: this.readers.groups.read(pressure, dt_ns, new Set(rows.map(({ cgroup }) => cgroup))),
			throttled: this.readers.quota.read(new Set(busiest.map(({ cgroup }) => cgroup))),
			lost: Object.fromEntries(Object.entries(lost).map(([tab, count]) => [tab, count - (this.lostBefore[tab] ?? 0)])),
		};
		this.lostBefore = lost;
		const judged = rules.map((rule) => ({ rule, blind: rule.blind?.(moment) }));
		const able = judged.filter(({ blind }) => blind === undefined).map(({ rule }) => rule);
		const unchecked = judged.flatMap(({ rule, blind }) =>
			blind === undefined ? [] : [{ rule: rule.id, reason: blind }],
		);
		const { time, mono_ns } = first;
		return {
			rows: [...groupRows(rows, group as Group)],
			extra: {
				findings: this.tracker.update(
					able.map((rule) => ({ rule, suspicions: rule.look(moment) })),
					{ time, mono_ns, dt_ns },
				),
				checked: able.map(({ id }) => id),
				unchecked,
				totals: totalsOf(moment),
				pressure: moment.pressure,
			},
			source: {
				kind: 'other tabs',
				description: 'what the other tabs found in the same interval, by process; pressure is the kernel’s own (PSI)',
				uncertainty: 'as there',
				hooks: [],
				missing: unchecked.map(({ rule, reason }) => `rule ${rule}: ${reason}`),
			},
			lost,
		};
	}

	cost() {
		return { ns: 0, runs: 0, recursionMisses: 0 };
	}

	close(): void {}
}

/** Since start, by tab. */
function lostOf(sources: Sources): Record<string, Count> {
	const tabs = sourceTabs.flatMap((tab) => sources[tab] ?? []);
	return Object.fromEntries(
		tabs.map(({ tab, lost }) => [tab, Object.values(lost).reduce((sum, count) => sum + count, 0)]),
	);
}

function totalsOf({ cpus, rows, sources: { energy, runqlat, irq, io } }: Moment): Totals {
	const all = runqlat?.rows.find(({ key }) => key.kind === 'all');
	const requests = io?.rows.filter(({ stacked }) => !stacked) ?? [];
	const interrupts = irq?.cpu_share.reduce((sum, { hard, soft, vector }) => sum + hard + soft + vector, 0);
	return {
		cpus,
		busy_ns: energy ? busyTime(energy, rows) : null,
		watts: energy?.measured && energy.source.kind !== 'time' ? (energy.measured_uj / energy.dt_ns) * 1e3 : null,
		wait_ns: all?.wait_ns ?? null,
		wait_p99_ns: all && all.count > 0 ? all.p99_ns : null,
		irq_ns: irq && interrupts !== undefined ? Math.round(interrupts * irq.dt_ns) : null,
		io_count: io ? requests.reduce((sum, { count }) => sum + count, 0) : null,
		io_bytes: io ? requests.reduce((sum, { bytes }) => sum + bytes, 0) : null,
	};
}

export const overview: Tracer<OverviewRow, OverviewExtra> = {
	id: 'overview',
	title: 'Overview',
	summary:
		'What stands out and why, and each process with its watts, CPU, waits, time lost to interrupts and block IO.',
	columns,
	defaultSort: 'watts',
	groups,
	options: [],
	from: sourceTabs satisfies readonly SourceTab[],
	terms: [
		[
			'why',
			'the lines on top: at most five findings, worst first, each with figures, who is behind it, since when, and the key that goes to where it can be seen; one is told when it has held for 1.5 s and goes when it has been away for 3 s',
		],
		...rules.map(({ title, help }) => [title, help] as const),
		[
			'PSI',
			'pressure stall information of the kernel: part of the interval in which at least one task stood still for want of a CPU, memory or IO; – where the kernel does not tell (no CONFIG_PSI, or psi=0)',
		],
	],
	rowKey: ({ pid, start_time, comm, cgroup, user }) => (pid > 0 ? `${pid}:${start_time}` : `${comm}|${cgroup}|${user}`),
	processOf: ({ pid, start_time }) => (pid > 0 ? `${pid}:${start_time}` : undefined),
	start: ({ cpus, procRoot }: Host) =>
		new OverviewSession(
			cpus,
			{
				pressure: new PressureReader(procRoot),
				groups: new GroupPressureReader(procRoot),
				quota: new QuotaReader(procRoot),
			},
			new OwnProcess(procRoot),
		),
};
