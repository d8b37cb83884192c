/** The usual reader (bpf/runqlat/runqlat.bpf.c): the scheduler's own stamps, histograms in task storage. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { delaysDequeues } from '../../bpf/delayed-dequeue.ts';
import { openBpf, openWalking } from '../../bpf/load.ts';
import { eventRing, walkRing } from '../../bpf/rings.ts';
import { filterSettings, type TaskFilter } from '../../bpf/task-filter.ts';
import { WalkRetries } from '../../bpf/walk-retries.ts';
import type { BpfObject } from '../../core/native.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import {
	constants,
	counted_program,
	few_record,
	few_slots,
	interval_bit,
	maps,
	process_record,
	process_record_cursor,
	record_head,
	record_head_cursor,
	record_kind,
	setting,
	thread_record,
	thread_record_cursor,
	waiting_flag,
	waiting_record,
	waiting_record_cursor,
} from '../../generated/runqlat.ts';
import type { ForeignBytes } from '../../lib/decode.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import { PROCESS_SLOTS } from './account.ts';
import type {
	CpuWaits,
	GoneRecord,
	KernelWaits,
	PresentRecord,
	ProcessRecord,
	Reader,
	SwitchesRecord,
	TaskRecord,
	ThreadRecord,
} from './reader.ts';

/** A bit of the settings' first word, whose upper half is put together here. */
const inUpperHalf = (bit: number): number => 2 ** (bit - interval_bit.GENERATION_SHIFT);

const READ_ALL = inUpperHalf(interval_bit.READ_ALL);
const WANT_THREADS = inUpperHalf(interval_bit.WANT_THREADS);
const OLD_STAMPS = inUpperHalf(interval_bit.OLD_STAMPS);
const GENERATIONS = inUpperHalf(interval_bit.FILTER_SHIFT);

/** What the scheduler's figures mean, so that they are not compared with those of another definition. */
const LIMITS =
	'a wake-up that finds its CPU idle counts as 0 ns (the clock of the queue stands still until the switch); waits for a new period of a CPU quota or of SCHED_DEADLINE are included';

/** What the C file reads beyond what every kernel with BTF has: what of it this one lacks; undefined: nothing. */
export function missing({ addon }: Pick<Host, 'addon'>): string | undefined {
	if (!addon.hasMember('task_struct', 'bpf_storage')) return 'this kernel has no task storage';
	if (!addon.hasMember('sched_info', 'last_queued')) return 'this kernel does not stamp waiting tasks';
	if (!addon.hasMember('sched_entity', 'cfs_rq') || !addon.hasMember('cfs_rq', 'rq'))
		return 'the run queue of a task cannot be found on this kernel';
	return addon.hasType('struct', 'bpf_iter__task') ? undefined : 'tasks cannot be listed on this kernel';
}

/** As in bpf/runqlat/records.bpf.h: for larger machines. */
const ENDED_BYTES: Bytes = 2 << 20;
const REPORTS_BYTES: Bytes = 4 << 20;

export class StorageReader implements Reader {
	readonly kind = 'sched_info';
	readonly description =
		'time between runnable and running of every task, by the stamps of the scheduler (its run_delay)';
	readonly uncertainty: string;
	readonly hasThreads = true;
	readonly hooks: readonly string[];
	readonly missing: readonly string[];
	readonly possibleCpus: number;
	private readonly bpf: BpfSession;
	/** The kernel's copy is the same: only this reader writes it. */
	private readonly settings = new BigUint64Array(setting.SETTINGS);
	/** Bits of the active filters. */
	private filters = 0;
	private generation = 0;
	private epoch = 0;
	private wanted = 0;
	private readonly walks: boolean;
	private readonly retries = new WalkRetries();

	/** @param systemOnly measure the machine and its CPUs, not the processes */
	constructor(host: Host, filter: TaskFilter, systemOnly = false) {
		const delays = delaysDequeues(host);
		const setFilter = (object: BpfObject): void => this.writeFilter(object, filter);
		const open = (walks: boolean): BpfSession =>
			openBpf(host, 'runqlat', {
				layout: constants,
				counted: counted_program,
				constants: { with_processes: !systemOnly },
				without: [
					...(systemOnly ? ['born', 'executed', 'exited', 'freed'] : []),
					...(walks ? [] : ['walk_tasks']),
					...(delays ? [] : ['migrated']),
				],
				withoutMaps: walks ? [] : [maps.reports.name],
				maxEntries: {
					[maps.ended.name]: eventRing(host.cpus, ENDED_BYTES),
					...(walks && {
						[maps.reports.name]: walkRing(host.procRoot, process_record.size, REPORTS_BYTES / 8, REPORTS_BYTES),
					}),
				},
				shards: [maps.cpu_waits.name],
				optional: {
					executed: 'a process goes on under another id when a thread of it executes a program',
					exited: 'processes that live between two reads may be missing',
				},
				// every task has its storage before the first wait is measured: those that come later get theirs when born;
				// stamps of before `migrated` are marked, since nothing shows the void ones among them
				beforeAttach: (program, object) => {
					if (program !== 'switched') return;
					this.wanted = delays ? OLD_STAMPS : 0;
					this.writeInterval(object);
					if (!systemOnly || delays) object.iterate('read_tasks', new Uint8Array(0));
					this.wanted = 0;
					setFilter(object);
				},
			});
		({ bpf: this.bpf, walks: this.walks, missing: this.missing } = openWalking(host.addon, open));
		this.hooks = [...this.bpf.hooks, this.walks ? 'syscall/walk_tasks' : 'iter/task'];
		this.possibleCpus = this.bpf.possibleCpus;
		this.uncertainty = systemOnly
			? `counts exact; of a wait during which the task changed its CPU only the last part; percentiles ±6.25 %; ${LIMITS}`
			: `counts and sums exact against the kernel's run_delay, less \`unstamped\` waits; percentiles ±6.25 % system-wide and per CPU, ±25 % per process, thread and group; ${LIMITS}`;
	}

