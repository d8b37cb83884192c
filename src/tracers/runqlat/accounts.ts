/** Waits of the machine, CPUs, processes, threads, control groups and pid namespaces, from the records of a reader. */

import type { GroupNames } from '../../bpf/cgroups.ts';
import { Counters } from '../../bpf/latency.ts';
import { waits_layout } from '../../generated/runqlat.ts';
import { monotonicNs } from '../../lib/clock.ts';
import type { ForeignBytes } from '../../lib/decode.ts';
import { slotCount } from '../../lib/histogram.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import { taskName } from '../../lib/task-names.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { cgroupName } from '../../system/cgroup-name.ts';
import { type Account, account, addSwitches, OwnAccount, PROCESS_SLOTS, type Switches } from './account.ts';
import type {
	CpuWaits,
	GoneRecord,
	ProcessRecord,
	Reader,
	SwitchesRecord,
	TaskRecord,
	ThreadRecord,
	WaitingRecord,
} from './reader.ts';
import type { Waiting } from './snapshot.ts';
import { beginInterval, Tasks } from './tasks.ts';
import { advance, Waits } from './waits.ts';

const CPU_SLOTS = slotCount(waits_layout.CPU_SUB_BITS);

const NO_STORAGES: readonly Storage[] = [];

/** The kernel's counters of a process as of the last read. */
interface Storage {
	/** See {@link ProcessRecord.created}. */
	readonly created: number;
	readonly counters: Counters;
	readonly switches: Switches;
	wakes: Count;
}

class Process extends OwnAccount {
	/** Several only around an exec by a thread other than the leader. */
	storages: readonly Storage[] = NO_STORAGES;
	/** Key of its group in {@link Accounts.cgroups}; 0: not known. */
	cgroup = 0;
	pidns = 0;
}

class Thread extends OwnAccount {
	readonly counters = new Counters(PROCESS_SLOTS);
	readonly seen: Switches;

	constructor({ tid, threadStart, pid, comm, start, voluntary, involuntary }: ThreadRecord) {
		super(tid, threadStart, pid, taskName(comm).text, start);
		this.seen = { voluntary, involuntary };
	}
}

/** The name is decoded only where its bytes have changed. */
function rename(account: Account, comm: ForeignBytes): void {
	const name = taskName(comm, account.name);
	if (name === account.name) return;
	account.name = name;
	account.comm = name.text;
}

/** Growth of counters that may wrap at 2^32, which is added to `before`; 0 where they are older than that. */
function growth(now: Switches, before: Switches): Switches {
	const voluntary = Math.max(0, (now.voluntary - before.voluntary) | 0);
	const involuntary = Math.max(0, (now.involuntary - before.involuntary) | 0);
	before.voluntary += voluntary;
	before.involuntary += involuntary;
	return { voluntary, involuntary };
}

function storageOf({ storages }: Process, created: number): Storage | undefined {
	for (const storage of storages) if (storage.created === created) return storage;
	return undefined;
}

export class Accounts {
	readonly all = new Waits(CPU_SLOTS);
	readonly cpus: { counters: Counters; waits: Waits }[];
	readonly processes = new Tasks<Process>();
	readonly threads = new Tasks<Thread>();
	/**
	 * Control groups and pid namespaces have own totals instead of a fold of process rows (core/fold.ts): they include
	 * ended processes and the tasks without a row.
	 */
	readonly cgroups = new Map<number, Account>();
	/** Keys below 0 of groups that only v1 has, by path: {@link cgroups} has the others by the kernel's id. */
	private readonly v1 = new Map<SafeText, number>();
	readonly pidns = new Map<number, Account>();
	/** Names are sanitised for the listed ones only. */
	waitingNow: (Omit<Waiting, 'comm'> & { comm: ForeignBytes })[] = [];
	/** Threads that were out of budget at the read before, and its time. */
	private outOfBudget: { tids: ReadonlySet<number>; at: Ns } = { tids: new Set(), at: 0 };
	private readAt: Ns = 0;
	/** Processes that ended in this interval. */
	private ended: Process[] = [];
	/** Records of tasks beyond those with counters: their waits are in {@link all} only. */
	beyond: Count = 0;
	generation = 0;
	private lastV1 = 0;
	private readonly names: GroupNames;
	private reads = 0;
	private epoch = 0;
	/** Records of the running interval were taken. */
	private begun = false;

	constructor(possibleCpus: number, names: GroupNames) {
		this.names = names;
		this.cpus = Array.from({ length: possibleCpus }, () => ({
			counters: new Counters(CPU_SLOTS, Float64Array),
			waits: new Waits(CPU_SLOTS),
		}));
	}

	/** Short name of a control group. */
	cgroupName(id: number): SafeText {
		return cgroupName(this.names.path(id));
	}

