/** What the overview knows of processes beside the figures of the tabs: state, reason of sleep, memory, command line. */
import os from 'node:os';
import { addCosts } from '../../../bpf/bpf-session.ts';
import { Unavailable } from '../../../core/errors.ts';
import { type BpfCost, type Host, NO_COST } from '../../../core/tracer.ts';
import { kernelBootNs, monotonicNs } from '../../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { containerName } from '../../../system/cgroup-name.ts';
import { CommandLines } from '../../../system/command-lines.ts';
import { sameStart } from '../../../system/process-id.ts';
import type { OverviewExtra, OverviewRow } from '../snapshot.ts';
import type { Channel } from './channels.ts';
import type { Collecting } from './collectors.ts';
import { askProc, type Deadlock, DeadlockFinder } from './deadlock.ts';
import { exactParts, type FocusReading, FocusWatch } from './focus.ts';
import { haltedByLife, isStuck, workers } from './halt.ts';
import { PacketRates } from './packets.ts';
import { Progress, type Slowed } from './progress.ts';
import { type Resting, type ServiceRow, Services } from './services.ts';
import { StandstillFinder } from './standstill/finder.ts';
import type { Standstill } from './standstill/standstill.ts';
import { type Spent, ThreadTime } from './time.ts';
import { type ProcessNow, type TaskNow, TaskWalk } from './walk.ts';

/** Time in an interval for reading command lines, ns. */
const BUDGET: Ns = 2e6;

/** Packets are counted so often at most, ns, and for one part in so many of the time. */
const PACKETS_AFTER: Ns = 5e9;
const PACKETS_OF_COST = 200;

/** Processes at the end of an interval, by pid. */
export type Processes = ReadonlyMap<number, ProcessNow>;

/** A source of processes: {@link TaskWalk}, or a fixture. */
export interface Walk {
	read(): Processes;
	channels(): Channel[];
	/** Threads whose waits have their sleep in them, since start. */
	displaced(): Count;
	readonly hooks: readonly string[];
	cost(fresh?: boolean): BpfCost;
	close(): void;
}

/** Hooks on one process: {@link FocusWatch}, or a fixture. */
export type Watch = Pick<FocusWatch, 'read' | 'cost' | 'close'> & Partial<Pick<FocusWatch, 'lost'>>;

/** undefined: the kernel refuses the hooks. */
function watchOf(host: Host, pid: number, { functions }: TaskWalk): Watch | undefined {
	try {
		return new FocusWatch(host, pid, functions);
	} catch (error) {
		if (error instanceof Unavailable) return undefined;
		throw error;
	}
}

/** For how long the distance of two clocks is taken as known: it changes when the machine was suspended. */
const SAME_DISTANCE: Ns = 1e8;
let distance: { ns: Ns; at: Ns } | undefined;

/** CLOCK_BOOTTIME of the kernel. Node reads a file of proc for it, so that calls of one tick share a reading. */
export function bootNs(): Ns {
	const now = monotonicNs();
	if (!distance || now - distance.at > SAME_DISTANCE) distance = { ns: kernelBootNs(os.uptime() * 1e9) - now, at: now };
	return now + distance.ns;
}

/** Of several threads the one that says most: runnable, uninterruptible, else the main thread. */
export function mainTask({ tasks }: ProcessNow): TaskNow | undefined {
	if (tasks.length < 2) return tasks[0];
	return tasks.find(({ state }) => state === 'R') ?? tasks.find(({ state }) => state === 'D') ?? tasks[0];
}

interface Faults {
	start: Ns;
	minor: Count;
	major: Count;
}

