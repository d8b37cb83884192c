/**
 * Run-queue latency: how long tasks that could run had to wait for a CPU, for the whole machine and per process, from
 * the scheduler's own stamps (bpf/runqlat.bpf.c). The kernel's figures count up for ever; intervals are differences.
 */
import { constants, maps, process_record, type process_waits, record_head, record_kind } from '../generated/runqlat.ts';
import { type Buckets, slotCount } from '../histogram.ts';
import { Counters, EPOCHS, Waits } from '../runqueue/waits.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import { type BpfSession, openBpf, viewOf } from './bpf-session.ts';
import {
	type BpfCost,
	type Column,
	type Host,
	type Reading,
	type Session,
	type Source,
	type Tracer,
	Unavailable,
} from './tracer.ts';

export interface RunqlatKey {
	kind: 'all' | 'process' | 'thread' | 'cgroup' | 'pidns' | 'cpu';
	/** pid, tid, cgroup id, namespace inode, CPU; 0 for `all`. */
	id: number;
	comm: SafeText;
	/** pid and start time for processes and threads. */
	start_time?: Ns;
}

export interface RunqlatRow {
	key: RunqlatKey;
	/** Times that a task of this key got a CPU after waiting for it. */
	count: Count;
	wait_ns: Ns;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
	count_total: Count;
	wait_ns_total: Ns;
}

/** A task that is runnable and not running at the moment of the read. */
export interface Waiting {
	pid: number;
	tid: number;
	comm: SafeText;
	cpu: number;
	age_ns: Ns;
}

export interface RunqlatExtra {
	/** Oldest first, at most 64; `waiting_count` is all of them. */
	waiting: Waiting[];
	waiting_count: Count;
}

const MAX_WAITING = 64;

/** How often all processes are read, so that one whose end was not reported does not stay: ns. */
const FULL_READ_EVERY: Ns = 10e9;

/** CPU_SUB_BITS and PROCESS_SUB_BITS of the C file. */
const CPU_SLOTS = slotCount(4);
const PROCESS_SLOTS = slotCount(2);

/** Uppermost half of READ_ALL of the C file. */
const READ_ALL = 2 ** 31;

interface Process {
	readonly pid: number;
	readonly start: Ns;
	comm: SafeText;
	readonly waits: Waits;
	/** By creation. More than one only around an exec by another thread than the leader. */
	readonly storages: Map<number, Counters>;
	ended: boolean;
	/** Number of the read that had it last. */
	read: number;
}

class RunqlatSession implements Session<RunqlatRow, RunqlatExtra> {
	private readonly bpf: BpfSession;
	private readonly source: Source;
	private readonly processes = new Map<string, Process>();
	private readonly cpus: { counters: Counters; waits: Waits }[];
	private readonly all = new Waits(CPU_SLOTS);
	/** The running interval. Not from 0: that is what words never written say. */
	private epoch = 8;
	private reads = 0;
	private sinceFullRead: Ns = 0;
	private ringFull: Count = 0;

	constructor(bpf: BpfSession) {
		this.bpf = bpf;
		this.source = {
			kind: 'sched_info',
			description: 'time between runnable and running of every task, by the stamps of the scheduler (its run_delay)',
			uncertainty: 'counts and sums exact; percentiles ±6.25 % system-wide and per CPU, ±25 % per process',
			hooks: [...bpf.hooks, 'iter/task'],
		};
		this.cpus = Array.from({ length: bpf.possibleCpus }, () => ({
			counters: new Counters(CPU_SLOTS),
			waits: new Waits(CPU_SLOTS),
		}));
		this.setEpoch(this.epoch, false);
	}

	read(dt: Ns, group: string): Reading<RunqlatRow, RunqlatExtra> {
		const ended = this.epoch;
		this.epoch = (this.epoch + 1) % EPOCHS;
		this.reads++;
		this.all.beginInterval();
		for (const process of this.processes.values()) process.waits.beginInterval();

		this.sinceFullRead += dt;
		const full = this.sinceFullRead >= FULL_READ_EVERY;
		if (full) this.sinceFullRead = 0;
		this.setEpoch(this.epoch, full);
		const lost = this.readCpus(ended);
		const waiting = this.readTasks(ended);
		// after the living: what ends meanwhile is then in the ring
		this.bpf.drain(maps.ended.name, (view, at) => this.takeEnded(view, at, ended));

		const rows = [
			{ key: { kind: 'all' as const, id: 0, comm: safe`all` }, ...this.all.figures() },
			...(group === 'cpu' ? this.cpuRows() : this.processRows()),
		];
		for (const [key, process] of this.processes) {
			if (process.ended || (full && process.read !== this.reads)) this.processes.delete(key);
		}
		return {
			rows,
			extra: {
				waiting: waiting.sort((a, b) => b.age_ns - a.age_ns).slice(0, MAX_WAITING),
				waiting_count: waiting.length,
			},
			source: this.source,
			lost,
		};
	}

