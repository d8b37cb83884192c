/**
 * Processes that stand still within a request: a client is connected, no thread waits for its data, so a request is being
 * worked on, and yet nothing runs. Whether it worked before, what it waits for and who has that is read from the kernel; an
 * idle server waits for its clients and is none of these.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicNs } from '../../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { type BlockedCall, blockedCall, mutexOwner } from '../../../system/blocked-calls.ts';
import { CommandLines } from '../../../system/command-lines.ts';
import { parseLocks } from '../../../system/file-locks.ts';
import type { SleepReason } from './reasons.ts';
import type { Channel, ProcessNow, TaskNow } from './walk.ts';

/** Asleep for so long, it stands still; ns. */
export const STILL: Ns = 2e9;
/** Switches of a life from which on it has worked: what just started may still wait for its first job. */
const WORKED: Count = 5;
/** Between two walks over files at least, and as a multiple of their cost. */
const PAUSE: Ns = 2e9;
const PAUSE_OF_COST = 100;
/** Processes that are looked at in one interval. */
const MOST: Count = 200;
const MOST_THREADS: Count = 256;
/** Wake-ups per second that are no work, and of a process whose title says that it waits. */
const IDLE = 0.5;
const IDLE_BY_TITLE = 20;
/** Last runs so close to each other belong together, ns. */
const TOGETHER: Ns = 25e7;

/** A process that others wait for, or that is at the other end. */
export interface Party {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	/** Its command line or title. */
	title: SafeText;
	/** A thread of the waiting process itself; 0: another process. */
	tid: number;
	/** How it is known. */
	by: readonly SafeText[];
	/** Why it sleeps; null: it does not. */
	reason: SleepReason | null;
	asleep_ns: Ns;
	/** Its own client, for whose data it waits. */
	client: { pid: number; comm: SafeText } | null;
}

/** One process that stands still. */
export interface Still {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	title: SafeText;
	asleep_ns: Ns;
	/** Kernel's letter. */
	state: string;
	reason: SleepReason;
	wchan: SafeText;
	/** Runs per second before. */
	rate: number;
	clients: readonly { pid: number; comm: SafeText }[];
	/** Clients on other machines, as text. */
	remote: readonly string[];
	/** Known by a file lock, a mutex, a pipe or a socket. */
	behind: Party | null;
	/** An address on another machine that it waits for. */
	address: string;
	/** It waits for a signal or an event of another process: no file tells which. */
	forEvent: boolean;
}

/** Processes of one name and parent that stand still for the same reason. */
export interface Standstill {
	comm: SafeText;
	/** pid of their parent. */
	parent: number;
	/** Longest asleep first. */
	still: readonly [Still, ...Still[]];
	/** Processes of that name and parent. */
	family: Count;
	behind: Party | null;
	/** Further processes that may be the one, by the same evidence. */
	others: Count;
}

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

/** All ends of channels at one moment. */
class Ends {
	readonly of = new Map<number, Channel[]>();
	private readonly inodes = new Map<number, Channel[]>();
	private readonly addresses = new Map<string, Channel>();
	private readonly ports = new Map<number, Channel>();
	private readonly listening = new Set<number>();

	constructor(channels: readonly Channel[]) {
		for (const channel of channels) {
			push(this.of, channel.pid, channel);
			push(this.inodes, channel.inode, channel);
			if (channel.listens) this.listening.add(channel.port);
			if (channel.kind !== 'tcp') continue;
			if (channel.established) this.addresses.set(`${channel.local} ${channel.remote}`, channel);
			else this.ports.set(channel.port, channel);
		}
	}

	/** Is this end that of a server? */
	serves({ kind, named, peer, established, port }: Channel): boolean {
		return kind === 'unix' ? named && peer > 0 : kind === 'tcp' && established && this.listening.has(port);
	}

	/** Processes that have the same end. */
	sharers({ inode, pid }: Channel): number[] {
		return (this.inodes.get(inode) ?? []).flatMap((one) => (one.pid === pid ? [] : [one.pid]));
	}

