/**
 * Processes that stand still within a request: a client is connected, no thread waits for its data, so a request is being
 * worked on, and yet nothing runs. Whether it worked before, what it waits for and who has that is read from the kernel; an
 * idle server waits for its clients and is none of these.
 */
import { monotonicNs } from '../../../../lib/clock.ts';
import { safe } from '../../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../../lib/units.ts';
import { CommandLines } from '../../../../system/command-lines.ts';
import { hasSocket } from '../../../../system/open-sockets.ts';
import type { Channel } from '../channels.ts';
import type { ProcessNow, TaskNow } from '../walk.ts';
import { isAsleep, switchesOf, youngest } from './asleep.ts';
import { Ends } from './ends.ts';
import { Families } from './families.ts';
import { STILL, type Standstill, type Still } from './standstill.ts';
import { WAITING_TITLE } from './titles.ts';
import { type Calls, type Moment, Waits } from './waits.ts';

/** Switches of a life from which on it has worked: what just started may still wait for its first job. */
const WORKED: Count = 5;
/**
 * Between two walks over files: at least, as a multiple of the CPU time that they took, and at most. By the clock, a walk on a machine whose
 * CPUs others use would be followed by half a minute in which nothing new is found.
 */
const PAUSE: Ns = 2e9;
const PAUSE_OF_COST = 100;
const PAUSE_MOST: Ns = 6e9;
/** Processes that are examined in one interval. */
const MOST: Count = 200;
const MOST_THREADS: Count = 256;
/** Processes that are asked for sockets in one interval. */
const MOST_ASKED: Count = 256;
/** Wake-ups per second that are no work, and of a process whose title says that it waits. */
const IDLE = 0.5;
const IDLE_BY_TITLE = 20;
interface Stop {
	at: Ns;
	switches: Count;
	/** Wake-ups per second that are no work. */
	idle: number;
}

interface Verdict {
	/** Of the process. */
	start: Ns;
	switches: Count;
	parent: number;
	still: Still | null;
	/** Of connections that no thread waits for: bytes so far, by inode, and since when. */
	bytes: ReadonlyMap<number, number>;
	at: Ns;
	/** The threads ran meanwhile, or it is to be confirmed by a second look. */
	again: boolean;
	/** Begin of a standstill: CLOCK_BOOTTIME, and the switches until then. */
	stop: Stop | null;
}

/** It does not stand still. */
const noVerdict = (process: ProcessNow): Verdict => ({
	start: process.start,
	switches: switchesOf(process),
	parent: process.parent,
	still: null,
	bytes: new Map(),
	at: monotonicNs(),
	again: false,
	stop: null,
});

const NO_CALLS: Calls = { calls: [], watched: new Set() };

export interface Sources {
	procRoot: string;
	channels(): Channel[];
	/** The process that changed a System V semaphore last; 0: not known. */
	semaphorePid?(id: number, number: number): number;
}

/** No work since? A wake-up now and then, for a signal or a look at the clock, is none: `idle` per second, and three at once. */
function lasts({ at, switches, idle }: Stop, now: Count, bootNs: Ns): boolean {
	return now - switches <= 3 + (idle * (bootNs - at)) / 1e9;
}

/** CPU time of this thread so far. */
function cpuNs(): Ns {
	const { user, system } = process.threadCpuUsage();
	return (user + system) * 1000;
}

/** Until the next walk over files. @param cost CPU time of the last one */
export function pauseAfter(cost: Ns): Ns {
	return Math.min(PAUSE_MOST, Math.max(PAUSE, cost * PAUSE_OF_COST));
}

/** Does a standstill go on? */
function isHeld({ still, stop }: Verdict, switches: Count, bootNs: Ns): boolean {
	return still !== null && stop !== null && lasts(stop, switches, bootNs);
}

export class StandstillFinder {
	private readonly sources: Sources;
	private readonly titles: CommandLines;
	/** By pid. */
	private verdicts = new Map<number, Verdict>();
	/** Processes whose title says that they wait, since when. */
	private waiting = new Map<string, Stop>();
	private nextWalk: Ns = 0;
	/** As of the last walk over files. */
	private ends: Ends | undefined;
	private readonly waits: Waits;
	private readonly families: Families;

