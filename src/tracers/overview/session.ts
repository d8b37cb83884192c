/** One run of the overview: joins the snapshots of a tick, adds pressure and quotas, and checks the rules. */

import { BECOME_ROOT, Unavailable } from '../../core/errors.ts';
import { type BpfCost, NO_COST, type Options, type Reading, type Session, type Tick } from '../../core/tracer.ts';
import { largest } from '../../lib/order.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { SpaceReader } from '../../system/disk-space.ts';
import type { GroupPressureReader } from '../../system/group-pressure.ts';
import type { MachineReader } from '../../system/machine.ts';
import type { AtLimit, MemoryLimitReader } from '../../system/memory-limits.ts';
import type { OwnProcess } from '../../system/pid-namespace.ts';
import type { Pressure, PressureReader } from '../../system/pressure.ts';
import type { QuotaReader } from '../../system/quota.ts';
import type { Suspicion } from './finding.ts';
import { hotOf } from './hot.ts';
import { busyTime, type Interval } from './interval.ts';
import { withPrograms } from './programs.ts';
import { idleRow, joinProcesses } from './rows.ts';
import { KEEP, type Rule } from './rule.ts';
import { losses, lossText } from './rules/losses.ts';
import { rules } from './rules.ts';
import type { MachineTotals, OverviewExtra, OverviewRow, Totals } from './snapshot.ts';
import { type Sources, sourcesOf, sourceTabs } from './sources.ts';
import { bootNs, type Processes, type TaskReader } from './tasks/reader.ts';
import { Tracker } from './tracker.ts';

/** Processes whose control groups are read for quotas, most CPU time first, and those with most waiting. */
const QUOTAS_OF = 32;

/** Processes whose control groups are read for memory limits, while memory is short. */
const LIMITS_OF = 16;
/** Pressure on memory from which on limits are read, share of the time; major faults per second where there is no PSI. */
const SHORT = 0.02;
const SHORT_FAULTS = 20;

/** Figures of the kernel beside the tabs. */
export interface Readers {
	pressure: Pick<PressureReader, 'read'> & Partial<Pick<PressureReader, 'why'>>;
	groups: Pick<GroupPressureReader, 'read'>;
	quota: Pick<QuotaReader, 'read'>;
	/** Absent: states, memory and command lines are not known. */
	tasks?: TaskReader;
	memoryLimits?: Pick<MemoryLimitReader, 'read'>;
	spaces?: Pick<SpaceReader, 'read'>;
	machine?: Pick<MachineReader, 'memory' | 'network'> & Partial<Pick<MachineReader, 'stolen'>>;
}

export class OverviewSession implements Session<OverviewRow, OverviewExtra> {
	private readonly tracker = new Tracker();
	private readonly readers: Readers;
	/** pid of the process in focus; 0: none. */
	private focus = 0;
	private readonly cpus: () => Count;
	private readonly own: Pick<OwnProcess, 'pid'>;
	private lostBefore: Readonly<Record<string, Count>> = {};
	/** By pid, in the running read. */
	private readonly programs = new Map<number, SafeText>();

	/** @param cpus CPUs online now; 0: not known */
	constructor(
		cpus: Count | (() => Count),
		readers: Readers,
		own: Pick<OwnProcess, 'pid'> = { pid: () => process.pid },
	) {
		this.cpus = typeof cpus === 'function' ? cpus : () => cpus;
		this.own = own;
		this.readers = readers;
	}

