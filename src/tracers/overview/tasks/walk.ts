/** All user-space tasks at one moment: state, reason of sleep, memory; and their sockets and pipes. bpf/overview/overview.bpf.c */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { openBpf, openWalking } from '../../../bpf/load.ts';
import { walkRing } from '../../../bpf/rings.ts';
import { displacedSleepers, waitedOptions } from '../../../bpf/run-delay.ts';
import { WalkRetries } from '../../../bpf/walk-retries.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import { maps, task_record, task_record_cursor, task_rests } from '../../../generated/overview.ts';
import { monotonicNs } from '../../../lib/clock.ts';
import { viewOf } from '../../../lib/decode.ts';
import { pageSize } from '../../../lib/page-size.ts';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { type TaskName, taskName } from '../../../lib/task-names.ts';
import type { Bytes, Count, Ns } from '../../../lib/units.ts';
import { KernelFunctions } from '../../../symbols/kernel-functions.ts';
import { type Channel, channelsOf } from './channels.ts';
import { reasonOf, type SleepReason, sleepFunctions } from './reasons.ts';

/** R: runnable; S, D: asleep, D uninterruptibly; T: stopped; t: traced; I: idle; Z: ended, not waited for by its parent. */
export type StateLetter = 'R' | 'S' | 'D' | 'T' | 't' | 'I' | 'Z' | 'X';

export interface TaskNow {
	tid: number;
	comm: SafeText;
	state: StateLetter;
	/** Since it last ran; 0: it is runnable. */
	asleep_ns: Ns;
	/** Switches away from it so far; those because it slept. */
	switches: Count;
	sleeps: Count;
	cpu_ns: Ns;
	/** Waits for a CPU so far, without its sleep (bpf/lib/run-delay.bpf.h). */
	delay_ns: Ns;
	/** Of a sleeping task. */
	reason: SleepReason | null;
	/** The function by which the reason is known; empty: none. */
	wchan: SafeText;
	/** It has not run since the last walk; absent: it has, or is new. */
	rests?: boolean;
}

export interface ProcessNow {
	pid: number;
	/** ns since boot. */
	start: Ns;
	comm: SafeText;
	/** 0: outside of this machine's view. */
	parent: number;
	threads: Count;
	/** −20 to 19. */
	nice: number;
	/** Its policy is SCHED_DEADLINE: with its budget used up it waits for its next period, not for a CPU. */
	deadline: boolean;
	/** Resident: the kernel's own counters, exact to 32 pages per CPU. */
	rss_bytes: Bytes;
	swap_bytes: Bytes;
	/** Since its start. */
	minor_faults: Count;
	major_faults: Count;
	/** Its living threads, the first one as a rule first; of a process that has ended its first one, until its parent has waited. */
	tasks: TaskNow[];
	/** None of its threads has run, begun or ended since the last walk; absent: one has. */
	rests?: boolean;
}

const PAGE: Bytes = pageSize();
const SCHED_DEADLINE = 6;

const letters: readonly (readonly [bit: number, letter: StateLetter])[] = [
	[0x402, 'I'],
	[0x2, 'D'],
	[0x4, 'T'],
	[0x8, 't'],
	[0x1, 'S'],
];

/** As proc has it: the idle state is a sleep that does not count as load. */
export function stateLetter(state: number, exit: number): StateLetter {
	if (exit & 0x20) return 'Z';
	if (exit & 0x10) return 'X';
	if (state === 0) return 'R';
	for (let index = 0; index < letters.length; index++) {
		const [bits, letter] = letters[index] as (typeof letters)[number];
		if ((state & bits) === bits) return letter;
	}
	return 'S';
}

/** It is not waited for, or being removed. */
export function hasEnded({ state }: Pick<TaskNow, 'state'>): boolean {
	return state === 'Z' || state === 'X';
}

interface Sleep {
	switches: Count;
	reason: SleepReason;
	wchan: SafeText;
}

/** The walk so far, which all threads share: what rests is as it was, but for the time. */
interface Walked {
	number: number;
	/** CLOCK_MONOTONIC. */
	at: Ns;
}

