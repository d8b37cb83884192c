/** CPU time of every thread from the kernel's own counters, read by bpf/energy/energy.bpf.c. */

import type { BpfSession } from '../../../bpf/bpf-session.ts';
import type { GroupNames } from '../../../bpf/cgroups.ts';
import { cgroupsOf, unnamedGroups } from '../../../bpf/cgroups.ts';
import { openBpf, openWalking } from '../../../bpf/load.ts';
import { possibleCpusOf } from '../../../bpf/possible-cpus.ts';
import { eventRing, walkRing } from '../../../bpf/rings.ts';
import { WalkRetries } from '../../../bpf/walk-retries.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import {
	constants,
	counted_program,
	iteration_end,
	maps,
	thread_head,
	thread_record,
	thread_record_cursor,
	thread_state,
} from '../../../generated/energy.ts';
import { monotonicNs } from '../../../lib/clock.ts';
import { type ForeignBytes, type Struct, viewOf, wordOf } from '../../../lib/decode.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../../lib/units.ts';
import { whyHidden } from '../../../system/kernel-text.ts';
import type { Weighting } from '../power/weighting.ts';
import { storeCounters } from './counters.ts';
import { CpuLedger } from './cpu-ledger.ts';
import type { CpuCounter, CpuUse, ProcessInfo, TaskInfo, TaskTime } from './cpu-use.ts';
import type { CycleCounters } from './cycles.ts';
import { type InterruptTime, irqByPackage, KernelIrqTime, keepsIrqTime } from './irq-time.ts';
import { Moves, movesBits } from './moves.ts';
import type { Placement, ProcessUse, ThreadSample, ThreadUse } from './thread-use.ts';

/** Programs of bpf/energy/thread-detail.bpf.h, whose hooks some kernels lack. */
const INTERRUPTS = ['handler', 'timer', 'reschedule', 'call', 'call_single', 'work', 'softirq'].flatMap((name) => [
	`${name}_begins`,
	`${name}_ends`,
]);

/** The kernel's address of a task without its constant upper bits: exact in a double. */
function identity(low: number, high: number): number {
	return (high & 0xfffff) * 2 ** 32 + low;
}

/** A thread's record in place, valid until the next one is taken. */
class ThreadInPlace implements ThreadSample {
	private readonly record = new thread_record_cursor();

	moveTo(view: DataView, at: number): this {
		this.record.moveTo(view, at);
		return this;
	}

	get task(): number {
		const { task_low, task_high } = this.record.head;
		return identity(task_low, task_high);
	}

	get state(): number {
		return this.record.head.state;
	}

	get tgid(): number {
		return this.record.tgid;
	}

	get tid(): number {
		return this.record.tid;
	}

	get start(): Ns {
		return this.record.head.start;
	}

	get process_start(): Ns {
		return this.record.process_start;
	}

	get cpu_ns(): Ns {
		return this.record.head.cpu_ns;
	}

	get cgroup(): number {
		return this.record.cgroup;
	}

	get uid(): number {
		return this.record.uid;
	}

	get cpu(): number {
		return this.record.head.cpu;
	}

	get comm(): ForeignBytes {
		return this.record.comm;
	}

	get irq_ns(): Ns {
		return this.record.irq_ns;
	}

	get cycles(): Count {
		return this.record.cycles;
	}

	get cycles_ns(): Ns {
		return this.record.cycles_ns;
	}
}

/** The same as a copy. */
function sampleAt(view: DataView, at: number): ThreadSample {
	const record = thread_record.read(view, at);
	const { task_low, task_high, cpu_ns, start, cpu } = record.head;
	return { ...record, task: identity(task_low, task_high), cpu_ns, start, cpu };
}

/** Does the kernel have task storage (since 5.11)? */
export function hasTaskStorage(addon: Host['addon']): boolean {
	return addon.hasMember('task_struct', 'bpf_storage');
}