	/** Processes at the other end; none: on another machine, or not known. */
	others(channel: Channel): number[] {
		const { kind, inode, peer, mode, local, remote } = channel;
		switch (kind) {
			case 'pipe':
				return (this.inodes.get(inode) ?? []).flatMap((one) =>
					one.pid !== channel.pid && (one.mode & ~mode) !== 0 ? [one.pid] : [],
				);
			case 'unix':
				return (this.inodes.get(peer) ?? []).map(({ pid }) => pid);
			case 'tcp': {
				const found =
					this.addresses.get(`${remote} ${local}`) ??
					(isOwn(local, remote) ? this.ports.get(portOf(remote)) : undefined);
				return found ? [found.pid] : [];
			}
		}
	}
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
	const list = map.get(key);
	if (list) list.push(value);
	else map.set(key, [value]);
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'));
/** Both ends on this machine. */
const isOwn = (local: string, remote: string): boolean =>
	remote !== '' && (hostOf(local) === hostOf(remote) || /^(127\.|\[::1\])/.test(remote));

export interface Sources {
	procRoot: string;
	channels(): Channel[];
}

/** A process all of whose threads have slept for long enough, or one that is stopped. */
function isAsleep({ tasks }: ProcessNow): boolean {
	return tasks.every(({ state, asleep_ns }) => asleep_ns >= STILL || state === 'T' || state === 't');
}

const switchesOf = ({ tasks }: ProcessNow): Count => tasks.reduce((sum, { switches }) => sum + switches, 0);
const youngest = ({ tasks }: ProcessNow): Ns =>
	tasks.reduce((least, { asleep_ns }) => Math.min(least, asleep_ns), Number.POSITIVE_INFINITY);

/**
 * Does a standstill go on? A wake-up now and then, for a signal or a look at the clock, is no work: one in two seconds, and
 * three at once.
 */
function isHeld({ still, stop }: Verdict, switches: Count, bootNs: Ns): boolean {
	return still !== null && stop !== null && switches - stop.switches <= 3 + (stop.idle * (bootNs - stop.at)) / 1e9;
}

/** Session of a parallel worker of PostgreSQL, whose leader waits for it: `parallel worker for PID 812`. */
const HELPER = /\bparallel worker for PID (\d+)/;
/** Titles by which a server says that a session has locks, or waits for one (PostgreSQL). */
const IN_TRANSACTION = /\bin transaction\b/;
export const WAITING_TITLE = / waiting(?: for [\w/]+)?\s*$/;

export class StandstillFinder {
	private readonly sources: Sources;
	private readonly titles: CommandLines;
	/** By pid. */
	private verdicts = new Map<number, Verdict>();
	/** Processes whose title says that they wait, since when. */
	private waiting = new Map<string, Stop>();
	private nextWalk: Ns = 0;
	private ends: Ends | undefined;

	constructor(sources: Sources) {
		this.sources = sources;
		this.titles = new CommandLines(sources.procRoot, 900);
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
		if (open.length > 0 && now >= this.nextWalk) {
			this.ends = new Ends(this.sources.channels());
			this.titles.begin(4e6);
			for (const process of open.slice(0, MOST)) {
				const before = this.verdicts.get(process.pid);
				const same = before?.start === process.start ? before : undefined;
				verdicts.set(process.pid, this.judge(process, processes, this.ends, bootNs, same));
			}
			this.nextWalk = monotonicNs() + Math.max(PAUSE, (monotonicNs() - now) * PAUSE_OF_COST);
		}
		this.verdicts = verdicts;
		for (const verdict of verdicts.values()) {
			const process = verdict.still && processes.get(verdict.still.pid);
			if (verdict.still && process && verdict.stop)
				verdict.still = { ...verdict.still, asleep_ns: bootNs - verdict.stop.at };
		}
		return this.families(processes);
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
		const goesOn = before && switches - before.switches <= 3 + (before.idle * (bootNs - before.at)) / 1e9;
		return goesOn ? before : { at: bootNs, switches, idle: IDLE_BY_TITLE };
	}

	private judge(
		process: ProcessNow,
		processes: ReadonlyMap<number, ProcessNow>,
		ends: Ends,
		bootNs: Ns,
		before: Verdict | undefined,
	): Verdict {
		const { pid, start, tasks } = process;
		const verdict: Verdict = {
			start,
			switches: switchesOf(process),
			parent: process.parent,
			still: null,
			bytes: new Map(),
			at: monotonicNs(),
			again: false,
			stop: null,
		};
		const held = before && isHeld(before, verdict.switches, bootNs) ? before : undefined;
		const own = ends.of.get(pid) ?? [];
		const served = own.filter((channel) => ends.serves(channel));
		if (served.length === 0) return verdict;
		const paused = tasks.every(({ state }) => state === 'T');
		const calls = paused ? [] : tasks.map((task) => this.callOf(pid, task));
		// proc does not always answer; what was found of the same sleep is still true
		if (calls.some((call) => call === undefined || call.fds === null))
			return held ? { ...held, again: true } : { ...verdict, again: true };
		const watched = new Set(calls.flatMap((call) => [...(call?.fds ?? [])]));
		// a limit of time ends the wait without anybody
		const limited = calls.every((call) => call?.timed && call.kind !== 'futex');
		if (limited && !paused) return verdict;
		const stuck = served.filter(
			(channel) => !watched.has(channel.fd) && !this.isServedElsewhere(channel, ends, processes),
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
		const task = this.mainOf(tasks, calls);
		const clients = new Map<number, ProcessNow>();
		const remote: string[] = [];
		for (const channel of stuck) {
			const others = ends.others(channel).flatMap((one) => processes.get(one) ?? []);
			for (const other of others) clients.set(other.pid, other);
			if (others.length === 0 && channel.kind === 'tcp') remote.push(channel.remote);
		}
		const waits = paused ? null : this.waitsFor(process, task, own, watched, calls, ends, processes);
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
		};
		return verdict;
	}

