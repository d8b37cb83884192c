/**
 * What was charged to whom since start: an account for each process, thread, control group, user or command. Every
 * charge goes to all kinds of account, so that totals are there when somebody begins to look at another kind.
 */
import type { SafeText } from '../sanitize.ts';
import type { Count, MicroJoules, Ns } from '../units.ts';
import type { ProcessInfo, TaskInfo } from './cpu-use.ts';

export const groups = ['process', 'thread', 'cgroup', 'user', 'command'] as const;
export type Group = (typeof groups)[number];

/** Intervals whose power is kept for the sparkline. */
export const HISTORY = 8;
/** Intervals for which an account without news is kept: the last record of a dead thread may come late. */
const KEEP = 30;
/** Accounts of one kind; beyond this the oldest without news go. */
const MOST = 20_000;

export interface Account {
	/** Someone it belongs to: the thread or process itself, or one of the group. */
	task: TaskInfo;
	cpu_ns: Ns;
	energy_uj: MicroJoules;
	gpu_uj: MicroJoules;
	cpu_ns_total: Ns;
	energy_uj_total: MicroJoules;
	gpu_uj_total: MicroJoules;
	/** Of the group, as far as they are listed in this interval. */
	processes: Count;
	threads: Count;
	/** A figure per interval, oldest first, the last {@link HISTORY}; empty: all zero. */
	history: number[];
	/** Number of the interval in which it was charged or listed last. */
	touched: number;
}

type Key = object | number | SafeText;

const keys: Record<Group, (task: TaskInfo) => Key> = {
	process: ({ process }) => process,
	thread: (task) => task,
	cgroup: ({ process }) => process.cgroup,
	user: ({ process }) => process.uid,
	command: ({ process }) => process.comm,
};

export class Accounts {
	private readonly kinds: Record<Group, Map<Key, Account>> = {
		process: new Map(),
		thread: new Map(),
		cgroup: new Map(),
		user: new Map(),
		command: new Map(),
	};
	private interval = 0;

	/** A new interval. */
	begin(): void {
		this.interval++;
		for (const kind of groups) {
			const accounts = this.kinds[kind];
			const crowded = accounts.size > MOST;
			const bounded = kind === 'process' || kind === 'thread';
			for (const [key, account] of accounts) {
				const age = this.interval - account.touched;
				if (age > KEEP && (bounded ? account.task.process.threads === 0 || !account.task.alive : crowded))
					accounts.delete(key);
				account.cpu_ns = 0;
				account.energy_uj = 0;
				account.gpu_uj = 0;
				account.processes = 0;
				account.threads = 0;
			}
		}
	}

	charge(task: TaskInfo, cpu_ns: Ns, energy_uj: MicroJoules, gpu_uj: MicroJoules = 0): void {
		for (const kind of groups) {
			const account = this.account(kind, task);
			account.cpu_ns += cpu_ns;
			account.energy_uj += energy_uj;
			account.gpu_uj += gpu_uj;
			account.cpu_ns_total += cpu_ns;
			account.energy_uj_total += energy_uj;
			account.gpu_uj_total += gpu_uj;
		}
	}

	/**
	 * The accounts of one kind with news in this interval: charged, or with somebody in it.
	 * @param figure what the history is made of; NaN: not known
	 */
	list(
		group: Group,
		processes: readonly ProcessInfo[],
		threads: () => Iterable<TaskInfo>,
		figure: (account: Account) => number,
	): Account[] {
		if (group === 'thread') {
			for (const thread of threads()) this.account('thread', thread).threads = 1;
		} else {
			for (const process of processes) {
				const account = this.account(group, leader(process));
				account.processes++;
				account.threads += process.threads;
			}
		}
		for (const kind of groups) {
			for (const account of this.kinds[kind].values()) remember(account, figure(account));
		}
		return [...this.kinds[group].values()].filter(({ touched }) => touched === this.interval);
	}

	/** One process with its threads that have used CPU time, most first; undefined: not known. History is not advanced. */
	ofProcess(pid: number): { process: Account; threads: Account[] } | undefined {
		const process = [...this.kinds.process.values()].findLast(({ task }) => task.process.pid === pid);
		if (!process) return undefined;
		const threads = [...this.kinds.thread.values()]
			.filter(({ task }) => task.process === process.task.process && task.alive)
			.sort((a, b) => b.cpu_ns - a.cpu_ns || b.cpu_ns_total - a.cpu_ns_total);
		return { process, threads };
	}

	/** The accounts of the processes that used something in this interval, whatever kind is listed. */
	charged(): Account[] {
		return [...this.kinds.process.values()].filter(({ cpu_ns, gpu_uj }) => cpu_ns > 0 || gpu_uj > 0);
	}

	private account(kind: Group, task: TaskInfo): Account {
		const key = keys[kind](task);
		let account = this.kinds[kind].get(key);
		if (account === undefined) {
			account = {
				task,
				cpu_ns: 0,
				energy_uj: 0,
				gpu_uj: 0,
				cpu_ns_total: 0,
				energy_uj_total: 0,
				gpu_uj_total: 0,
				processes: 0,
				threads: 0,
				history: [],
				touched: this.interval,
			};
			this.kinds[kind].set(key, account);
		}
		account.touched = this.interval;
		return account;
	}
}

/** A process in the place of a task. */
function leader(process: ProcessInfo): TaskInfo {
	const { pid, start, comm } = process;
	return { process, tid: pid, start, comm, alive: process.threads > 0 };
}

/** Most accounts rest: they keep no history at all. */
function remember(account: Account, value: number): void {
	const { history } = account;
	if (history.length === 0 && !(value > 0)) return;
	const from = Math.max(0, history.length + 1 - HISTORY);
	let rests = value === 0;
	for (let i = from; rests && i < history.length; i++) rests = history[i] === 0;
	// the arrays go out in snapshots: never changed
	account.history = rests ? [] : [...history.slice(from), value];
}