/** A thread, from walk to walk. Its time asleep grows by itself. */
class Thread implements TaskNow {
	tid = 0;
	comm: SafeText = safe``;
	state: StateLetter = 'R';
	switches: Count = 0;
	sleeps: Count = 0;
	cpu_ns: Ns = 0;
	delay_ns: Ns = 0;
	reason: SleepReason | null = null;
	wchan: SafeText = safe``;
	private readonly walked: Walked;
	/** CLOCK_MONOTONIC of its last run; NaN: it is runnable. */
	private since: Ns = Number.NaN;
	/** The last walk before which it ran. */
	private ran = 0;

	constructor(walked: Walked) {
		this.walked = walked;
	}

	/** @param rests it has not run since the walk before */
	set(asleep_ns: Ns, rests: boolean): void {
		this.since = asleep_ns > 0 ? this.walked.at - asleep_ns : Number.NaN;
		if (!rests) this.ran = this.walked.number;
	}

	get asleep_ns(): Ns {
		return this.since <= this.walked.at ? this.walked.at - this.since : 0;
	}

	get rests(): boolean {
		return this.ran !== this.walked.number;
	}
}

/** A process, from walk to walk. */
class Process implements ProcessNow {
	readonly pid: number;
	readonly start: Ns;
	comm: SafeText = safe``;
	parent = 0;
	threads: Count = 0;
	nice = 0;
	deadline = false;
	rss_bytes: Bytes = 0;
	swap_bytes: Bytes = 0;
	minor_faults: Count = 0;
	major_faults: Count = 0;
	tasks: Thread[] = [];
	private readonly walked: Walked;
	private ran = 0;

	constructor(walked: Walked, pid: number, start: Ns) {
		this.walked = walked;
		this.pid = pid;
		this.start = start;
	}

	/** One of its threads has run, begun or ended. */
	touch(): void {
		this.ran = this.walked.number;
	}

	get rests(): boolean {
		return this.ran !== this.walked.number;
	}
}

/** What is kept of a thread beside what is reported of it. */
interface Kept {
	task: Thread;
	process: Process;
	name: TaskName;
	/** Of an earlier or the present sleep. */
	sleep: Sleep | undefined;
	/** Page faults that the process has from it. */
	minor: Count;
	major: Count;
	/** The last walk that found it by itself. */
	walk: number;
}

/**
 * Ids of threads in the order of a walk, and what is kept of them. An iterator goes by the ids of the namespace, a walk by the begin of
 * processes and of their threads: in both, threads keep their order, and new ones may come anywhere between.
 */
interface Threads {
	tids: Int32Array;
	kept: Kept[];
	length: number;
}

const noThreads = (): Threads => ({ tids: new Int32Array(1024), kept: [], length: 0 });

/** Threads that rest and are reported whole in a walk, about: more of them if they are few. */
const WHOLE = 32;
const WHOLE_EVERY = { least: 16, most: 64 };
/** Of the ring of a walk: room for most threads whole, of few; for a tenth of many. */
const RING = { record: 64, least: 1 << 17, most: 1 << 20 };

const WALK = 'walk_at_once';
const ITERATOR = 'walk_tasks';

function open(host: Host): { bpf: BpfSession; walks: boolean } {
	const waited = waitedOptions(host);
	return openWalking(host.addon, (walks) =>
		openBpf(host, 'overview', {
			...waited,
			layout: {},
			without: [...waited.without, ...(walks ? [] : [WALK])],
			withoutMaps: [...waited.withoutMaps, ...(walks ? [] : [maps.reports.name])],
			...(walks && {
				maxEntries: { [maps.reports.name]: walkRing(host.procRoot, RING.record, RING.least, RING.most) },
			}),
		}),
	);
}

/** A read of all tasks that is being taken: threads before `from` in the order of the last one have been passed. */
interface Taking {
	from: number;
	ended: Kept[];
	/** Each record is of one thread, in an order that may be any. */
	apart: boolean;
	/** The records are not in the order of the last read. */
	disordered: boolean;
}

export class TaskWalk {
	private readonly bpf: BpfSession;
	readonly functions = new KernelFunctions();
	private readonly kept = new Map<number, Kept>();
	private readonly record = new task_record_cursor();
	/** Those of the last walk, and the lists that the next one fills. */
	private order = noThreads();
	private spare = noThreads();
	/** The last read was a walk, not an iterator: its order is another one. */
	private byWalk = false;
	private readonly canWalk: boolean;
	private readonly retries = new WalkRetries();
	private readonly walked: Walked = { number: 0, at: 0 };
	private readonly found = new Map<number, Process>();
	/** Page faults of threads that have ended, by pid, until the record of the leader has them. */
	private readonly ended = new Map<number, { minor: Count; major: Count }>();
	private walks = 0;
	private first = true;
	/** Resolves when kernel functions are known, or cannot be. */
	readonly ready: Promise<boolean>;