	begin(epoch: number, all: boolean, threads: boolean): Iterable<ThreadRecord> {
		const begins = threads && !(this.wanted & WANT_THREADS);
		this.epoch = epoch;
		const known = begins ? this.readThreads() : undefined;
		this.wanted = (all ? READ_ALL : 0) + (threads ? WANT_THREADS : 0);
		this.writeInterval(this.bpf.object);
		return known ? threadsIn(known) : [];
	}

	/** All threads, which get storage where they have none; later ones get theirs when they are created. */
	private readThreads(): DataView {
		this.wanted = READ_ALL + WANT_THREADS;
		this.writeInterval(this.bpf.object);
		return this.bpf.iterate('read_tasks');
	}

	setFilter(filter: TaskFilter): void {
		this.writeFilter(this.bpf.object, filter);
	}

	cpus(): readonly CpuWaits[] {
		return this.bpf.shards(maps.cpu_waits);
	}

	*tasks(): Generator<TaskRecord, void> {
		if (this.walk()) {
			yield* this.bpf.records(maps.reports.name, recordAt);
		} else {
			const view = this.bpf.iterate('read_tasks');
			for (let at = 0; at < view.byteLength; at += sizeAt(view, at)) yield recordAt(view, at);
		}
		// after the living: a task that ends meanwhile is in the ring then
		yield* this.ended();
	}

	ended(): Generator<TaskRecord, void> {
		return this.bpf.records(maps.ended.name, recordAt);
	}

	/**
	 * Walk all tasks, where the kernel can and nothing is asked for that only the iterator reports: threads, and waiting
	 * tasks under a filter. False: the iterator has to read.
	 */
	private walk(): boolean {
		if (!this.walks || this.filters > 0 || this.wanted & WANT_THREADS || !this.retries.next()) return false;
		return this.retries.ended(this.bpf.walk('walk_tasks', maps.reports.name));
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	/** Values before the word that says which of them count. */
	private writeFilter(object: BpfObject, filter: TaskFilter): void {
		const { on, values } = filterSettings(filter);
		for (const [index, value] of values) this.settings[index] = value;
		this.writeSettings(object);
		this.filters = on * inUpperHalf(interval_bit.FILTER_SHIFT);
		this.generation = (this.generation + 1) % GENERATIONS;
		this.writeInterval(object);
	}

	private writeInterval(object: BpfObject): void {
		const high = this.wanted + this.filters + this.generation;
		this.settings[setting.SETTING_INTERVAL] =
			(BigInt(high) << BigInt(interval_bit.GENERATION_SHIFT)) | BigInt(this.epoch);
		this.writeSettings(object);
	}

	private writeSettings(object: BpfObject): void {
		object.update('.data.settings', new Uint8Array(4), new Uint8Array(this.settings.buffer));
	}
}

function* threadsIn(view: DataView): Generator<ThreadRecord, void> {
	for (let at = 0; at < view.byteLength; at += sizeAt(view, at)) {
		const record = recordAt(view, at);
		if (record.kind === 'thread') yield record;
	}
}

/** Bytes of the record of the iterator at `at`. */
function sizeAt(view: DataView, at: number): number {
	switch (kindAt(view, at)) {
		case record_kind.RECORD_PROCESS:
		case record_kind.RECORD_LAST:
			return process_record.size;
		case record_kind.RECORD_THREAD:
			return thread_record.size;
		case record_kind.RECORD_WAITING:
			return waiting_record.size;
		default:
			return record_head.size;
	}
}

function kindAt(view: DataView, at: number): number {
	// the first member of every record
	return view.getUint32(at, true);
}

/** A record of a process in place. */
class ProcessInPlace implements ProcessRecord {
	readonly kind = 'process';
	readonly moved_ns = 0;
	private readonly record = new process_record_cursor();

	moveTo(view: DataView, at: number): this {
		this.record.moveTo(view, at);
		return this;
	}

	get pid(): number {
		return this.record.head.tgid;
	}

	get start(): Ns {
		return this.record.head.start;
	}

	get comm(): ForeignBytes {
		return this.record.head.comm;
	}

	get waits(): KernelWaits {
		return this.record.process.waits;
	}