	read(dt_ns: Ns, _group: string, tick: Tick = new Map()): Reading<OverviewRow, OverviewExtra> {
		const sources = sourcesOf(tick);
		const [first] = Object.values(sources);
		if (!first)
			throw new Unavailable('none of the other tabs works here', `see the other tabs; as a rule, ${BECOME_ROOT}`);
		const lost = lostOf(sources);
		const rows = joinProcesses(sources);
		const { tasks, machine } = this.readers;
		const processes = tasks?.read() ?? null;
		this.followFocus(processes);
		const focus = this.focusRow(rows, processes, sources);
		tasks?.describe(focus && !rows.includes(focus) ? [...rows, focus] : rows, processes, dt_ns);
		const most = (figure: 'cpu_ns' | 'wait_ns') => largest(rows, QUOTAS_OF, (row) => row[figure] ?? 0);
		// a group out of quota shows by those that run, and by those that wait although CPUs are free
		const asked = new Set([...most('cpu_ns'), ...most('wait_ns')]);
		const pressure = this.readers.pressure.read();
		const interval: Interval = {
			dt_ns,
			cpus: this.cpus(),
			own: this.own.pid(rows),
			sources,
			rows,
			pressure,
			...(pressure === null && { noPressure: this.readers.pressure.why?.() }),
			stalled: this.readers.groups.read(pressure, dt_ns, new Set(rows.map(({ cgroup }) => cgroup))),
			processes,
			noTasks: tasks ? tasks.why : safe`tasks are not read`,
			boot_ns: bootNs(),
			slowed: tasks?.slowed(rows, processes, dt_ns) ?? [],
			deadlocks: tasks?.deadlocks(processes) ?? [],
			collecting: tasks?.collecting(processes) ?? [],
			atLimit: this.atLimit(rows, pressure, dt_ns),
			spaces: this.readers.spaces?.read() ?? [],
			standstills: processes ? (tasks?.standstills(processes) ?? []) : [],
			throttled: this.readers.quota.read(
				new Set(Array.from(asked, ({ cgroup }) => cgroup)),
				Array.from(asked, ({ pid, start_time }) => ({ pid, start: start_time })),
			),
			hot: hotOf(tick),
			lost: Object.fromEntries(Object.entries(lost).map(([tab, count]) => [tab, count - (this.lostBefore[tab] ?? 0)])),
		};
		this.lostBefore = lost;
		this.programs.clear();
		const checked: Rule[] = [];
		const unchecked: OverviewExtra['unchecked'] = [];
		for (const rule of rules as readonly Rule[]) {
			if (rule.asked?.(interval) === false) continue;
			const reason = rule.uncheckable?.(interval);
			if (reason === undefined) checked.push(rule);
			else unchecked.push({ rule: rule.id, reason });
		}
		const { time, mono_ns } = first;
		const findings = this.tracker.update(
			checked.map((rule) => ({ rule, suspicions: this.suspicions(rule, interval) })),
			{ time, mono_ns, dt_ns },
		);
		return {
			rows,
			extra: {
				findings,
				changes: [...this.tracker.changes],
				checked: checked.map(({ id }) => id),
				unchecked,
				totals: { ...totalsOf(interval), ...machineOf(machine) },
				pressure,
				arguments: tasks?.arguments === true,
				focus,
				...tasks?.focused(),
			},
			source: {
				kind: 'other tabs',
				description: 'figures of the other tabs in the same interval, by process; pressure is the kernel’s own (PSI)',
				uncertainty: 'as in the other tabs',
				hooks: [...(tasks?.hooks ?? [])],
				missing: [
					...unchecked.map(({ rule, reason }) => `rule ${rule}: ${reason}`),
					...(tasks?.why === undefined ? [] : [`states, memory and reasons of sleep: ${tasks.why}`]),
				],
			},
			lost: { ...lost, ...tasks?.lost() },
		};
	}

	/** What a rule finds, with the programs behind names that say nothing. */
	private suspicions(rule: Rule, interval: Interval): Suspicion[] {
		const { tasks } = this.readers;
		// the tracker ignores the others
		const found = checkedBy(rule, interval).filter(({ excess }) => excess >= KEEP);
		if (!tasks) return found;
		// of many suspicions about one program it is read once
		const programOf = (pid: number): SafeText => {
			const known = this.programs.get(pid) ?? tasks.programOf(pid, interval.processes);
			this.programs.set(pid, known);
			return known;
		};
		return found.map((one) => withPrograms(one, programOf));
	}

	/** Hooks follow the process in focus; a kernel that refuses them is asked once. */
	private followFocus(processes: Processes | null): void {
		const { tasks } = this.readers;
		if (!tasks) return;
		tasks.follow(this.focus > 0 && processes?.has(this.focus) ? this.focus : 0);
	}

	/** A row for the process in focus, which may have done nothing. */
	private focusRow(rows: readonly OverviewRow[], processes: Processes | null, sources: Sources): OverviewRow | null {
		if (this.focus === 0) return null;
		const row = rows.find(({ pid }) => pid === this.focus);
		const process = processes?.get(this.focus);
		return row ?? (process ? idleRow(sources, process) : null);
	}