/** Time in interrupts from own programs, on kernels that do not count it. */
class CountedIrqTime implements InterruptTime {
	private readonly bpf: BpfSession;
	private last: Ns[] = [];

	constructor(bpf: BpfSession) {
		this.bpf = bpf;
		this.read();
	}

	read(): Map<number, Ns> {
		const now = this.bpf.shards(maps.irq_cpus).map(({ hard_ns, soft_ns }) => hard_ns + soft_ns);
		const gained = new Map(now.map((ns, cpu) => [cpu, ns - (this.last[cpu] ?? 0)]));
		this.last = now;
		return gained;
	}
}

/** As in bpf/energy/energy.bpf.c, for machines of up to 64 CPUs. */
const RING_BYTES: Bytes = 4 << 20;
const REPORTS_BYTES: Bytes = 2 << 20;

/** What is kept of threads beyond the kernel's own counters, and why. */
interface Extras {
	/** Moves between packages. */
	moves: boolean;
	/** Interrupts, which the kernel charges to the interrupted task. */
	interrupts: boolean;
	cycles: CycleCounters | undefined;
	/** A program walks all threads, on kernels that can. */
	walks: boolean;
}

/** For 75,000 threads that end in a second, drained four times in it; half of that on two CPUs; larger machines start more. */
function ringBytes(cpus: number): Bytes {
	if (cpus <= 4) return eventRing(cpus, RING_BYTES);
	return Math.min(8, Math.max(1, 2 ** Math.ceil(Math.log2(Math.max(1, cpus) / 64)))) * RING_BYTES;
}

function open(host: Host, placement: Placement, { moves, interrupts, cycles, walks }: Extras): BpfSession {
	const details = interrupts || cycles !== undefined;
	const without = [
		...(details ? [] : ['detail_begins']),
		...(moves ? [] : ['thread_moves']),
		...(cycles ? [] : ['cycles_end']),
		...(interrupts ? [] : INTERRUPTS),
		...(walks ? [] : ['walk_threads', 'update_offset']),
	];
	const possible = possibleCpusOf(host.addon);
	return openBpf(host, 'energy', {
		layout: constants,
		counted: counted_program,
		constants: { with_details: details, moves_bits: moves ? movesBits(possible) : 0 },
		shards: [maps.lost, maps.cpu_packages, maps.moves_cpus, maps.cycles_cpus, maps.irq_cpus, maps.scanned_cpus].map(
			({ name }) => name,
		),
		maxEntries: {
			[maps.counters.name]: possible,
			[maps.ended.name]: ringBytes(host.cpus),
			[maps.moves.name]: moves ? possible << movesBits(possible) : 1,
			...(walks && {
				[maps.reports.name]: walkRing(host.procRoot, thread_record.size, REPORTS_BYTES / 16, REPORTS_BYTES),
			}),
		},
		optional: {
			group_changes: 'a process that sleeps is in its former control group for up to 30 intervals',
			thread_exits: 'threads that live between two reads may be missing',
			...Object.fromEntries(
				INTERRUPTS.map((program) => [program, 'these interrupts stay in the time of the interrupted task']),
			),
		},
		without,
		withoutMaps: [
			...(details ? [] : [maps.details.name]),
			...(cycles ? [] : [maps.counters.name]),
			...(walks ? [] : [maps.reports.name]),
		],
		loaded(object) {
			for (let cpu = 0; cpu < possible; cpu++)
				object.update(maps.cpu_packages.name, wordOf(cpu), wordOf(placement.packageOf(cpu)));
			if (cycles) storeCounters(object, maps.counters.name, cycles.counters);
		},
	});
}

/** A process of the ledger, with its control group by path. */
class Process implements ProcessInfo {
	private readonly use: ProcessUse;
	private readonly cgroups: GroupNames;

	constructor(use: ProcessUse, cgroups: GroupNames) {
		this.use = use;
		this.cgroups = cgroups;
	}

