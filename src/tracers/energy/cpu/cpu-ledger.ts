/**
 * From the kernel's counters of threads, alive and ended, to CPU time per process and interval. Each nanosecond is charged
 * once. Pure: samples come from the caller.
 *
 * An ending thread is for some milliseconds (an RCU grace period) neither in a scan nor reported as ended. Its entry stays
 * here until its last record arrives; then its time since the last scan is charged.
 */

import { type TaskName, taskName } from '../../../lib/task-names.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { type Process, ProcessTable } from './process-table.ts';
import {
	GRACE,
	type LedgerInterval,
	type PartOfUse,
	type Placement,
	type ProcessUse,
	type ThreadSample,
	type ThreadUse,
} from './thread-use.ts';

const anywhere: Placement = { packageOf: () => 0, speedOf: () => 1 };

interface Thread extends ThreadUse {
	readonly task: number;
	tid: number;
	start: Ns;
	/** Its counter, as far as it is charged. */
	cpu_ns: Ns;
	irq_ns: Ns;
	cycles: Count;
	cycles_ns: Ns;
	parts: { -readonly [Key in keyof PartOfUse]: PartOfUse[Key] }[];
	alive: boolean;
	name: TaskName;
	readonly process: Process;
	/** Number of the last scan that found it. */
	scan: number;
	/** Time at which it was first seen, or found missing, ns since boot. */
	seen: Ns;
}

/** Lost records, to be matched with threads that are missing without one. */
interface Loss {
	records: number;
	cpu_ns: Ns;
	at: Ns;
}

/** A thread that is missing for this long without a known loss is dropped, so that memory is bounded. */
const GIVE_UP: Ns = 60e9;

export class CpuLedger {
	private readonly since: Ns;
	private readonly placement: Placement;
	/** With CPU time in this interval. */
	private active: Thread[] = [];
	/** By task: alive at the last scan. */
	private threads = new Map<number, Thread>();
	/** By task: missing until their record arrives. Several where the kernel has reused the memory. */
	private readonly leaving = new Map<number, Thread[]>();
	/** Alive, but exiting. */
	private readonly exiting = new Set<Thread>();
	private readonly processes = new ProcessTable();
	/** By task: moves in this interval of threads that are not known yet. */
	private readonly moves = new Map<number, ThreadSample[]>();
	private losses: Loss[] = [];
	private scan = 0;
	private now: Ns;
	private unfinished: Count = 0;
	/** The interval was handed out: what comes next begins another one. */
	private taken = true;
	/** Of the interval, see {@link LedgerInterval}. */
	private interrupted: Ns = 0;

	/** @param since threads that started later are charged in full, the others from their first scan on; ns since boot */
	constructor(since: Ns, placement: Placement = anywhere) {
		this.since = since;
		this.placement = placement;
		this.now = since;
	}

	/**
	 * Begin a scan; `observe` follows for each thread alive (or each with news), then `endScan`.
	 * @param now ns since boot
	 */
	beginScan(now: Ns = this.now): void {
		this.begin(now);
		this.scan++;
	}

	/**
	 * Before events are taken at `now`, ns since boot: the first ones after {@link interval} begin the next interval, be they
	 * those of a scan or earlier ones. A time before the last one does not count.
	 */
	begin(now: Ns): void {
		this.now = Math.max(this.now, now);
		if (!this.taken) return;
		this.taken = false;
		for (const thread of this.active) {
			thread.parts = [];
			thread.process.cpu_ns = 0;
		}
		this.processes.begin();
		this.moves.clear();
		this.active = [];
		this.interrupted = 0;
	}

	/** The threads alive at the last scan. */
	living(): Iterable<ThreadUse> {
		return this.threads.values();
	}

	/** Their number. */
	get size(): Count {
		return this.threads.size;
	}

	/**
	 * Is a thread alive that is known and has not run since the last scan? Then `observe` would only add a name or group that
	 * another process has set.
	 */
	isIdle(task: number, start: Ns, cpu_ns: Ns): boolean {
		const thread = this.threads.get(task);
		if (thread === undefined || thread.start !== start) return false;
		this.see(thread);
		return thread.cpu_ns === cpu_ns;
	}

