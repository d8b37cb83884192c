/**
 * Totals since start for every process, thread, control group, user and command. Every charge goes to all five kinds, so
 * that totals exist before a kind is listed. Control groups, users and commands are not folded from process rows
 * (core/fold.ts): their totals include ended processes, which have no row.
 */
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, MicroJoules, Ns } from '../../lib/units.ts';
import type { ProcessInfo, TaskInfo } from './cpu/cpu-use.ts';
import { GRACE } from './cpu/thread-use.ts';

export const groups = ['process', 'thread', 'cgroup', 'user', 'command'] as const;
export type Group = (typeof groups)[number];
/** Groups of processes, to which wake-ups belong. */
const ofProcesses = groups.filter((group) => group !== 'thread');

/** Intervals whose power is kept for the sparkline. */
export const HISTORY = 8;
/** Intervals for which an unchanged account is kept. */
const KEEP = 30;
/** Time for which the account of an ended task is kept: its last record may be late by {@link GRACE}. */
const KEEP_ENDED: Ns = 2 * GRACE;
/** Accounts of ended tasks; beyond this the first that ended are dropped before their time. */
const MOST_ENDED = 20_000;
/** Accounts of one kind; beyond this the oldest unchanged groups are dropped. */
const MOST = 20_000;

/** Of an account that has been idle for long: one for all of them. */
const NO_HISTORY: readonly number[] = [];

export interface Account {
	/** The thread or process itself, or one of the group. */
	task: TaskInfo;
	cpu_ns: Ns;
	energy_uj: MicroJoules;
	gpu_uj: MicroJoules;
	device_uj: MicroJoules;
	/** Idle periods that it ended in this interval. */
	wakes: Count;
	cpu_ns_total: Ns;
	energy_uj_total: MicroJoules;
	gpu_uj_total: MicroJoules;
	device_uj_total: MicroJoules;
	/** Members of the group that are listed in this interval. */
	processes: Count;
	threads: Count;
	/** A figure per interval, oldest first, the last {@link HISTORY}; empty: all zero. */
	history: readonly number[];
	/** Number of the last interval in which it was charged or listed. */
	touched: number;
}

type Key = object | number | SafeText;

const keys: Record<Exclude<Group, 'thread'>, (process: ProcessInfo) => Key> = {
	process: (process) => process,
	cgroup: ({ cgroup }) => cgroup,
	user: ({ uid }) => uid,
	command: ({ comm }) => comm,
};

export class Accounts {
	private readonly kinds: Record<Group, Map<Key, Account>> = {
		process: new Map(),
		thread: new Map(),
		cgroup: new Map(),
		user: new Map(),
		command: new Map(),
	};
	/** Charged in this interval, or with a history. */
	private readonly lively: Record<Group, Set<Account>> = {
		process: new Set(),
		thread: new Set(),
		cgroup: new Set(),
		user: new Set(),
		command: new Set(),
	};
	/** Leaders as far as they were charged for their process, once for each: a task is a key. */
	private readonly leaders = new WeakMap<ProcessInfo, TaskInfo>();
	private interval = 0;
	/** Sum of all intervals. */
	private time: Ns = 0;
	/** Accounts of ended tasks, in the order in which they ended, with {@link time} of then. */
	private ended: { kind: 'process' | 'thread'; account: Account; interval: number; time: Ns }[] = [];

	/**
	 * Begin an interval.
	 * @param dt its length
	 */
	begin(dt: Ns): void {
		this.interval++;
		this.time += dt;
		this.forgetEnded();
		for (const kind of groups) {
			for (const account of this.lively[kind]) {
				account.cpu_ns = 0;
				account.energy_uj = 0;
				account.gpu_uj = 0;
				account.device_uj = 0;
				account.wakes = 0;
			}
		}
		if (this.interval % KEEP === 0) this.forget();
	}

	charge(task: TaskInfo, cpu_ns: Ns, energy_uj: MicroJoules): void {
		this.add(task, cpu_ns, energy_uj, 0, 0);
	}

