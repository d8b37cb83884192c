/**
 * Who used how much CPU time: turns the kernel's counters of threads, alive and dead, into time per process and
 * interval, each nanosecond charged once. Pure: it is fed what was read and knows no kernel.
 *
 * A thread that ends is for some milliseconds neither among the living nor reported dead (an RCU grace period). Its
 * entry waits here until its last record comes; then what it used since the last scan is charged.
 */

import { sameName } from '../../../lib/decode.ts';
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
	/** Its counter as charged so far. */
	cpu_ns: Ns;
	irq_ns: Ns;
	cycles: Count;
	cycles_ns: Ns;
	parts: { -readonly [Key in keyof PartOfUse]: PartOfUse[Key] }[];
	alive: boolean;
	rawComm: Uint8Array;
	readonly process: Process;
	/** Number of the scan that saw it last. */
	scan: number;
	/** When it was last seen, or first found missing. */
	seen: Ns;
}

/** Records that were lost and are to be set against the threads that have gone without one. */
interface Loss {
	records: number;
	cpu_ns: Ns;
	at: Ns;
}

/** A thread that is missing for so long without any known loss is given up, so that nothing grows for ever. */
const GIVE_UP: Ns = 60e9;

export class CpuLedger {
	private readonly since: Ns;
	private readonly placement: Placement;
	/** With CPU time in this interval. */
	private active: Thread[] = [];
	/** By task: alive at the last scan. */
	private threads = new Map<number, Thread>();
	/** By task: missing, waiting for their record. More than one where the kernel used the memory again meanwhile. */
	private readonly leaving = new Map<number, Thread[]>();
	/** Alive, but on their way out. */
	private readonly exiting = new Set<Thread>();
	private readonly processes = new ProcessTable();
	/** By task: moves in this interval of threads that we have not met yet. */
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
	 * Begin to scan at the living; `observe` follows for each of them (or for those with news), then `endScan`.
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

	/** How many those are. */
	get size(): Count {
		return this.threads.size;
	}

	/**
	 * A thread that is alive. Is it known, and has not run since it was last seen? Then `observe` has nothing to add but a name
	 * or group that somebody else has given it.
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
			// same memory, other thread: the old one's record is still to come
			if (thread) this.miss(thread);
			thread = this.return(sample) ?? this.admit(sample);
			this.enter(thread);
		}
		this.charge(thread, sample);
		this.see(thread);
		if (sample.tid === sample.tgid) this.processes.describe(thread.process, sample);
	}

	/**
	 * All living have been seen, or all that could have ended: then the others rest.
	 * @param now ns since boot
	 */
	endScan(now: Ns, seen: 'all' | 'news' = 'all'): void {
		this.now = now;
		for (const thread of seen === 'all' ? this.threads.values() : this.exiting)
			if (thread.scan !== this.scan) this.miss(thread);
	}

	/**
	 * A thread that left a package, with its counter as it was then. All moves that are known come before `observe` and
	 * the like, in their order.
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

	/** A thread on its way out. Its last record, with its final time, is still to come. */
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

	/** What the interval brought that ended with the last scan. */
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

	/** The entry of a thread that has ended, wherever it waits. */
	private find(sample: ThreadSample): Thread | undefined {
		const living = this.threads.get(sample.task);
		if (living && isSame(living, sample)) return living;
		return this.leaving.get(sample.task)?.find((thread) => isSame(thread, sample));
	}

	private end(thread: Thread, sample: ThreadSample): void {
		this.charge(thread, sample);
		// the leader's name is the process's; another thread's serves until that is known
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
			rawComm: sample.comm.slice(),
			process,
			scan: 0,
			seen: this.now,
		};
		for (const move of this.moves.get(sample.task) ?? []) if (isSame(thread, move)) this.charge(thread, move);
		return thread;
	}

	/** A thread that was on its way out before any scan met it, and is there still: a zombie, or one with much to tear down. */
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

	/** Among the living. */
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
		if (!sameName(thread.rawComm, sample.comm)) thread.rawComm = sample.comm.slice();
		thread.process.cpu_ns += delta;
		thread.process.cpu_ns_total += delta;
	}

	/** It was alive and is so no more. */
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

	/** Set losses against threads that have gone without a record. What was not charged of their time has no owner: returned. */
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

/** Start times stay with a thread for life, but for an exec that makes it the leader. */
function isSame(thread: Thread, sample: ThreadSample): boolean {
	if (thread.start === sample.start) return true;
	const { pid, start } = thread.process;
	return sample.tid === pid && sample.start === start;
}