export class TaskReader {
	/** Why there are no tasks; undefined: there are. */
	readonly why: SafeText | undefined;
	private readonly walk: Walk | undefined;
	private readonly commands: CommandLines;
	private readonly finder: StandstillFinder | undefined;
	private readonly locks: DeadlockFinder;
	private readonly time = new ThreadTime();
	private readonly progress = new Progress();
	private readonly groups = new Progress();
	private readonly services = new Services();
	private readonly packets = new PacketRates();
	private nextPackets: Ns = 0;
	private spent: ReadonlyMap<number, Spent> = new Map();
	/** Of each process as of the last interval in which it did not rest. */
	private readonly faults = new Map<number, Faults>();
	private readonly containers = new Map<SafeText, SafeText>();
	private readonly watch: ((pid: number) => Watch | undefined) | undefined;
	/** Of the process in focus; null: the kernel refuses it. */
	private watched: { pid: number; watch: Watch | null } | undefined;
	private focusNow: FocusReading | undefined;
	/** CLOCK_BOOTTIME of the last two reads; 0: none. */
	private readAt: Ns = 0;
	private readBefore: Ns = 0;
	/** Entries for which the hooks on earlier ones had no room. */
	private focusLost: Count = 0;
	/** Command lines are read. */
	arguments = false;

	constructor(
		procRoot: string,
		walk: Walk | SafeText,
		watch?: (pid: number) => Watch | undefined,
		semaphorePid?: (id: number, number: number) => number,
	) {
		this.watch = watch;
		this.commands = new CommandLines(procRoot);
		this.locks = new DeadlockFinder(askProc(procRoot));
		if (typeof walk === 'string') this.why = walk;
		else {
			this.walk = walk;
			this.finder = new StandstillFinder({
				procRoot,
				channels: () => this.channels(walk),
				...(semaphorePid && { semaphorePid }),
			});
		}
	}

	/** With the kernel's own list of tasks, or the reason why there is none. */
	static of(host: Host): TaskReader {
		try {
			const walk = new TaskWalk(host);
			return new TaskReader(
				host.procRoot,
				walk,
				(pid) => watchOf(host, pid, walk),
				(id, number) => host.addon.semaphorePid(id, number),
			);
		} catch (error) {
			if (!(error instanceof Unavailable)) throw error;
			return new TaskReader(host.procRoot, sanitize(error.message));
		}
	}

	/** All processes now; null: not known. */
	read(): Processes | null {
		[this.readBefore, this.readAt] = [this.readAt, bootNs()];
		return this.walk?.read() ?? null;
	}

	/** Processes that do much less than in their last minute; call after {@link describe}. */
	slowed(rows: readonly OverviewRow[], processes: Processes | null, dt_ns: Ns): Slowed[] {
		if (this.walk && monotonicNs() >= this.nextPackets) this.channels(this.walk);
		for (const row of rows) {
			const dropped = this.packets.droppedIn(row.pid, dt_ns);
			if (dropped > 0) row.drops = (row.drops ?? 0) + dropped;
		}
		const listed = new Set(rows.map(({ pid }) => pid));
		const all: ServiceRow[] = rows.map(({ pid, start_time, comm, cgroup, wakeups, time_ns, io_count, io_bytes }) => {
			const packets = this.packets.of(pid);
			return { pid, start_time, comm, cgroup, wakeups, time_ns, io_count, io_bytes, packets };
		});
		const resting: ProcessNow[] = [];
		for (const process of processes?.values() ?? []) {
			const { pid, start, comm } = process;
			if (listed.has(pid)) continue;
			const ofService = this.services.knows(pid, start);
			if (!this.progress.wants(pid, start)) {
				if (!ofService) continue;
				if (process.rests && !this.spent.has(pid)) {
					resting.push(process);
					continue;
				}
			}
			const spent = this.spentOf(process, dt_ns);
			all.push({
				...{ pid, start_time: start, comm, io_count: 0, io_bytes: 0 },
				wakeups: spent?.wakeups ?? null,
				time_ns: spent?.parts ?? null,
				packets: this.packets.of(pid),
			});
		}
		const boot_ns = bootNs();
		const found = this.progress.update(all, dt_ns, ({ pid }, for_ns) => {
			const process = processes?.get(pid);
			return process && isStuck(process, for_ns, boot_ns) ? workers(process).length : 0;
		});
		found.push(...this.haltedByLife(processes, boot_ns, found));
		// a service whose processes come and go, or share the work, has a past that none of them has
		const named = new Set(found.map(({ comm }) => comm));
		const services = this.groups.update(this.services.sum(all, this.restingOf(resting, dt_ns)), dt_ns);
		for (const row of rows) if (this.services.restarted.has(row.pid)) row.restarts = 1;
		return [...found, ...services.filter(({ comm, kind }) => kind === 'slowed' && !named.has(comm))];
	}