	private callOf(pid: number, task: TaskNow): BlockedCall | undefined {
		return blockedCall(this.sources.procRoot, pid, task.tid);
	}

	/** The thread that says most about the wait: one that waits for no client and not for time. */
	private mainOf(tasks: readonly TaskNow[], calls: readonly (BlockedCall | undefined)[]): TaskNow {
		const index = tasks.findIndex((_, at) => calls[at]?.timed === false && calls[at]?.fds?.size === 0);
		return (tasks[index] ?? tasks[0]) as TaskNow;
	}

	/** Another process has the same connection, and works on it or waits for its data. */
	private isServedElsewhere(channel: Channel, ends: Ends, processes: ReadonlyMap<number, ProcessNow>): boolean {
		return ends.sharers(channel).some((pid) => {
			const process = processes.get(pid);
			if (!process) return false;
			if (!isAsleep(process)) return true;
			const fds = (ends.of.get(pid) ?? []).filter(({ inode }) => inode === channel.inode).map(({ fd }) => fd);
			return process.tasks.slice(0, 16).some((task) => {
				const call = this.callOf(pid, task);
				return !call || call.fds === null || fds.some((fd) => call.fds?.has(fd));
			});
		});
	}

	/** What it waits for. */
	private waitsFor(
		process: ProcessNow,
		task: TaskNow,
		own: readonly Channel[],
		watched: ReadonlySet<number>,
		calls: readonly (BlockedCall | undefined)[],
		ends: Ends,
		processes: ReadonlyMap<number, ProcessNow>,
	): { party: Party | null; address: string; forEvent: boolean } {
		const none = { party: null, address: '', forEvent: false };
		if (task.reason === 'file lock') {
			const holder = this.lockHolder(process.pid);
			const found = processes.get(holder);
			return { ...none, party: found ? this.party(found, [safe`it has the file lock`], ends, processes) : null };
		}
		const call = calls[process.tasks.indexOf(task)];
		if (call?.kind === 'futex') {
			const tid = mutexOwner(this.sources.procRoot, process.pid, call.address);
			const thread = process.tasks.find((one) => one.tid === tid);
			if (thread && thread !== task)
				return {
					...none,
					party: {
						...this.party(process, [safe`it has the mutex`], ends, processes),
						tid,
						comm: thread.comm,
						reason: thread.reason,
						asleep_ns: thread.asleep_ns,
					},
				};
			return { ...none, forEvent: true };
		}
		// a pipe to a parent often only reports its end
		const channels = own.filter(
			(channel) =>
				watched.has(channel.fd) &&
				!ends.serves(channel) &&
				!(channel.kind === 'pipe' && ends.others(channel).includes(process.parent)),
		);
		for (const channel of channels) {
			const other = ends.others(channel).flatMap((pid) => processes.get(pid) ?? [])[0];
			if (other) {
				const at =
					channel.kind === 'tcp'
						? safe`it is at ${sanitize(channel.remote)}`
						: safe`it is at the other end of a ${channel.kind as SafeText}`;
				return { ...none, party: this.party(other, [at], ends, processes) };
			}
			if (channel.kind === 'tcp' && channel.remote !== '') return { ...none, address: channel.remote };
		}
		return {
			...none,
			forEvent:
				task.reason === 'poll' || task.reason === 'semaphore' || task.reason === 'event' || task.reason === 'signal',
		};
	}

	private lockHolder(pid: number): number {
		try {
			const text = readFileSync(join(this.sources.procRoot, 'locks'), 'latin1');
			return parseLocks(text).find((lock) => lock.pid === pid)?.holder ?? 0;
		} catch {
			return 0;
		}
	}