	/** Groups of the processes that fault most, while memory is short. */
	private atLimit(rows: readonly OverviewRow[], pressure: Pressure | null, dt_ns: Ns): AtLimit[] {
		const { memoryLimits } = this.readers;
		if (!memoryLimits) return [];
		const faults = (row: OverviewRow) => (row.major_faults ?? 0) * 1000 + (row.minor_faults ?? 0);
		const short =
			(pressure?.memory?.some_ns ?? 0) >= SHORT * dt_ns ||
			rows.some(({ major_faults }) => (major_faults ?? 0) * 1e9 >= SHORT_FAULTS * dt_ns);
		if (!short) return [];
		const asked = rows
			.filter((row) => row.pid > 0 && faults(row) > 0)
			.sort((a, b) => faults(b) - faults(a))
			.slice(0, LIMITS_OF);
		return memoryLimits.read(asked.map(({ pid, start_time }) => ({ pid, start: start_time })));
	}

	tune(changes: Options): void {
		const { tasks } = this.readers;
		if (typeof changes['focus'] === 'number') this.focus = changes['focus'];
		if (tasks && typeof changes['arguments'] === 'boolean') tasks.arguments = changes['arguments'];
	}

	cost(fresh?: boolean): BpfCost {
		return this.readers.tasks?.cost(fresh) ?? NO_COST;
	}

	close(): void {
		this.readers.tasks?.close();
	}
}

/** What a rule finds; where events of the tab that it points at are lost, that is said. */
function checkedBy(rule: Rule, interval: Interval): Suspicion[] {
	const found = rule.check(interval);
	if (rule.id === losses.id) return found;
	return found.map((suspicion) => {
		const { tab } = suspicion.link;
		const loss = tab === 'overview' ? safe`` : lossText(interval, tab);
		return loss === '' ? suspicion : { ...suspicion, text: safe`${suspicion.text}${loss}` };
	});
}

/** Lost events since start, by tab. */
function lostOf(sources: Sources): Record<string, Count> {
	const tabs = sourceTabs.flatMap((tab) => sources[tab] ?? []);
	return Object.fromEntries(
		tabs.map(({ tab, lost }) => [tab, Object.values(lost).reduce((sum, count) => sum + count, 0)]),
	);
}

function machineOf(machine: Readers['machine']): MachineTotals {
	const memory = machine?.memory() ?? null;
	const network = machine?.network() ?? null;
	const stolen = machine?.stolen?.();
	return {
		memory_bytes: memory?.total_bytes ?? null,
		memory_available_bytes: memory?.available_bytes ?? null,
		swap_bytes: memory?.swap_total_bytes ?? null,
		swap_used_bytes: memory?.swap_used_bytes ?? null,
		received_bytes: network?.received_bytes ?? null,
		sent_bytes: network?.sent_bytes ?? null,
		packets_dropped: network?.dropped ?? null,
		...(stolen === undefined ? {} : { steal_ns: stolen }),
	};
}

function totalsOf({ cpus, rows, sources: { energy, runqlat, irq, io } }: Interval): Omit<Totals, keyof MachineTotals> {
	const all = runqlat?.rows.find(({ key }) => key.kind === 'all');
	const requests = io?.rows.filter(({ stacked }) => !stacked) ?? [];
	const interrupts = irq?.cpu_share.reduce((sum, { hard, soft, vector }) => sum + hard + soft + vector, 0);
	const discarded = requests.reduce((sum, row) => sum + (row.bytes_discarded ?? 0) + (row.bytes_zeroed ?? 0), 0);
	const errors = requests.reduce((sum, row) => sum + (row.errors ?? 0), 0);
	return {
		cpus: cpus > 0 ? cpus : null,
		busy_ns: energy ? busyTime(energy, rows) : null,
		watts: energy?.measured && energy.source.kind !== 'time' ? (energy.measured_uj / energy.dt_ns) * 1e3 : null,
		wait_ns: all?.wait_ns ?? null,
		wait_p99_ns: all && all.count > 0 ? all.p99_ns : null,
		irq_ns: irq && interrupts !== undefined ? Math.round(interrupts * irq.dt_ns) : null,
		io_count: io ? requests.reduce((sum, { count }) => sum + count, 0) : null,
		io_bytes: io ? requests.reduce((sum, { bytes }) => sum + bytes, 0) : null,
		...(discarded > 0 ? { io_discarded_bytes: discarded } : {}),
		...(errors > 0 ? { io_errors: errors } : {}),
	};
}