	/** A thread that is alive. */
	observe(sample: ThreadSample): void {
		let thread = this.threads.get(sample.task);
		if (thread === undefined || !isSame(thread, sample)) {
			// same memory, other thread: the record of the old one is still to come
			if (thread) this.miss(thread);
			thread = this.return(sample) ?? this.admit(sample);
			this.enter(thread);
		}
		this.charge(thread, sample);
		this.see(thread);
		if (sample.tid === sample.tgid) this.processes.describe(thread.process, sample);
	}

	/**
	 * End a scan of all threads, or (`news`) of all that may have ended: the others are idle.
	 * @param now ns since boot
	 */
	endScan(now: Ns, seen: 'all' | 'news' = 'all'): void {
		this.now = now;
		for (const thread of seen === 'all' ? this.threads.values() : this.exiting)
			if (thread.scan !== this.scan) this.miss(thread);
	}

	/**
	 * A thread has left a package, with this counter. All known moves precede `observe` and the like, in order.
	 */
	move(sample: ThreadSample): void {
		const thread = this.find(sample);
		if (thread) {
			this.charge(thread, sample);
			return;
		}
		const others = this.moves.get(sample.task);
		if (others) others.push(sample);
		else this.moves.set(sample.task, [sample]);
	}

	/** A thread is exiting. Its last record, with its final time, is still to come. */
	exit(sample: ThreadSample): void {
		let thread = this.find(sample);
		if (!thread) {
			thread = this.admit(sample);
			this.await(thread);
		} else if (this.threads.get(sample.task) === thread) {
			this.exiting.add(thread);
		}
		this.end(thread, sample);
	}

	/** A thread's last record. */
	recordExit(sample: ThreadSample): void {
		const thread = this.find(sample) ?? this.admit(sample);
		if (this.threads.get(sample.task) === thread) this.leave(thread);
		else this.clearMissing(thread);
		thread.process.entries--;
		thread.alive = false;
		this.end(thread, sample);
	}

	/** Records were lost, with this much CPU time of whole threads in them. */
	lose(records: number, cpu_ns: Ns): void {
		if (records > 0) this.losses.push({ records, cpu_ns, at: this.now });
	}

	/** The interval that ended with the last scan. */
	interval(): LedgerInterval {
		const unattributed_ns = this.settle();
		this.taken = true;
		const { processes, now } = this;
		return {
			get processes(): ProcessUse[] {
				return processes.listed();
			},
			...processes.take(now),
			threads: this.active,
			unattributed_ns,
			interrupted_ns: this.interrupted,
			unfinished: this.unfinished,
		};
	}

	/** The entry of a thread, alive or missing. */
	private find(sample: ThreadSample): Thread | undefined {
		const living = this.threads.get(sample.task);
		if (living && isSame(living, sample)) return living;
		return this.leaving.get(sample.task)?.find((thread) => isSame(thread, sample));
	}

	private end(thread: Thread, sample: ThreadSample): void {
		this.charge(thread, sample);
		// the leader's name is the process's; another thread's name serves until it is known
		if (sample.tid !== sample.tgid) return;
		this.processes.describe(thread.process, sample);
		thread.process.leaderGone = true;
	}

	/** A thread seen for the first time. */
	private admit(sample: ThreadSample): Thread {
		const process = this.processes.of(sample, this.now);
		process.entries++;
		const old = sample.start <= this.since;
		const thread: Thread = {
			task: sample.task,
			tid: sample.tid,
			start: sample.start,
			cpu_ns: old ? sample.cpu_ns : 0,
			irq_ns: old ? sample.irq_ns : 0,
			cycles: old ? sample.cycles : 0,
			cycles_ns: old ? sample.cycles_ns : 0,
			parts: [],
			alive: true,
			name: taskName(sample.comm),
			process,
			scan: 0,
			seen: this.now,
		};
		for (const move of this.moves.get(sample.task) ?? []) if (isSame(thread, move)) this.charge(thread, move);
		return thread;
	}

	/** A thread that was exiting before any scan found it, and still exists: a zombie, or one with much to tear down. */
	private return(sample: ThreadSample): Thread | undefined {
		const thread = this.leaving.get(sample.task)?.find((one) => isSame(one, sample));
		if (!thread) return undefined;
		this.clearMissing(thread);
		this.exiting.add(thread);
		return thread;
	}