	/** Energy of GPUs for a process. */
	chargeGpu(process: ProcessInfo, gpu_uj: MicroJoules): void {
		this.add(this.leaderOf(process), 0, 0, gpu_uj, 0);
	}

	/** Energy of disks and network for a process. */
	chargeDevice(process: ProcessInfo, device_uj: MicroJoules): void {
		this.add(this.leaderOf(process), 0, 0, 0, device_uj);
	}

	/** Idle periods that ended with this process. */
	wake(process: ProcessInfo, wakes: Count): void {
		for (const kind of ofProcesses) {
			const account = this.account(kind, process);
			this.lively[kind].add(account);
			account.wakes += wakes;
		}
	}

	/**
	 * All accounts of one kind that were charged in this interval or have listed members.
	 * @param figure the figure in the history; NaN: not known
	 */
	list(
		group: Group,
		processes: readonly ProcessInfo[],
		threads: () => Iterable<TaskInfo>,
		figure: (account: Account) => number,
	): Account[] {
		const accounts = this.kinds[group];
		for (const account of accounts.values()) {
			account.processes = 0;
			account.threads = 0;
		}
		if (group === 'thread') {
			for (const thread of threads()) this.account('thread', thread.process, thread).threads = 1;
		} else {
			for (const process of processes) {
				const account = this.account(group, process);
				account.processes++;
				account.threads += process.threads;
			}
		}
		this.remember(figure);
		return [...accounts.values()].filter(({ touched }) => touched === this.interval);
	}

	/**
	 * Instead of `list`, the accounts of processes with news: charged in this interval, with a history, changed, or idle
	 * since this interval. The others are unchanged.
	 */
	news(changed: readonly ProcessInfo[], figure: (account: Account) => number): Iterable<Account> {
		const news = new Set<Account>();
		for (const account of this.lively.process)
			if (account.task.process.threads > 0 || !isIdle(account)) news.add(account);
		for (const process of changed) news.add(this.account('process', process));
		for (const account of news) {
			account.processes = 1;
			account.threads = account.task.process.threads;
		}
		this.remember(figure);
		return news;
	}

	/** One process with the threads that used CPU time, most first; undefined: not known. History is not advanced. */
	ofProcess(pid: number): { process: Account; threads: Account[] } | undefined {
		const process = [...this.kinds.process.values()].findLast(({ task }) => task.process.pid === pid);
		if (!process) return undefined;
		const threads = [...this.kinds.thread.values()]
			.filter(({ task }) => task.process === process.task.process && task.alive)
			.sort((a, b) => b.cpu_ns - a.cpu_ns || b.cpu_ns_total - a.cpu_ns_total);
		return { process, threads };
	}

	/** Number of accounts of all kinds. */
	get size(): Count {
		return groups.reduce((sum, kind) => sum + this.kinds[kind].size, 0);
	}

	/** The accounts of processes charged in this interval, whatever kind is listed. */
	charged(): Account[] {
		return [...this.lively.process].filter((account) => !isIdle(account));
	}

	private leaderOf(process: ProcessInfo): TaskInfo {
		let leader = this.leaders.get(process);
		if (!leader) {
			leader = new Leader(process);
			this.leaders.set(process, leader);
		}
		return leader;
	}

	private add(task: TaskInfo, cpu_ns: Ns, energy_uj: MicroJoules, gpu_uj: MicroJoules, device_uj: MicroJoules): void {
		for (const kind of groups) {
			const account = this.account(kind, task.process, task);
			this.lively[kind].add(account);
			account.cpu_ns += cpu_ns;
			account.energy_uj += energy_uj;
			account.gpu_uj += gpu_uj;
			account.device_uj += device_uj;
			account.cpu_ns_total += cpu_ns;
			account.energy_uj_total += energy_uj;
			account.gpu_uj_total += gpu_uj;
			account.device_uj_total += device_uj;
		}
	}