	/** Processes that halted, but whose last minutes say too little: they rest since before the first interval, or worked for less than the baseline takes. */
	private haltedByLife(processes: Processes | null, boot_ns: Ns, found: readonly Slowed[]): Slowed[] {
		const known = new Set(found.map(({ pid }) => pid));
		const more: Slowed[] = [];
		for (const one of processes?.values() ?? []) {
			if (!one.rests || one.tasks.length < 2 || known.has(one.pid)) continue;
			const halted = haltedByLife(one, boot_ns);
			if (halted) more.push(halted);
		}
		return more;
	}

	/** All sockets and pipes now. */
	private channels(walk: Walk): Channel[] {
		const begun = monotonicNs();
		const channels = walk.channels();
		if (begun - this.packets.taken >= PACKETS_AFTER / 2) this.packets.take(channels, begun);
		this.nextPackets = begun + Math.max(PACKETS_AFTER, (monotonicNs() - begun) * PACKETS_OF_COST);
		return channels;
	}

	/** Threads that wait for each other's mutexes. */
	deadlocks(processes: Processes | null): Deadlock[] {
		return processes ? this.locks.find(processes.values(), process.pid) : [];
	}

	/** Processes whose runtime collected garbage in the interval; call after {@link describe}. */
	collecting(processes: Processes | null): Collecting[] {
		return [...this.spent].flatMap(([pid, { collector_ns = 0, collectors = 0, parts }]) => {
			const process = collector_ns > 0 ? processes?.get(pid) : undefined;
			if (!process) return [];
			const { start, comm } = process;
			return [{ pid, start_time: start, comm, collector_ns, cpu_ns: parts.cpu ?? 0, threads: collectors }];
		});
	}

	/** Processes that stand still within a request, at the moment of the last read. */
	standstills(processes: Processes): Standstill[] {
		return this.finder?.find(processes, bootNs(), process.pid) ?? [];
	}

	/**
	 * Completes rows.
	 * @param dt_ns length of the interval
	 */
	describe(rows: readonly OverviewRow[], processes: Processes | null, dt_ns: Ns): void {
		this.spent = this.time.take(processes?.values() ?? [], dt_ns);
		this.focusNow = this.watched?.watch?.read();
		// from read to read: a tick is late where the machine is busy, and what began in between would be in none
		const begun = this.readBefore > 0 ? this.readBefore : bootNs() - dt_ns;
		if (this.arguments) this.commands.begin(BUDGET);
		for (const row of this.arguments ? byWork(rows) : rows) {
			row.container = this.containerOf(row.cgroup);
			if (this.arguments) row.command = this.commands.of({ pid: row.pid, start: row.start_time }, row.comm);
			const process = processes?.get(row.pid);
			if (!process || !sameStart(process.start, row.start_time)) continue;
			const task = mainTask(process);
			row.state = task?.state ?? null;
			row.reason = task?.reason ?? null;
			row.wchan = task?.wchan ?? safe``;
			row.rss_bytes = process.rss_bytes;
			row.swap_bytes = process.swap_bytes;
			row.threads = process.threads;
			row.nice = process.nice;
			row.started = Number(process.start >= begun);
			const its = this.spentOf(process, dt_ns);
			row.time_ns = its ? withIrq(this.partsOf(process, its, dt_ns), row.irq_time_ns ?? 0) : null;
			row.wakeups = its?.wakeups ?? null;
			const before = this.faults.get(row.pid);
			if (before?.start !== process.start) continue;
			row.minor_faults = Math.max(0, process.minor_faults - before.minor);
			row.major_faults = Math.max(0, process.major_faults - before.major);
		}
		this.keepFaults(processes);
	}