	/** Seen alive at this scan. */
	private see(thread: Thread): void {
		const { process } = thread;
		thread.scan = this.scan;
		if (thread.tid === process.pid) process.leaderGone = false;
	}

	/** Add to the threads alive. */
	private enter(thread: Thread): void {
		this.threads.set(thread.task, thread);
		this.processes.enter(thread.process);
	}

	private leave(thread: Thread): void {
		this.threads.delete(thread.task);
		this.exiting.delete(thread);
		this.processes.leave(thread.process, this.now);
	}

	private charge(thread: Thread, sample: ThreadSample): void {
		const delta = sample.cpu_ns - thread.cpu_ns;
		thread.tid = sample.tid;
		thread.start = sample.start;
		if (delta <= 0) return;
		const irq = Math.max(0, sample.irq_ns - thread.irq_ns);
		const cycles = sample.cycles - thread.cycles;
		const cycles_ns = sample.cycles_ns - thread.cycles_ns;
		const counted = cycles > 0 && cycles_ns > 0;
		const work =
			Math.max(0, delta - irq) * this.placement.speedOf(sample.cpu, counted ? cycles / cycles_ns : undefined);
		if (thread.parts.length === 0) this.active.push(thread);
		const part = partOf(thread, this.placement.packageOf(sample.cpu));
		part.used_ns += delta;
		part.work += work;
		thread.cpu_ns = sample.cpu_ns;
		thread.irq_ns += irq;
		this.interrupted += Math.min(delta, irq);
		if (counted) {
			part.cycles += cycles;
			part.cycles_ns += cycles_ns;
			thread.cycles = sample.cycles;
			thread.cycles_ns = sample.cycles_ns;
		}
		thread.name = taskName(sample.comm, thread.name);
		thread.process.cpu_ns += delta;
		thread.process.cpu_ns_total += delta;
	}

	/** It was alive and is missing now. */
	private miss(thread: Thread): void {
		this.leave(thread);
		this.await(thread);
	}

	/** Wait for its last record. */
	private await(thread: Thread): void {
		thread.seen = this.now;
		if (thread.tid === thread.process.pid) thread.process.leaderGone = true;
		const others = this.leaving.get(thread.task);
		if (others) others.push(thread);
		else this.leaving.set(thread.task, [thread]);
	}

	private clearMissing(thread: Thread): void {
		const rest = (this.leaving.get(thread.task) ?? []).filter((other) => other !== thread);
		if (rest.length > 0) this.leaving.set(thread.task, rest);
		else this.leaving.delete(thread.task);
	}

	/** Match losses with threads that are missing without a record. Returns their time that was not charged. */
	private settle(): Ns {
		const due = this.losses.filter((loss) => this.now - loss.at > GRACE);
		this.losses = this.losses.filter((loss) => this.now - loss.at <= GRACE);
		let records = due.reduce((sum, loss) => sum + loss.records, 0);
		let cpu = due.reduce((sum, loss) => sum + loss.cpu_ns, 0);
		for (const thread of [...this.leaving.values()].flat()) {
			if (this.now - thread.seen <= (records > 0 ? GRACE : GIVE_UP)) continue;
			if (records > 0) {
				records--;
				cpu -= thread.cpu_ns;
			} else {
				this.unfinished++;
			}
			this.clearMissing(thread);
			thread.process.entries--;
		}
		return Math.max(0, cpu);
	}
}

function partOf(thread: Thread, packageIndex: number): Thread['parts'][number] {
	let part = thread.parts.find((other) => other.packageIndex === packageIndex);
	if (part === undefined) {
		part = { packageIndex, used_ns: 0, work: 0, cycles: 0, cycles_ns: 0 };
		thread.parts.push(part);
	}
	return part;
}

/** A thread keeps its start time, except for an exec that makes it the leader. */
function isSame(thread: Thread, sample: ThreadSample): boolean {
	if (thread.start === sample.start) return true;
	const { pid, start } = thread.process;
	return sample.tid === pid && sample.start === start;
}