	/** Most accounts are idle: they keep no history. */
	private remember(figure: (account: Account) => number): void {
		for (const kind of groups) {
			const lively = this.lively[kind];
			for (const account of lively) {
				const ofTask = kind === 'process' || kind === 'thread';
				const gone = ofTask && account.touched !== this.interval && hasEnded(kind, account) ? kind : undefined;
				// it is in no list any more
				if (gone) account.history = NO_HISTORY;
				else remember(account, figure(account));
				if (account.history.length > 0 || !isIdle(account)) continue;
				lively.delete(account);
				if (gone) this.ended.push({ kind: gone, account, interval: this.interval, time: this.time });
			}
		}
	}

	/** Drop accounts of tasks that ended some time ago: thousands may end in a second. */
	private forgetEnded(): void {
		const { ended } = this;
		const again: typeof ended = [];
		let count = 0;
		for (const { kind, account, interval, time } of ended) {
			if (this.time - time <= KEEP_ENDED && ended.length - count <= MOST_ENDED) break;
			count++;
			// it lives, or a late record came: then it is queued again when it is idle
			if (!hasEnded(kind, account) || this.lively[kind].has(account)) continue;
			if (account.touched > interval) {
				again.push({ kind, account, interval: account.touched, time: this.time });
				continue;
			}
			const { task } = account;
			this.kinds[kind].delete(kind === 'process' ? task.process : task);
		}
		if (count > 0) this.ended = [...ended.slice(count), ...again];
	}

	/** Drop ended tasks, and groups beyond the limit. */
	private forget(): void {
		for (const kind of groups) {
			const accounts = this.kinds[kind];
			const crowded = accounts.size > MOST;
			for (const [key, { touched, task }] of accounts) {
				if (this.interval - touched <= KEEP) continue;
				const gone = kind === 'process' || kind === 'thread' ? hasEnded(kind, { task }) : crowded;
				if (gone) accounts.delete(key);
			}
		}
	}

	/** @param task of a thread; of a process the leader by default */
	private account(kind: Group, process: ProcessInfo, task?: TaskInfo): Account {
		const key = kind === 'thread' ? (task as TaskInfo) : keys[kind](process);
		let account = this.kinds[kind].get(key);
		if (account === undefined) {
			account = {
				task: task ?? new Leader(process),
				cpu_ns: 0,
				energy_uj: 0,
				gpu_uj: 0,
				device_uj: 0,
				wakes: 0,
				cpu_ns_total: 0,
				energy_uj_total: 0,
				gpu_uj_total: 0,
				device_uj_total: 0,
				processes: 0,
				threads: 0,
				history: NO_HISTORY,
				touched: this.interval,
			};
			this.kinds[kind].set(key, account);
		}
		account.touched = this.interval;
		return account;
	}
}

function hasEnded(kind: 'process' | 'thread', { task }: Pick<Account, 'task'>): boolean {
	return kind === 'process' ? task.process.threads === 0 : !task.alive;
}

/** A process as a task: its leader. */
class Leader implements TaskInfo {
	readonly process: ProcessInfo;

	constructor(process: ProcessInfo) {
		this.process = process;
	}

	get tid(): number {
		return this.process.pid;
	}
	get start(): Ns {
		return this.process.start;
	}
	get comm(): SafeText {
		return this.process.comm;
	}
	get alive(): boolean {
		return this.process.threads > 0;
	}
}

/** Was nothing charged in this interval? */
export function isIdle({ cpu_ns, energy_uj, gpu_uj, device_uj, wakes }: Account): boolean {
	return cpu_ns === 0 && energy_uj === 0 && gpu_uj === 0 && device_uj === 0 && wakes === 0;
}

function remember(account: Account, value: number): void {
	const { history } = account;
	if (history.length === 0 && !(value > 0)) return;
	const from = Math.max(0, history.length + 1 - HISTORY);
	let idle = value === 0;
	for (let i = from; idle && i < history.length; i++) idle = history[i] === 0;
	// the arrays are part of snapshots: never changed
	account.history = idle ? NO_HISTORY : appended(history, from, value);
}

/** One array in place of two: each account that is not idle has one in every interval. */
function appended(history: readonly number[], from: number, value: number): number[] {
	const length = history.length - from;
	const longer = new Array<number>(length + 1);
	for (let index = 0; index < length; index++) longer[index] = history[from + index] as number;
	longer[length] = value;
	return longer;
}