	get created(): number {
		return this.record.process.created;
	}

	get voluntary(): Count {
		return this.record.head.voluntary;
	}

	get involuntary(): Count {
		return this.record.head.involuntary;
	}

	get wakes(): Count {
		return this.record.process.wakes;
	}

	get cgroup(): number {
		return this.record.cgroup;
	}

	get pidns(): number {
		return this.record.process.pidns;
	}

	get pidnsComm(): ForeignBytes {
		return this.record.pidns_comm;
	}

	get gone(): ProcessRecord['gone'] {
		const { kind, tid, tgid } = this.record.head;
		return kind === record_kind.RECORD_LAST ? { whole: tid === tgid } : null;
	}
}

/** A record of a thread in place. */
class ThreadInPlace implements ThreadRecord {
	readonly kind = 'thread';
	private readonly record = new thread_record_cursor();

	moveTo(view: DataView, at: number): this {
		this.record.moveTo(view, at);
		return this;
	}

	get pid(): number {
		return this.record.head.tgid;
	}

	get start(): Ns {
		return this.record.head.start;
	}

	get tid(): number {
		return this.record.head.tid;
	}

	get threadStart(): Ns {
		return this.record.head.ns;
	}

	get comm(): ForeignBytes {
		return this.record.head.comm;
	}

	get waits(): KernelWaits {
		return this.record.waits;
	}

	get voluntary(): Count {
		return this.record.head.voluntary;
	}

	get involuntary(): Count {
		return this.record.head.involuntary;
	}
}

/** A record without counters in place. */
class HeadInPlace<Kind extends 'present' | 'switches' | 'gone'> {
	readonly kind: Kind;
	private readonly head = new record_head_cursor();

	constructor(kind: Kind) {
		this.kind = kind;
	}

	moveTo(view: DataView, at: number): this {
		this.head.moveTo(view, at);
		return this;
	}

	get pid(): number {
		return this.head.tgid;
	}

	get start(): Ns {
		return this.head.start;
	}

	get created(): number {
		return this.head.ns;
	}

	get voluntary(): Count {
		return this.head.voluntary;
	}

	get involuntary(): Count {
		return this.head.involuntary;
	}

	get whole(): boolean {
		return this.head.tid === this.head.tgid;
	}
}

/** Histogram of the small record that was decoded last, valid until the next one. */
const few = new Uint32Array(PROCESS_SLOTS);

function spread({ slots, filled }: few_record): Uint32Array {
	few.fill(0);
	for (const word of slots.subarray(0, filled))
		few[word >>> few_slots.FEW_SLOT_SHIFT] = word & (2 ** few_slots.FEW_SLOT_SHIFT - 1);
	return few;
}

/** Of a process that has ended. */
function fewAt(view: DataView, at: number): ProcessRecord {
	const record = few_record.read(view, at);
	const { head, created, wakes, cgroup, pidns, pidns_comm, sum_ns, longest } = record;
	const { tgid: pid, start, comm, voluntary, involuntary } = head;
	return {
		kind: 'process',
		pid,
		start,
		comm,
		waits: { sum_ns, longest, slots: spread(record) },
		created,
		voluntary,
		involuntary,
		wakes,
		cgroup,
		pidns,
		pidnsComm: pidns_comm,
		moved_ns: 0,
		gone: record.is_last ? { whole: head.tid === pid } : null,
	};
}

const ofProcess = new ProcessInPlace();
const ofThread = new ThreadInPlace();
const waiting = new waiting_record_cursor();
const present = new HeadInPlace('present') satisfies PresentRecord;
const switches = new HeadInPlace('switches') satisfies SwitchesRecord;
const gone = new HeadInPlace('gone') satisfies GoneRecord;

/** A record of the iterator or a ring, valid until the next one. */
function recordAt(view: DataView, at: number): TaskRecord {
	switch (kindAt(view, at)) {
		case record_kind.RECORD_PROCESS:
		case record_kind.RECORD_LAST:
			return ofProcess.moveTo(view, at);
		case record_kind.RECORD_FEW:
			return fewAt(view, at);
		case record_kind.RECORD_THREAD:
			return ofThread.moveTo(view, at);
		case record_kind.RECORD_WAITING: {
			const { head, moved_ns, thread_start: threadStart, running, flags } = waiting.moveTo(view, at);
			const { tgid: pid, start, tid, comm, cpu, ns: age_ns } = head;
			const longer = (flags & waiting_flag.WAITING_LONGER) !== 0;
			const runnable = (flags & waiting_flag.WAITING_SLEEPY) === 0;
			const throttled = (flags & waiting_flag.WAITING_THROTTLED) !== 0;
			return {
				kind: 'waiting',
				pid,
				start,
				tid,
				threadStart,
				comm,
				cpu,
				age_ns,
				longer,
				runnable,
				throttled,
				running,
				moved_ns,
			};
		}
		case record_kind.RECORD_SWITCHES:
			return switches.moveTo(view, at);
		case record_kind.RECORD_PRESENT:
			return present.moveTo(view, at);
		default:
			return gone.moveTo(view, at);
	}
}