	/** @throws {Unavailable} where the kernel refuses iterators */
	constructor(host: Host) {
		const { bpf, walks } = open(host);
		this.bpf = bpf;
		this.canWalk = walks;
		this.ready = this.functions.load(host.procRoot, sleepFunctions);
	}

	/**
	 * Every process. The map and what is in it are the same objects in every walk, changed in place: of threads that rest the kernel
	 * reports how many follow each other.
	 */
	read(): ReadonlyMap<number, ProcessNow> {
		const begun = monotonicNs();
		// a tenth of a second more: time asleep is short by the interrupts meanwhile
		const window = this.walks > 0 && this.functions.ready ? begun - this.walked.at + 1e8 : 0;
		if (this.functions.ready) this.walks++;
		this.walked.at = begun;
		this.walked.number++;
		// makes the kernel update the clock of this CPU, by which times asleep are measured
		process.cpuUsage();
		let walks = this.canWalk && window > 0 && this.retries.next();
		for (let apart = walks !== this.byWalk; ; apart = true) {
			const taken = this.take(walks, window, apart);
			if (taken === 'complete') break;
			if (taken === 'incomplete') {
				this.retries.ended(false);
				walks = false;
			}
		}
		if (walks) this.retries.ended(true);
		this.byWalk = walks;
		return this.found;
	}

	/**
	 * One read of all tasks. Nothing is dropped unless it is complete. `disordered`: several neighbours have ended, or the order is not that
	 * of the last read; it is to be repeated apart.
	 */
	private take(walks: boolean, window: Ns, apart: boolean): 'complete' | 'incomplete' | 'disordered' {
		this.request(window, apart);
		const taking: Taking = { from: 0, ended: [], apart, disordered: false };
		this.spare.length = 0;
		if (walks) {
			if (!this.bpf.walk(WALK, maps.reports.name)) return 'incomplete';
			this.bpf.drain(maps.reports.name, (view, at) => this.takeRecord(view, at, taking));
		} else {
			const view = this.bpf.iterate(ITERATOR);
			for (let at = 0; at + task_rests.size <= view.byteLength && !taking.disordered; )
				at = this.takeRecord(view, at, taking);
		}
		if (taking.disordered) return 'disordered';
		this.finish(taking);
		return 'complete';
	}

	private request(window: Ns, apart: boolean): void {
		const every = Math.min(WHOLE_EVERY.most, Math.max(WHOLE_EVERY.least, Math.round(this.kept.size / WHOLE)));
		const request = new Uint8Array(maps.request.value.size);
		const words = [Math.round(window), this.first ? 1 : 0, this.walked.number, every, apart ? 1 : 0];
		words.forEach((word, index) => {
			viewOf(request).setBigUint64(index * 8, BigInt(word), true);
		});
		this.first = false;
		this.bpf.object.update(maps.request.name, new Uint8Array(4), request);
	}

	/** All pipes and connected sockets that processes have open. */
	channels(): Channel[] {
		return channelsOf(this.bpf.iterate('walk_files'));
	}

	displaced(): Count {
		return displacedSleepers(this.bpf);
	}