	/** Hooks are put on the process in focus, and taken away from the last one. 0: none. */
	follow(pid: number): void {
		if (this.watched?.pid === pid) return;
		this.focusLost += this.watched?.watch?.lost ?? 0;
		this.watched?.watch?.close();
		this.focusNow = undefined;
		this.watched = pid > 0 && this.watch ? { pid, watch: this.watch(pid) ?? null } : undefined;
	}

	/** What the hooks say of the interval; call after {@link describe}. */
	focused(): Pick<OverviewExtra, 'wakers' | 'exact'> {
		return this.focusNow ? { wakers: this.focusNow.wakers, exact: true } : {};
	}

	/** Since the start. */
	lost(): Record<string, Count> {
		const focus = this.focusLost + (this.watched?.watch?.lost ?? 0);
		return { tasks: this.walk?.displaced() ?? 0, ...(focus > 0 && { focus }) };
	}

	get hooks(): readonly string[] {
		return this.walk?.hooks ?? [];
	}

	cost(fresh?: boolean): BpfCost {
		const costs = [this.walk?.cost(fresh) ?? NO_COST, ...(this.watched?.watch ? [this.watched.watch.cost(fresh)] : [])];
		return addCosts(...costs);
	}

	close(): void {
		this.watched?.watch?.close();
		this.walk?.close();
	}

	private keepFaults(processes: Processes | null): void {
		for (const { pid, start, minor_faults, major_faults, rests } of processes?.values() ?? []) {
			if (rests) continue;
			const known = this.faults.get(pid);
			if (known?.start === start) {
				known.minor = minor_faults;
				known.major = major_faults;
			} else this.faults.set(pid, { start, minor: minor_faults, major: major_faults });
		}
		if (this.faults.size > 2 * (processes?.size ?? 0) + 1000)
			for (const pid of this.faults.keys()) if (!processes?.has(pid)) this.faults.delete(pid);
	}

	/** `node server.js`; empty: it has ended. */
	programOf(pid: number, processes: Processes | null): SafeText {
		const start = processes?.get(pid)?.start;
		return start === undefined ? safe`` : this.commands.programOf({ pid, start });
	}

	private restingOf(processes: readonly ProcessNow[], dt_ns: Ns): Resting {
		const sum = { parts: {} };
		return {
			processes,
			addTo: (parts, process) => {
				sum.parts = parts;
				return this.time.addResting(sum, process, dt_ns);
			},
			packetsOf: (pid) => this.packets.of(pid),
		};
	}

	private spentOf(process: ProcessNow, dt_ns: Ns): Spent | undefined {
		return this.spent.get(process.pid) ?? (process.rests ? this.time.resting(process, dt_ns) : undefined);
	}

	/** Of the process in focus as measured. */
	private partsOf(process: ProcessNow, spent: Spent, dt_ns: Ns): Spent['parts'] {
		if (!this.focusNow || this.watched?.pid !== process.pid) return spent.parts;
		return exactParts(process, spent, this.focusNow, dt_ns);
	}

	private containerOf(cgroup: SafeText): SafeText {
		let name = this.containers.get(cgroup);
		if (name === undefined) {
			if (this.containers.size >= 10_000) this.containers.clear();
			name = containerName(cgroup);
			this.containers.set(cgroup, name);
		}
		return name;
	}
}

/** The kernel counts interrupts as time of the task that they interrupt. */
function withIrq(parts: Spent['parts'], irq_ns: Ns): Spent['parts'] {
	const cpu = parts.cpu ?? 0;
	const irq = Math.min(cpu, Math.round(irq_ns));
	// most are not interrupted in an interval
	if (irq === 0) return parts;
	const { cpu: _, ...others } = parts;
	return { ...(cpu > irq && { cpu: cpu - irq }), irq, ...others };
}

/** Most work first: within a budget their command lines are read first. */
function byWork(rows: readonly OverviewRow[]): OverviewRow[] {
	return [...rows].sort((a, b) => (b.cpu_ns ?? 0) - (a.cpu_ns ?? 0));
}