	cost(): BpfCost {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}

	private setEpoch(epoch: number, readAll: boolean): void {
		const value = new Uint8Array(8);
		viewOf(value).setUint32(0, epoch, true);
		viewOf(value).setUint32(4, readAll ? READ_ALL : 0, true);
		this.bpf.object.update(maps.interval.name, new Uint8Array(4), value);
	}

	private readCpus(epoch: number): { process_unknown: Count; unstamped: Count; ended_processes: Count } {
		const lost = { process_unknown: 0, unstamped: 0, ended_processes: 0 };
		for (const [index, shard] of this.bpf.shards(maps.cpu_waits).entries()) {
			const { counters, waits } = this.cpus[index] as (typeof this.cpus)[number];
			const difference = counters.advance(shard.slots, shard.sum_ns);
			waits.beginInterval();
			waits.add(difference, shard.longest, epoch);
			this.all.add(difference, shard.longest, epoch);
			lost.process_unknown += shard.homeless;
			lost.unstamped += shard.unstamped;
			lost.ended_processes += shard.ring_full;
		}
		if (lost.ended_processes > this.ringFull) this.sinceFullRead = FULL_READ_EVERY;
		this.ringFull = lost.ended_processes;
		return lost;
	}

	/** Read processes and return the threads that wait. */
	private readTasks(epoch: number): Waiting[] {
		const view = this.bpf.iterate('read_tasks');
		const waiting: Waiting[] = [];
		for (let at = 0; at < view.byteLength; ) {
			const head = record_head.read(view, at);
			if (head.kind === record_kind.RECORD_PROCESS) {
				const { waits } = process_record.read(view, at);
				this.take(head, waits, epoch);
				at += process_record.size;
				continue;
			}
			if (head.kind === record_kind.RECORD_WAITING) {
				waiting.push({ pid: head.tgid, tid: head.tid, comm: sanitize(head.comm), cpu: head.cpu, age_ns: head.ns });
			}
			at += record_head.size;
		}
		return waiting;
	}

	private take(head: record_head, waits: process_waits, epoch: number): Process {
		const key = processKey(head);
		let process = this.processes.get(key);
		if (!process) {
			process = {
				pid: head.tgid,
				start: head.start,
				comm: sanitize(head.comm),
				waits: new Waits(PROCESS_SLOTS),
				storages: new Map(),
				ended: false,
				read: 0,
			};
			this.processes.set(key, process);
		}
		process.comm = sanitize(head.comm);
		process.read = this.reads;
		let counters = process.storages.get(waits.created);
		if (!counters) {
			counters = new Counters(PROCESS_SLOTS);
			process.storages.set(waits.created, counters);
		}
		process.waits.add(counters.advance(waits.slots, waits.sum_ns), waits.longest, epoch);
		return process;
	}

	/** A record of a leader that exits or is gone. */
	private takeEnded(view: DataView, at: number, epoch: number): void {
		const head = record_head.read(view, at);
		if (head.kind === record_kind.RECORD_GONE) {
			const process = this.processes.get(processKey(head));
			if (process) end(process, head, head.ns);
			return;
		}
		const { waits } = process_record.read(view, at);
		const process = this.take(head, waits, epoch);
		if (head.kind === record_kind.RECORD_LAST) end(process, head, waits.created);
	}

	private processRows(): RunqlatRow[] {
		const rows: RunqlatRow[] = [];
		for (const { pid, start, comm, waits, ended } of this.processes.values()) {
			if (waits.count === 0 && (ended || waits.count_total === 0)) continue;
			rows.push({ key: { kind: 'process', id: pid, comm, start_time: start }, ...waits.figures() });
		}
		return rows;
	}

	private cpuRows(): RunqlatRow[] {
		return this.cpus.flatMap(({ waits }, cpu) =>
			waits.count_total > 0 ? [{ key: { kind: 'cpu', id: cpu, comm: safe`cpu${cpu}` }, ...waits.figures() }] : [],
		);
	}
}

function processKey({ tgid, start }: record_head): string {
	return `${tgid}:${start}`;
}