	/** Read the interval `epoch`, which has ended. Returns the losses of the CPUs. */
	read(
		reader: Pick<Reader, 'cpus' | 'tasks'>,
		epoch: number,
	): { process_unknown: Count; unstamped: Count; ended_processes: Count } {
		this.begin(epoch);
		this.begun = false;
		this.readAt = monotonicNs();
		const lost = this.readCpus(reader.cpus());
		for (const record of reader.tasks()) this.take(record);
		return lost;
	}

	/** Counters that threads have from before the coming interval, as when they were displayed earlier: only what is added counts. */
	startFrom(records: Iterable<ThreadRecord>): void {
		for (const record of records)
			if (record.waits.sum_ns > 0) this.threadOf(record)?.counters.advance(record.waits.slots, record.waits.sum_ns);
	}

	/** In the middle of the interval `epoch`: take the tasks that have ended. */
	drain(reader: Pick<Reader, 'ended'>, epoch: number): void {
		if (!reader.ended) return;
		this.begin(epoch);
		for (const record of reader.ended()) this.take(record);
	}

	/** The first records after a read begin the next interval. */
	private begin(epoch: number): void {
		if (this.begun) return;
		this.begun = true;
		this.reads++;
		this.epoch = epoch;
		const out = this.waitingNow.filter(({ throttled }) => throttled);
		this.outOfBudget = { tids: new Set(out.map(({ tid }) => tid)), at: this.readAt };
		this.waitingNow = [];
		this.all.beginInterval();
		this.processes.beginInterval();
		this.threads.beginInterval();
		for (const groups of [this.cgroups, this.pidns]) for (const group of groups.values()) beginInterval(group);
	}

	/** Drop ended tasks. `full`: everything that this read did not find has ended. `threads`: threads are still measured. */
	sweep(full: boolean, threads: boolean): void {
		for (const process of this.ended) this.processes.delete(process);
		this.ended = [];
		if (full) for (const one of this.processes) if (one.read !== this.reads) this.processes.delete(one);
		if (!threads) this.threads.clear();
		// sleeping threads are not read: a thread is dropped with its process
		for (const one of this.threads) if (!this.processes.has(one.pid, one.processStart)) this.threads.delete(one);
		if (!full) return;
		const inUse = { cgroups: new Set<number>(), pidns: new Set<number>() };
		for (const { cgroup, pidns } of this.processes) {
			inUse.cgroups.add(cgroup);
			inUse.pidns.add(pidns);
		}
		for (const id of this.cgroups.keys()) if (!inUse.cgroups.has(id)) this.cgroups.delete(id);
		for (const [path, id] of this.v1) if (!this.cgroups.has(id)) this.v1.delete(path);
		for (const id of this.pidns.keys()) if (!inUse.pidns.has(id)) this.pidns.delete(id);
	}

	private take(record: TaskRecord): void {
		switch (record.kind) {
			case 'process':
				this.takeProcess(record);
				break;
			case 'thread':
				this.takeThread(record);
				break;
			case 'present': {
				const process = this.processes.find(record.pid, record.start);
				if (process) process.read = this.reads;
				break;
			}
			case 'switches':
				this.takeSwitches(record);
				break;
			case 'waiting':
				this.takeWaiting(record);
				break;
			case 'gone':
				this.takeGone(record);
				break;
		}
	}

	private takeProcess(record: ProcessRecord): void {
		const process = this.processOf(record);
		if (!process) return;
		rename(process, record.comm);
		process.read = this.reads;
		if (record.cgroup) process.cgroup = this.groupKey(record.cgroup, record);
		if (record.pidns) process.pidns = record.pidns;
		let storage = storageOf(process, record.created);
		if (!storage) {
			const { created } = record;
			const switches = { voluntary: 0, involuntary: 0 };
			storage = { created, counters: new Counters(PROCESS_SLOTS), switches, wakes: 0 };
			process.storages = [...process.storages, storage];
		}
		const difference = advance(storage.counters, record.waits, this.epoch);
		const { voluntary, involuntary } = growth(record, storage.switches);
		const wakes = record.wakes === undefined ? 0 : Math.max(0, (record.wakes - storage.wakes) | 0);
		storage.wakes = record.wakes ?? 0;
		for (const one of [process, this.cgroupOf(process), this.pidnsOf(process, record)]) {
			if (!one) continue;
			one.waits.grow(difference);
			if (difference.count > 0) one.generation = this.generation;
			addSwitches(one, voluntary, involuntary);
			one.wakes += wakes;
		}
		process.waits.moved_ns += record.moved_ns;
		if (record.gone) this.remove(process, record.created, record.gone.whole);
	}