	get hooks(): readonly string[] {
		return this.bpf.hooks;
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	/** One thread, or several that rest. Returns where the record ends. */
	private takeRecord(view: DataView, at: number, taking: Taking): number {
		if (taking.disordered) return at;
		// its tgid
		if (view.getUint32(at, true) === 0) {
			if (!this.takeRow(view, at, taking)) taking.disordered = true;
			return at + task_rests.size;
		}
		const tid = view.getUint32(at + task_record.at.tid, true);
		const before = this.kept.get(tid);
		const end = this.takeTask(view, at);
		const kept = this.kept.get(tid) as Kept;
		// a new one was not in the last order
		if (!taking.apart && kept === before) {
			const index = this.indexFrom(taking.from, tid);
			if (index < 0) taking.disordered = true;
			else {
				this.endBefore(index, taking);
				taking.from = index + 1;
			}
		}
		append(this.spare, tid, kept);
		return end;
	}

	/** Threads in a row that rest: the same as in the last read. False: they are not. */
	private takeRow(view: DataView, at: number, taking: Taking): boolean {
		const first = this.kept.get(view.getUint32(at + task_rests.at.first, true));
		// what has not been seen is reported whole, unless the last read missed it: then it is new when it runs
		if (!first) return taking.apart;
		const { order, spare } = this;
		if (taking.apart) {
			first.walk = this.walked.number;
			append(spare, first.task.tid, first);
			return true;
		}
		const from = this.indexFrom(taking.from, first.task.tid);
		if (from < 0) return false;
		const last = view.getUint32(at + task_rests.at.last, true);
		const count = view.getUint32(at + task_rests.at.count, true);
		let [to, known] = [from, 0];
		while (to < order.length && to <= from + count) {
			const tid = order.tids[to++] as number;
			known += tid;
			if (tid === last) break;
		}
		const missing = known - Number(view.getBigUint64(at + task_rests.at.sum, true));
		// one that has ended is known by the sum
		if (order.tids[to - 1] !== last || to - from !== count + (missing > 0 ? 1 : 0)) return false;
		this.endBefore(from, taking);
		for (let index = from; index < to; index++) {
			const kept = order.kept[index] as Kept;
			if (order.tids[index] === missing) taking.ended.push(kept);
			else append(spare, order.tids[index] as number, kept);
		}
		taking.from = to;
		return true;
	}

	/** Index of a thread in the order of the last read, from one on: mostly that one. -1: it is not there. */
	private indexFrom(from: number, tid: number): number {
		const { tids, length } = this.order;
		for (let index = from; index < length; index++) if (tids[index] === tid) return index;
		return -1;
	}

	/** Threads of the last read before this index that have not been taken have ended. */
	private endBefore(index: number, taking: Taking): void {
		while (taking.from < index) taking.ended.push(this.order.kept[taking.from++] as Kept);
	}

	/** Drops what has ended, and keeps the order for the next read. */
	private finish(taking: Taking): void {
		const { order, spare } = this;
		if (taking.apart) {
			for (const kept of this.kept.values()) if (kept.walk !== this.walked.number) taking.ended.push(kept);
		} else this.endBefore(order.length, taking);
		this.drop(taking.ended);
		// those that ended are not held on to
		spare.kept.length = spare.length;
		[this.order, this.spare] = [spare, order];
	}

	/** A record with its stack. Returns where it ends. */
	private takeTask(view: DataView, at: number): number {
		const record = this.record.moveTo(view, at);
		const stack = at + task_record.size;
		const { tgid, tid, start } = record;
		let kept = this.kept.get(tid);
		if (kept && (kept.process.pid !== tgid || kept.process.start !== start)) {
			this.drop([kept]);
			kept = undefined;
		}
		const name = taskName(record.comm, kept?.name);
		const process = this.processOf(record, name.text);
		const ended = tid === tgid ? this.ended.get(tgid) : undefined;
		process.minor_faults += record.minor_faults - (kept?.minor ?? 0) - (ended?.minor ?? 0);
		process.major_faults += record.major_faults - (kept?.major ?? 0) - (ended?.major ?? 0);
		if (ended) this.ended.delete(tgid);
		const sleep = record.asleep_ns > 0 ? this.sleepOf(record, view, stack, kept?.sleep) : undefined;
		// one that was moved asleep has the clock of another CPU: by its switches it has slept since the last read
		const slept = kept !== undefined && kept.task.asleep_ns > 0 && record.asleep_ns > 0;
		const same = slept && kept?.task.switches === record.switches;
		const gone = record.exit_state !== 0;
		const stays = gone && kept !== undefined && hasEnded(kept.task);
		const rests = kept !== undefined && (record.unchanged !== 0 || same || stays);
		const asleep_ns = same ? Math.max(record.asleep_ns, kept?.task.asleep_ns ?? 0) : record.asleep_ns;
		if (!rests) process.touch();
		const [minor, major, walk] = [record.minor_faults, record.major_faults, this.walked.number];
		const task = kept?.task ?? new Thread(this.walked);
		task.tid = tid;
		task.comm = name.text;
		task.state = stateLetter(record.state, record.exit_state);
		task.switches = record.switches;
		task.sleeps = record.sleeps;
		task.cpu_ns = record.cpu_ns;
		task.delay_ns = record.waited_ns;
		task.reason = sleep?.reason ?? null;
		task.wchan = sleep?.wchan ?? safe``;
		task.set(asleep_ns, rests);
		if (kept) {
			kept.name = name;
			kept.sleep = sleep;
			kept.minor = minor;
			kept.major = major;
			kept.walk = walk;
		} else {
			process.tasks.push(task);
			this.kept.set(tid, { task, process, name, sleep, minor, major, walk });
		}
		if (tid === tgid) listFirst(process, task, !gone || record.threads === 1);
		return stack + record.frames * 8;
	}

	/** The process of a record, with what the record says of it. */
	private processOf(record: task_record, name: SafeText): Process {
		const { tgid, tid, start } = record;
		let process = this.found.get(tgid);
		if (!process || process.start !== start) {
			process = new Process(this.walked, tgid, start);
			if (tid !== tgid) process.comm = name;
			this.found.set(tgid, process);
		}
		if (tid === tgid) {
			process.comm = name;
			process.nice = record.priority - 120;
			process.deadline = record.policy === SCHED_DEADLINE;
		}
		process.parent = record.parent;
		process.threads = record.threads;
		// a thread that has ended has given its memory back; the others may have it still
		if (record.exit_state === 0 || record.threads === 1) {
			process.rss_bytes = record.rss_pages * PAGE;
			process.swap_bytes = record.swap_pages * PAGE;
		}
		return process;
	}

	/** Those of one process together: a process may have thousands of threads, which end with it. */
	private drop(ended: readonly Kept[]): void {
		const processes = new Map<Process, { tasks: Set<Thread>; minor: Count; major: Count }>();
		for (const kept of ended) {
			const { process, task, minor, major } = kept;
			if (this.kept.get(task.tid) !== kept) continue;
			this.kept.delete(task.tid);
			const gone = processes.get(process) ?? { tasks: new Set(), minor: 0, major: 0 };
			gone.tasks.add(task);
			gone.minor += minor;
			gone.major += major;
			processes.set(process, gone);
		}
		for (const [process, { tasks, minor, major }] of processes) {
			process.tasks = process.tasks.filter((one) => !tasks.has(one));
			process.touch();
			const { pid } = process;
			const first = this.kept.get(pid);
			if (process.tasks.length === 0 && first?.process === process) process.tasks.push(first.task);
			if (process.tasks.length === 0) {
				if (this.found.get(pid) === process) this.found.delete(pid);
				this.ended.delete(pid);
				continue;
			}
			// the kernel adds them to those of the process, which the leader's next whole record has
			const before = this.ended.get(pid) ?? { minor: 0, major: 0 };
			this.ended.set(pid, { minor: before.minor + minor, major: before.major + major });
		}
	}

	private sleepOf(
		{ switches, frames, unchanged }: Pick<task_record, 'switches' | 'frames' | 'unchanged'>,
		view: DataView,
		stack: number,
		before: Sleep | undefined,
	): Sleep {
		if (before && this.walks > 1 && (before.switches === switches || unchanged !== 0)) return before;
		let reason: SleepReason | undefined;
		let wchan = '';
		// outermost first: the first known function is the reason, the innermost one of the same reason its name
		for (let frame = frames - 1; frame >= 0; frame--) {
			const name = this.functions.at(view.getUint32(stack + frame * 8, true));
			if (name === undefined) continue;
			reason ??= reasonOf(name);
			if (reasonOf(name) === reason) wchan = name;
		}
		return { switches, reason: reason ?? 'other', wchan: wchan as SafeText };
	}
}

/** The first thread may end before the others, and stays until they have ended: it says nothing of them. */
function listFirst(process: Process, first: Thread, listed: boolean): void {
	if (process.tasks.includes(first) === listed) return;
	process.tasks = listed ? [first, ...process.tasks] : process.tasks.filter((one) => one !== first);
	process.touch();
}

function append(list: Threads, tid: number, kept: Kept): void {
	if (list.length === list.tids.length) {
		const more = new Int32Array(list.length * 2);
		more.set(list.tids);
		list.tids = more;
	}
	list.tids[list.length] = tid;
	list.kept[list.length++] = kept;
}