/** A leader is gone: the process is, or it goes on with another thread as leader, which has a storage of its own. */
function end(process: Process, head: record_head, created: number): void {
	process.storages.delete(created);
	if (head.tid === head.tgid) process.ended = true;
}

const columns: readonly Column<RunqlatRow>[] = [
	{
		key: 'id',
		aliases: ['pid'],
		title: 'ID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process id (in the initial pid namespace) or CPU; 0 in the row of the whole machine.',
		value: (row) => row.key.id,
	},
	{
		key: 'rate',
		title: 'RUNS/s',
		kind: 'rate',
		width: 6,
		priority: 3,
		help: 'How often per second a task got a CPU (context switches to it).',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'wait_ns',
		title: 'WAIT',
		kind: 'ns',
		width: 7,
		priority: 0,
		help: 'All waiting that ended in the interval added up; more than the interval when several tasks waited.',
		value: (row) => row.wait_ns,
	},
	{
		key: 'mean_ns',
		aliases: ['wait.mean'],
		title: 'MEAN',
		kind: 'ns',
		width: 7,
		priority: 6,
		help: 'Mean wait for a CPU in the interval.',
		value: (row) => (row.count > 0 ? row.wait_ns / row.count : 0),
	},
	{
		key: 'p50_ns',
		aliases: ['wait.p50'],
		title: 'P50',
		kind: 'ns',
		width: 7,
		priority: 5,
		help: 'Half of the waits were shorter than this.',
		value: (row) => row.p50_ns,
	},
	{
		key: 'p99_ns',
		aliases: ['wait.p99'],
		title: 'P99',
		kind: 'ns',
		width: 7,
		priority: 2,
		help: '99 of 100 waits were shorter than this.',
		value: (row) => row.p99_ns,
	},
	{
		key: 'max_ns',
		aliases: ['wait.max'],
		title: 'MAX',
		kind: 'ns',
		width: 7,
		priority: 4,
		help: 'Longest wait that ended in the interval.',
		value: (row) => row.max_ns,
	},
	{
		key: 'wait_ns_total',
		title: 'TOTAL',
		kind: 'ns',
		width: 7,
		priority: 7,
		help: 'All waiting since wattlag started.',
		value: (row) => row.wait_ns_total,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		grow: true,
		priority: 1,
		help: 'Name of the process that waited (comm, at most 15 bytes).',
		value: (row) => row.key.comm,
	},
];

/** What the C file reads beyond what every kernel with BTF has. */
function checkKernel({ addon }: Host): void {
	if (!addon.hasMember('task_struct', 'bpf_storage')) {
		throw new Unavailable('this kernel keeps no storage for tasks (it came with Linux 5.11)', 'use a newer kernel');
	}
	if (!addon.hasMember('sched_info', 'last_queued')) {
		throw new Unavailable(
			'this kernel does not stamp waiting tasks (no sched_info)',
			'use a kernel built with CONFIG_TASK_DELAY_ACCT=y or CONFIG_SCHEDSTATS=y',
		);
	}
	if (!addon.hasMember('sched_entity', 'cfs_rq') || !addon.hasMember('cfs_rq', 'rq')) {
		throw new Unavailable(
			'the run queue of a task cannot be found on this kernel',
			'use a kernel built with CONFIG_FAIR_GROUP_SCHED=y',
		);
	}
}

export const runqlat: Tracer<RunqlatRow, RunqlatExtra> = {
	id: 'runqlat',
	title: 'Run queue',
	summary: 'how long tasks that could run waited for a CPU',
	columns,
	defaultSort: 'wait_ns',
	groups: ['process', 'cpu'],
	options: [],
	rowKey: ({ key }) => `${key.kind}:${key.id}:${key.start_time ?? ''}`,
	processOf: ({ key }) => (key.kind === 'process' ? `${key.id}:${key.start_time ?? ''}` : undefined),
	start(host: Host): Session<RunqlatRow, RunqlatExtra> {
		checkKernel(host);
		const bpf = openBpf(host, 'runqlat', {
			layout: constants,
			shards: [maps.cpu_waits.name],
			optional: ['executed', 'exited'],
			// every task has its storage before the first wait is measured: those that come later get theirs when born
			beforeAttach(program, object) {
				if (program === 'switched') object.iterate('read_tasks', new Uint8Array(0));
			},
		});
		try {
			return new RunqlatSession(bpf);
		} catch (error) {
			bpf.close();
			throw error;
		}
	},
};