	constructor(sources: Sources) {
		this.sources = sources;
		this.titles = new CommandLines(sources.procRoot, 900);
		this.waits = new Waits(sources.procRoot, this.titles, sources.semaphorePid);
		this.families = new Families(this.waits, this.titles);
	}

	/** At the end of an interval. `bootNs` is CLOCK_BOOTTIME now. */
	find(processes: ReadonlyMap<number, ProcessNow>, bootNs: Ns, own: number): Standstill[] {
		const now = monotonicNs();
		const verdicts = new Map<number, Verdict>();
		const open: ProcessNow[] = [];
		const waiting = new Map<string, Stop>();
		this.titles.begin(2e6);
		for (const process of processes.values()) {
			if (process.pid === own || process.tasks.length > MOST_THREADS) continue;
			const key = process.pid;
			const resting = this.verdicts.get(key);
			if (process.rests && resting?.start === process.start && !resting.again && resting.still === null) {
				verdicts.set(key, resting);
				continue;
			}
			const switches = switchesOf(process);
			if (switches < WORKED) continue;
			const before = resting?.start === process.start ? resting : undefined;
			const goesOn = before !== undefined && isHeld(before, switches, bootNs);
			if (!goesOn && !isAsleep(process)) {
				const title = `${process.pid}:${process.start}`;
				const stop = this.saysWaiting(process, title, switches, bootNs);
				if (!stop) continue;
				waiting.set(title, stop);
				if (bootNs - stop.at >= STILL) open.push(process);
				continue;
			}
			if (before && (goesOn || before.switches === switches)) verdicts.set(key, before);
			if (!before || before.again || (goesOn ? now - before.at >= PAUSE : before.switches !== switches))
				open.push(process);
		}
		this.waiting = waiting;
		// of more than are examined, those that have just stopped
		if (open.length > MOST) open.sort((one, other) => youngest(one) - youngest(other));
		const suspects = now >= this.nextWalk ? this.withSockets(open, verdicts) : [];
		if (suspects.length > 0) {
			const begun = cpuNs();
			this.ends = new Ends(this.sources.channels());
			this.titles.begin(4e6);
			for (const process of suspects) {
				const before = this.verdicts.get(process.pid);
				const same = before?.start === process.start ? before : undefined;
				verdicts.set(process.pid, this.judge(process, { processes, ends: this.ends }, bootNs, same));
			}
			this.nextWalk = monotonicNs() + pauseAfter(cpuNs() - begun);
		}
		this.verdicts = verdicts;
		for (const verdict of verdicts.values()) {
			const process = verdict.still && processes.get(verdict.still.pid);
			if (verdict.still && process && verdict.stop)
				verdict.still = { ...verdict.still, asleep_ns: bootNs - verdict.stop.at };
		}
		return this.standing(processes);
	}

	/** Those that may be servers. The others have no client: they are judged without a walk over the files of all processes. */
	private withSockets(open: readonly ProcessNow[], verdicts: Map<number, Verdict>): ProcessNow[] {
		const suspects: ProcessNow[] = [];
		for (const process of open.slice(0, MOST_ASKED)) {
			if (suspects.length === MOST) break;
			if (hasSocket(this.sources.procRoot, process.pid)) suspects.push(process);
			else verdicts.set(process.pid, noVerdict(process));
		}
		return suspects;
	}

	private standing(processes: ReadonlyMap<number, ProcessNow>): Standstill[] {
		const stills: { still: Still; parent: number }[] = [];
		for (const { still, parent } of this.verdicts.values()) if (still) stills.push({ still, parent });
		return stills.length > 0 && this.ends ? this.families.of(stills, { processes, ends: this.ends }) : [];
	}