	private party(
		process: ProcessNow,
		by: readonly SafeText[],
		ends: Ends,
		processes: ReadonlyMap<number, ProcessNow>,
	): Party {
		const task = process.tasks.find(({ state }) => state === 'R') ?? process.tasks[0];
		return {
			pid: process.pid,
			start_time: process.start,
			comm: process.comm,
			title: this.titles.of({ pid: process.pid, start: process.start }, process.comm),
			tid: 0,
			by,
			reason: task?.state === 'T' ? 'stopped' : (task?.reason ?? null),
			asleep_ns: task?.asleep_ns ?? 0,
			client: this.clientOf(process, ends, processes),
		};
	}

	/** The process for whose data it waits. */
	private clientOf(
		process: ProcessNow,
		ends: Ends,
		processes: ReadonlyMap<number, ProcessNow>,
	): { pid: number; comm: SafeText } | null {
		if (process.tasks.length !== 1) return null;
		const call = this.callOf(process.pid, process.tasks[0] as TaskNow);
		for (const channel of ends.of.get(process.pid) ?? []) {
			if (!ends.serves(channel) || !call?.fds?.has(channel.fd)) continue;
			const [client] = ends.others(channel).flatMap((pid) => processes.get(pid) ?? []);
			if (client) return { pid: client.pid, comm: client.comm };
		}
		return null;
	}

	private families(processes: ReadonlyMap<number, ProcessNow>): Standstill[] {
		const groups = new Map<string, Still[]>();
		const helped = new Set<number>();
		const stills: { still: Still; parent: number }[] = [];
		for (const { still, parent } of this.verdicts.values()) if (still) stills.push({ still, parent });
		if (stills.length === 0 || !this.ends) return [];
		const parents = new Set(stills.map(({ parent }) => parent));
		// titles change: they are read anew
		this.titles.begin(4e6);
		const family = [...processes.values()].filter(({ parent }) => parents.has(parent));
		for (const { pid, start, comm } of family) {
			const leader = Number(HELPER.exec(this.titles.of({ pid, start }, comm))?.[1] ?? 0);
			if (leader > 0) helped.add(leader);
		}
		for (const { still, parent } of stills)
			if (!helped.has(still.pid))
				push(groups, `${parent} ${still.comm} ${still.reason} ${still.behind?.pid ?? ''}`, still);
		return [...groups.values()].map((found) => {
			const still = found.sort((a, b) => b.asleep_ns - a.asleep_ns) as [Still, ...Still[]];
			const [first] = still;
			const parent = processes.get(first.pid)?.parent;
			const kin = family.filter((one) => one.comm === first.comm && one.parent === parent);
			const known = first.behind ? { party: first.behind, others: 0 } : this.suspect(still, kin, processes);
			return {
				comm: first.comm,
				parent: parent ?? 0,
				still,
				family: kin.length,
				behind: known?.party ?? null,
				others: known?.others ?? 0,
			};
		});
	}

	/**
	 * Of a family whose members wait for an event of another one: the member that ran last when they stopped, that says that it
	 * is in a transaction, and that waits for its client. Two of these are needed.
	 */
	private suspect(
		still: readonly [Still, ...Still[]],
		kin: readonly ProcessNow[],
		processes: ReadonlyMap<number, ProcessNow>,
	): { party: Party; others: Count } | null {
		if (!still.some(({ forEvent }) => forEvent) || !this.ends) return null;
		const stopped = new Set(still.map(({ pid }) => pid));
		const [first] = still;
		const found: { party: Party; evidence: Count }[] = [];
		for (const process of kin) {
			if (stopped.has(process.pid)) continue;
			const served = (this.ends.of.get(process.pid) ?? []).some((channel) => this.ends?.serves(channel));
			if (!served) continue;
			const party = this.party(process, [], this.ends, processes);
			const by = [
				...(IN_TRANSACTION.test(party.title) ? [safe`its title says that it is in a transaction`] : []),
				...(Math.abs(party.asleep_ns - first.asleep_ns) < TOGETHER ? [safe`it last ran when they stopped`] : []),
				...(party.client ? [safe`it waits for its own client`] : []),
			];
			if (by.length >= 2) found.push({ party: { ...party, by }, evidence: by.length });
		}
		found.sort((a, b) => b.evidence - a.evidence || b.party.asleep_ns - a.party.asleep_ns);
		const [best] = found;
		if (!best) return null;
		return { party: best.party, others: found.filter(({ evidence }) => evidence === best.evidence).length - 1 };
	}
}