	get pid(): number {
		return this.use.pid;
	}
	get start(): Ns {
		return this.use.start;
	}
	get comm(): SafeText {
		return this.use.comm;
	}
	get cgroup(): SafeText {
		return this.cgroups.pathOf(this.use.cgroup, this.use);
	}
	get uid(): number {
		return this.use.uid;
	}
	get threads(): Count {
		return this.use.threads;
	}
}

class Task implements TaskInfo {
	readonly process: ProcessInfo;
	private readonly use: ThreadUse;

	constructor(use: ThreadUse, process: ProcessInfo) {
		this.use = use;
		this.process = process;
	}

	get tid(): number {
		return this.use.tid;
	}
	get start(): Ns {
		return this.use.start;
	}
	get comm(): SafeText {
		return this.use.name.text;
	}
	get alive(): boolean {
		return this.use.alive;
	}
}

/** Section of the count of tasks that came to another control group. */
const GROUP_MOVES = '.data.groups';
/** Every this many scans by the iterator are complete. */
const THOROUGH = 30;

/** The result of a scan. */
interface Living {
	/** Output of the iterator, `end` bytes, with `everything` or idle threads as heads only; undefined: it is in the ring of a walk. */
	listing: { view: DataView; end: number; everything: boolean } | undefined;
	/** ns since boot. */
	now: Ns;
}

export interface BpfCpuOptions {
	weighting: Pick<Weighting, 'packageOf' | 'speedOf' | 'cycles'>;
	/** Number of packages. */
	packages: number;
	/** Subtract the energy of interrupts from the interrupted tasks, where the kernel does not separate their time. */
	interrupts: boolean;
}

export class BpfCpu implements CpuCounter {
	readonly about: CpuCounter['about'];
	readonly threads = true;
	private readonly bpf: BpfSession;
	private readonly ledger: CpuLedger;
	private readonly cgroups: GroupNames;
	private readonly placement: Placement;
	private readonly irq: InterruptTime | undefined;
	private readonly moves: boolean;
	private readonly moved: Moves | undefined;
	/** Package by CPU, as the programs have it. */
	private readonly packages: number[] = [];
	private readonly cycles: CycleCounters | undefined;
	private readonly record = new ThreadInPlace();
	/** The clock of scans minus CLOCK_MONOTONIC, as of the last one: time asleep. */
	private sinceBoot: Ns = 0;
	private scans = 0;
	/** Does the kernel run programs on request? */
	private readonly canWalk: boolean;
	private readonly retries = new WalkRetries();
	/** The known threads differ from the kernel's: the next walk has to report all. */
	private astray = false;
	/** Moves of tasks to other control groups, as of the last scan. */
	private movesBefore: Count = 0;
	private lostRecords: Count = 0;
	private lostTime: Ns = 0;

	/** Takes over the counters of cycles. @throws {Unavailable} and nothing stays loaded then */
	constructor(host: Host, { weighting, packages, interrupts: wanted }: BpfCpuOptions) {
		const { addon } = host;
		// without this, interrupts are in the CPU time of the interrupted task
		const apart = keepsIrqTime(host);
		const interrupts = wanted && !apart && hasTaskStorage(addon);
		this.moves = packages > 1;
		this.placement = weighting;
		this.cycles = weighting.cycles;
		const { moves, cycles } = this;
		const opened = openWalking(addon, (walks) => open(host, weighting, { moves, interrupts, cycles, walks }));
		this.bpf = opened.bpf;
		this.moved = moves ? new Moves(opened.bpf, sampleAt) : undefined;
		this.canWalk = opened.walks;
		try {
			this.irq = apart ? new KernelIrqTime(host.procRoot) : interrupts ? new CountedIrqTime(this.bpf) : undefined;
			const hidden = apart ? whyHidden(host.procRoot, 'stat') : undefined;
			this.about = {
				description: apart
					? ''
					: interrupts
						? 'this kernel counts interrupts as time of the interrupted task: their energy is subtracted from it, its CPU time is the kernel’s'
						: 'this kernel counts interrupts as time of the interrupted task',
				uncertainty: 'exact',
				hooks: [opened.walks ? 'syscall/walk_threads' : 'iter/task', ...this.bpf.hooks],
				missing: [
					...opened.missing,
					...(apart || interrupts || !wanted
						? []
						: ['no storage for tasks: interrupts count as time of the task they interrupt']),
					...unnamedGroups(host),
					...(hidden === undefined ? [] : [`time in interrupts is not known, and in no process: ${hidden}`]),
				],
			};
			this.cgroups = cgroupsOf(host);
			// the first scan is the baseline: nothing from before is charged
			const living = this.find();
			this.ledger = new CpuLedger(living.now, weighting);
			this.scan(living);
			this.ledger.endScan(living.now);
			this.ledger.interval();
		} catch (error) {
			this.bpf.close();
			throw error;
		}
	}