	private takeThread(record: ThreadRecord): void {
		const thread = this.threadOf(record);
		if (!thread) return;
		rename(thread, record.comm);
		thread.read = this.reads;
		const difference = advance(thread.counters, record.waits, this.epoch);
		thread.waits.grow(difference);
		if (difference.count > 0) thread.generation = this.generation;
		const { voluntary, involuntary } = growth(record, thread.seen);
		addSwitches(thread, voluntary, involuntary);
	}

	private takeSwitches({ pid, start, created, voluntary, involuntary }: SwitchesRecord): void {
		const process = this.processes.get(pid, start);
		const storage = process && storageOf(process, created);
		if (!process || !storage) return;
		const grown = growth({ voluntary, involuntary }, storage.switches);
		for (const one of [process, this.cgroups.get(process.cgroup), this.pidns.get(process.pidns)])
			if (one) addSwitches(one, grown.voluntary, grown.involuntary);
	}

	private takeWaiting(record: WaitingRecord): void {
		const { pid, start, tid, threadStart, comm, cpu, age_ns, longer, runnable, running, moved_ns } = record;
		// a read may come when the budget is new and the task has not run yet: its wait so far was for that budget
		const before = this.outOfBudget.tids.has(tid) && age_ns > this.readAt - this.outOfBudget.at;
		const throttled = record.throttled || before;
		// of a saturated machine there are thousands
		this.waitingNow.push({ pid, tid, comm: comm.slice(), cpu, age_ns, longer, runnable, throttled, running });
		if (moved_ns === 0) return;
		const process = this.processes.get(pid, start);
		if (process) process.waits.moved_ns += moved_ns;
		const thread = this.threads.get(tid, threadStart, pid, start);
		if (thread) thread.waits.moved_ns += moved_ns;
	}

	private takeGone({ pid, start, created, whole }: GoneRecord): void {
		const process = this.processes.get(pid, start);
		if (process) this.remove(process, created, whole);
	}

	private remove(process: Process, created: number, whole: boolean): void {
		process.storages = process.storages.filter((storage) => storage.created !== created);
		if (!whole) return;
		process.ended = true;
		this.ended.push(process);
	}

	private readCpus(shards: readonly CpuWaits[]): { process_unknown: Count; unstamped: Count; ended_processes: Count } {
		const lost = { process_unknown: 0, unstamped: 0, ended_processes: 0 };
		for (const [index, shard] of shards.entries()) {
			const { counters, waits } = this.cpus[index] as (typeof this.cpus)[number];
			const difference = advance(counters, shard, this.epoch);
			waits.beginInterval();
			waits.grow(difference);
			this.all.grow(difference);
			lost.process_unknown += shard.untracked;
			lost.unstamped += shard.unstamped;
			lost.ended_processes += shard.ring_full;
		}
		return lost;
	}

	private processOf({ pid, start, comm }: ProcessRecord): Process | undefined {
		const known = this.processes.get(pid, start);
		if (known) return known;
		const process = new Process(pid, start, pid, taskName(comm).text);
		if (this.processes.add(process)) return process;
		this.beyond++;
		return undefined;
	}

	private threadOf(record: ThreadRecord): Thread | undefined {
		const known = this.threads.get(record.tid, record.threadStart, record.pid, record.start);
		if (known) return known;
		const thread = new Thread(record);
		if (this.threads.add(thread)) return thread;
		this.beyond++;
		return undefined;
	}

	/** A process in the root of the unified hierarchy may be in a group of v1. */
	private groupKey(id: number, { pid, start }: ProcessRecord): number {
		const path = this.names.pathOf(id, { pid, start });
		if (path === '/' || this.names.path(id) !== '/') return id;
		let key = this.v1.get(path);
		if (key === undefined) {
			key = --this.lastV1;
			this.v1.set(path, key);
			this.cgroups.set(key, account(key, 0, 0, cgroupName(path)));
		}
		return key;
	}

	/** The current control group of a process; undefined: not known. */
	private cgroupOf({ cgroup }: Process): Account | undefined {
		if (!cgroup) return undefined;
		let group = this.cgroups.get(cgroup);
		if (!group) {
			group = account(cgroup, 0, 0, this.cgroupName(cgroup));
			this.cgroups.set(cgroup, group);
		}
		return group;
	}

	/** The pid namespace of a process; undefined: not known. */
	private pidnsOf({ pidns, comm }: Process, { pidnsComm }: ProcessRecord): Account | undefined {
		if (!pidns) return undefined;
		let group = this.pidns.get(pidns);
		if (!group) {
			group = account(pidns, 0, 0, comm);
			this.pidns.set(pidns, group);
		}
		if (pidnsComm && pidnsComm[0] !== 0) rename(group, pidnsComm);
		return group;
	}
}