	/**
	 * A session whose title says that it waits, and that wakes a few times a second: of many that wait for one row each looks again
	 * whenever the row changes hands.
	 */
	private saysWaiting(process: ProcessNow, key: string, switches: Count, bootNs: Ns): Stop | undefined {
		const [task, second] = process.tasks;
		if (
			!task ||
			second ||
			task.state !== 'S' ||
			!(task.reason === 'poll' || task.reason === 'semaphore' || task.reason === 'futex')
		)
			return undefined;
		const title = this.titles.of({ pid: process.pid, start: process.start }, process.comm);
		if (!WAITING_TITLE.test(title)) return undefined;
		const before = this.waiting.get(key);
		return before && lasts(before, switches, bootNs) ? before : { at: bootNs, switches, idle: IDLE_BY_TITLE };
	}

	private judge(process: ProcessNow, moment: Moment, bootNs: Ns, before: Verdict | undefined): Verdict {
		const { processes, ends } = moment;
		const { pid, start, tasks } = process;
		const verdict = noVerdict(process);
		const held = before && isHeld(before, verdict.switches, bootNs) ? before : undefined;
		const paused = tasks.every(({ state }) => state === 'T');
		// one that is paused accepts none: those that wait for it are its clients as well
		const served = ends.of(pid).filter((channel) => ends.serves(channel) || (paused && channel.pending > 0));
		if (served.length === 0) return { ...verdict, again: paused && ends.of(pid).some(({ listens }) => listens) };
		const calls: Calls | undefined = paused ? NO_CALLS : this.waits.callsOf(process);
		// proc does not always answer; what was found of the same sleep is still true
		if (!calls) return held ? { ...held, again: true } : { ...verdict, again: true };
		// a limit of time ends the wait without anybody
		const limited = calls.calls.every((call) => call.timed && call.kind !== 'futex');
		if (limited && !paused) return verdict;
		const stuck = served.filter(
			(channel) => !calls.watched.has(channel.fd) && !this.waits.isServedElsewhere(channel, moment),
		);
		if (stuck.length === 0) return verdict;
		verdict.bytes = new Map(stuck.map(({ inode, bytes }) => [inode, bytes]));
		// of several threads none says which connection it works for: nothing may have moved between two looks
		if (tasks.length > 1 && !paused) {
			const moved = stuck.filter(({ inode, bytes }) => before?.bytes.get(inode) !== bytes);
			if (moved.length === stuck.length) return { ...verdict, again: true };
		}
		verdict.stop = held?.stop ??
			this.waiting.get(`${pid}:${start}`) ?? { at: bootNs - youngest(process), switches: verdict.switches, idle: IDLE };
		const asleep_ns = bootNs - verdict.stop.at;
		const task: TaskNow = this.waits.mainOf(process, calls);
		const clients = new Map<number, ProcessNow>();
		const remote: string[] = [];
		for (const channel of stuck) {
			const others = (channel.listens ? ends.waitingAt(channel) : ends.others(channel)).flatMap(
				(one) => processes.get(one) ?? [],
			);
			for (const other of others) clients.set(other.pid, other);
			if (channel.kind !== 'tcp') continue;
			const unknown = channel.listens ? Math.max(0, channel.pending - others.length) : Number(others.length === 0);
			for (let count = 0; count < unknown; count++) remote.push(channel.remote);
		}
		const waits = paused ? null : this.waits.waitsFor(process, task, calls, moment);
		verdict.still = {
			pid,
			start_time: start,
			comm: process.comm,
			title: this.titles.of({ pid, start }, process.comm),
			asleep_ns,
			state: task.state,
			reason: paused ? 'stopped' : (task.reason ?? 'other'),
			wchan: task.wchan,
			rate: verdict.stop.switches / Math.max(0.1, (bootNs - start - asleep_ns) / 1e9),
			clients: [...clients.values()].map(({ pid, comm }) => ({ pid, comm })),
			remote,
			behind: waits?.party ?? null,
			address: waits?.address ?? '',
			forEvent: waits?.forEvent ?? false,
			note: waits?.note ?? safe``,
		};
		return verdict;
	}
}