	drain(): void {
		this.ledger.begin(monotonicNs() + this.sinceBoot);
		this.drainMoves();
		this.drainEnded();
		if (!this.canWalk) return;
		// as in find()
		process.cpuUsage();
		this.bpf.object.run('update_offset');
	}

	read(): CpuUse {
		// threads alive first: one that ends meanwhile has its record in the ring when that is drained
		const living = this.find();
		this.placeCpus();
		this.cycles?.tick(new Map(this.bpf.shards(maps.cycles_cpus).entries()));
		this.scan(living);
		this.drainEnded();
		// a thread without an exit record keeps being reported by walks while it exists
		this.ledger.endScan(living.now, living.listing ? 'all' : 'news');
		this.astray = !living.listing && this.ledger.size !== this.walked().threads;
		this.takeLosses();
		const interval = this.ledger.interval();
		const { threads, unattributed_ns, interrupted_ns, alive, ended, unfinished } = interval;
		this.learnCycles(threads);
		const all = () => interval.processes.map((process) => this.process(process));
		return {
			used: this.times(threads),
			...irqByPackage(this.irq?.read() ?? new Map(), this.placement),
			irq_in_tasks_ns: interrupted_ns,
			get processes() {
				return all();
			},
			changed: interval.changed.map((process) => this.process(process)),
			threads: () => Array.from(this.ledger.living(), (thread) => this.task(thread)),
			unattributed_ns,
			alive,
			ended,
			at_ns: living.now,
			lost: {
				ended_threads: this.lostRecords,
				unfinished_threads: unfinished,
				...(this.moves && { moves: this.moved?.lost ?? 0 }),
				...(this.cycles && { cycles_unread: this.sum(maps.cycles_cpus, ({ unread }) => unread) }),
			},
		};
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
		this.cycles?.close();
	}

	/** Scan all threads: a walk reports those that may have news, an iterator all, idle ones with their head only. */
	private find(): Living {
		// makes the kernel update the clock of this CPU, by which the running slices are measured
		process.cpuUsage();
		this.scans++;
		const walks = this.canWalk && this.retries.next();
		// idle threads too: to find them again, and for groups and names that other processes set
		const moved = this.groupMoves();
		const everything = moved || (walks ? this.astray : this.scans % THOROUGH === 0);
		const look = new Uint8Array(maps.scan.value.size);
		viewOf(look).setUint32(0, everything ? 0 : this.scans, true);
		this.bpf.object.update(maps.scan.name, wordOf(0), look);
		if (walks && this.retries.ended(this.bpf.walk('walk_threads', maps.reports.name)))
			return { listing: undefined, now: this.walked().boot_ns };
		// a run without enough room is repeated as the same scan: nothing of it is known yet
		const view = this.bpf.iterate('read_threads');
		const end = view.byteLength - iteration_end.size;
		return { listing: { view, end, everything }, now: iteration_end.read(view, end).boot_ns };
	}

