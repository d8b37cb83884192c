/** The usual reader (bpf/runqlat/runqlat.bpf.c): the scheduler's own stamps, histograms in task storage. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { openBpf, openWalking } from '../../bpf/load.ts';
import { filterSettings, type TaskFilter } from '../../bpf/task-filter.ts';
import type { BpfObject } from '../../core/native.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import {
	constants,
	interval_bit,
	maps,
	process_record,
	record_head,
	record_kind,
	setting,
	thread_record,
	waiting_record,
} from '../../generated/runqlat.ts';
import type { CpuWaits, Reader, Sink } from './reader.ts';

/** A bit of the settings' first word, whose upper half is put together here. */
const inUpperHalf = (bit: number): number => 2 ** (bit - interval_bit.GENERATION_SHIFT);

const READ_ALL = inUpperHalf(interval_bit.READ_ALL);
const WANT_THREADS = inUpperHalf(interval_bit.WANT_THREADS);
const GENERATIONS = inUpperHalf(interval_bit.FILTER_SHIFT);

/** A walk that was too long, or told too much, is not tried again for so many reads. */
const WALK_AGAIN = 16;

/** What the C file reads beyond what every kernel with BTF has: what of it this one lacks; undefined: nothing. */
export function missing({ addon }: Pick<Host, 'addon'>): string | undefined {
	if (!addon.hasMember('task_struct', 'bpf_storage')) return 'this kernel keeps no storage for tasks';
	if (!addon.hasMember('sched_info', 'last_queued')) return 'this kernel does not stamp waiting tasks';
	if (!addon.hasMember('sched_entity', 'cfs_rq') || !addon.hasMember('cfs_rq', 'rq'))
		return 'the run queue of a task cannot be found on this kernel';
	return addon.hasType('struct', 'bpf_iter__task') ? undefined : 'tasks cannot be listed on this kernel';
}

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
	/** As the kernel has them: nobody else writes them. */
	private readonly settings = new BigUint64Array(setting.SETTINGS);
	/** Bits of those that are on. */
	private filters = 0;
	private generation = 0;
	private epoch = 0;
	private wanted = 0;
	private readonly walks: boolean;
	/** Reads until a walk is tried again. */
	private pause = 0;

	/** @param systemOnly measure the machine and its CPUs, not the processes */
	constructor(host: Host, filter: TaskFilter, systemOnly = false) {
		const setFilter = (object: BpfObject): void => this.writeFilter(object, filter);
		const open = (walks: boolean): BpfSession =>
			openBpf(host, 'runqlat', {
				layout: constants,
				constants: { with_processes: !systemOnly },
				without: [...(systemOnly ? ['born', 'executed', 'exited', 'freed'] : []), ...(walks ? [] : ['walk_tasks'])],
				withoutMaps: walks ? [] : [maps.reports.name],
				shards: [maps.cpu_waits.name],
				optional: {
					executed: 'a process goes on under another id when a thread of it executes a program',
					exited: 'processes that live between two reads may be missing',
				},
				// every task has its storage before the first wait is measured: those that come later get theirs when born
				beforeAttach(program, object) {
					if (program !== 'switched') return;
					if (!systemOnly) object.iterate('read_tasks', new Uint8Array(0));
					setFilter(object);
				},
			});
		({ bpf: this.bpf, walks: this.walks, missing: this.missing } = openWalking(host.addon, open));
		this.hooks = [...this.bpf.hooks, this.walks ? 'syscall/walk_tasks' : 'iter/task'];
		this.possibleCpus = this.bpf.possibleCpus;
		this.uncertainty = systemOnly
			? 'counts exact; of a wait during which the task changed its CPU only the last part; percentiles ±6.25 %'
			: 'counts and sums exact; percentiles ±6.25 % system-wide and per CPU, ±25 % per process, thread and group';
	}

	begin(epoch: number, all: boolean, threads: boolean): void {
		const before = this.wanted;
		this.epoch = epoch;
		this.wanted = (all ? READ_ALL : 0) + (threads ? WANT_THREADS : 0);
		this.writeInterval(this.bpf.object);
		// storage for the threads of now; those to come get theirs when born
		if (threads && !(before & WANT_THREADS)) this.bpf.iterate('read_tasks');
	}

	setFilter(filter: TaskFilter): void {
		this.writeFilter(this.bpf.object, filter);
	}

	cpus(): readonly CpuWaits[] {
		return this.bpf.shards(maps.cpu_waits);
	}

	tasks(sink: Sink): void {
		if (!this.walk(sink)) {
			const view = this.bpf.iterate('read_tasks');
			for (let at = 0; at < view.byteLength; ) at += take(view, at, sink);
		}
		// after the living: what ends meanwhile is then in the ring
		this.bpf.drain(maps.ended.name, (record, at) => take(record, at, sink));
	}

	/** Where the kernel can, and nothing is asked for that only the iterator tells: threads, and with a filter who waits. */
	private walk(sink: Sink): boolean {
		if (!this.walks || this.filters > 0 || this.wanted & WANT_THREADS || this.pause-- > 0) return false;
		const complete = this.bpf.walk('walk_tasks');
		this.bpf.drain(maps.reports.name, (view, at) => {
			if (complete) take(view, at, sink);
		});
		this.pause = complete ? 0 : WALK_AGAIN;
		return complete;
	}

	cost(): BpfCost {
		return this.bpf.cost();
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

/** One record, of the iterator or the ring. Returns its length. */
function take(view: DataView, at: number, sink: Sink): number {
	const head = record_head.read(view, at);
	const { tgid: pid, tid, start, ns, voluntary, involuntary, comm, cpu } = head;
	switch (head.kind) {
		case record_kind.RECORD_PROCESS:
		case record_kind.RECORD_LAST: {
			const { process, cgroup, pidns_comm } = process_record.read(view, at);
			const { waits, created, pidns } = process;
			sink.process({ pid, start, comm, waits, created, voluntary, involuntary, cgroup, pidns, pidnsComm: pidns_comm });
			if (head.kind === record_kind.RECORD_LAST) sink.gone(pid, start, created, tid === pid);
			return process_record.size;
		}
		case record_kind.RECORD_THREAD: {
			const { waits } = thread_record.read(view, at);
			sink.thread({ pid, start, tid, threadStart: ns, comm, waits, voluntary, involuntary });
			return thread_record.size;
		}
		case record_kind.RECORD_SWITCHES:
			sink.switches(pid, start, ns, voluntary, involuntary);
			return record_head.size;
		case record_kind.RECORD_PRESENT:
			sink.present(pid, start);
			return record_head.size;
		case record_kind.RECORD_GONE:
			sink.gone(pid, start, ns, tid === pid);
			return record_head.size;
		default: {
			const { moved_ns, thread_start, running } = waiting_record.read(view, at);
			sink.waiting({ pid, tid, comm, cpu, age_ns: ns, running });
			if (moved_ns > 0) sink.moved(pid, start, moved_ns, { tid, start: thread_start });
			return waiting_record.size;
		}
	}
}