	/** Have tasks come to another control group since the last scan? */
	private groupMoves(): boolean {
		const moves = this.bpf.counter(GROUP_MOVES);
		const moved = moves !== this.movesBefore;
		this.movesBefore = moves;
		return moved;
	}

	/** Summary of the last walk. */
	private walked(): { boot_ns: Ns; threads: Count } {
		const bytes = new Uint8Array(maps.scan.value.size);
		this.bpf.object.readMapped(maps.scan.name, bytes);
		return maps.scan.value.read(viewOf(bytes), 0);
	}

	private scan({ listing, now }: Living): void {
		const { ledger } = this;
		this.sinceBoot = now - monotonicNs();
		ledger.beginScan(now);
		// before the scan, although later ones may be among them: what was used in a package is charged to it
		this.drainMoves();
		if (!listing) {
			this.bpf.drain(maps.reports.name, (record, at) => ledger.observe(this.record.moveTo(record, at)));
			return;
		}
		const { view, end, everything } = listing;
		for (let at = 0; at < end; ) {
			const { task_low, task_high, start, cpu_ns, state } = thread_head.read(view, at);
			const whole = state !== thread_state.THREAD_IDLE;
			const idle = !everything && ledger.isIdle(identity(task_low, task_high), start, cpu_ns);
			if (!idle && whole) ledger.observe(this.record.moveTo(view, at));
			at += whole ? thread_record.size : thread_head.size;
		}
	}

	/** A CPU that came online may be of another package than it was taken for. */
	private placeCpus(): void {
		if (!this.moves) return;
		for (let cpu = 0; cpu < this.bpf.possibleCpus; cpu++) {
			const packageIndex = this.placement.packageOf(cpu);
			if (this.packages[cpu] === packageIndex) continue;
			this.packages[cpu] = packageIndex;
			this.bpf.object.update(maps.cpu_packages.name, wordOf(cpu), wordOf(packageIndex));
		}
	}

	private drainMoves(): void {
		for (const move of this.moved?.take() ?? []) this.ledger.move(move);
	}

	private drainEnded(): void {
		this.bpf.drain(maps.ended.name, (view, at) => {
			const sample = this.record.moveTo(view, at);
			if (sample.state === thread_state.THREAD_DEAD) this.ledger.recordExit(sample);
			else this.ledger.exit(sample);
		});
	}

	/** What threads used, by package. */
	private times(threads: readonly ThreadUse[]): TaskTime[] {
		const times: TaskTime[] = [];
		for (const thread of threads) {
			const task = this.task(thread);
			for (const { used_ns, packageIndex, work, cycles, cycles_ns } of thread.parts)
				times.push({ task, cpu_ns: used_ns, packageIndex, work, cycles, cycles_ns });
		}
		return times;
	}

	private learnCycles(threads: readonly ThreadUse[]): void {
		let cycles = 0;
		let ns = 0;
		for (const { parts } of threads) {
			for (const part of parts) {
				cycles += part.cycles;
				ns += part.cycles_ns;
			}
		}
		this.cycles?.learn(cycles, ns);
	}

	private sum<T>(map: { readonly name: string; readonly value: Struct<T> }, figure: (shard: T) => Count): Count {
		return this.bpf.shards(map).reduce((sum, shard) => sum + figure(shard), 0);
	}

	private takeLosses(): void {
		let records = 0;
		let time = 0;
		for (const shard of this.bpf.shards(maps.lost)) {
			records += shard.records;
			time += shard.cpu_ns;
		}
		this.ledger.lose(records - this.lostRecords, time - this.lostTime);
		this.lostRecords = records;
		this.lostTime = time;
	}

	private process(use: ProcessUse): ProcessInfo {
		use.shown ??= new Process(use, this.cgroups);
		return use.shown;
	}

	private task(use: ThreadUse): TaskInfo {
		use.shown ??= new Task(use, this.process(use.process));
		return use.shown;
	}
}
