/** What a process that stands still waits for, and who has it: from the system calls of its threads, locks and ends of channels. */

import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../../../../lib/read-file.ts';
import { type SafeText, safe, sanitize } from '../../../../lib/sanitize.ts';
import { type BlockedCall, blockedCall, mutexOwner, threadOf } from '../../../../system/blocked-calls.ts';
import type { CommandLines } from '../../../../system/command-lines.ts';
import { parseLocks } from '../../../../system/file-locks.ts';
import { pidsOf } from '../../../../system/pid-namespace.ts';
import type { Channel } from '../channels.ts';
import { hasEnded, type ProcessNow, type TaskNow } from '../walk.ts';
import { isAsleep } from './asleep.ts';
import type { Ends } from './ends.ts';
import type { Party } from './standstill.ts';

/** All processes, and all ends of channels, at one moment. */
export interface Moment {
	processes: ReadonlyMap<number, ProcessNow>;
	ends: Ends;
}

/** System calls in which the threads of a process sleep, in their order, and the files that these wait for. */
export interface Calls {
	calls: readonly BlockedCall[];
	watched: ReadonlySet<number>;
}

export interface WaitsFor {
	party: Party | null;
	/** An address on another machine. */
	address: string;
	/** A signal or an event of another process. */
	forEvent: boolean;
	/** What is known where no party is; empty: nothing. */
	note: SafeText;
}

export class Waits {
	private readonly procRoot: string;
	private readonly titles: CommandLines;
	private readonly semaphorePid: ((id: number, number: number) => number) | undefined;

	constructor(procRoot: string, titles: CommandLines, semaphorePid?: (id: number, number: number) => number) {
		this.semaphorePid = semaphorePid;
		this.procRoot = procRoot;
		this.titles = titles;
	}

	/** The calls of all threads; undefined: proc does not answer for one. */
	callsOf({ pid, tasks }: ProcessNow): Calls | undefined {
		const calls: BlockedCall[] = [];
		for (const task of tasks) {
			const call = this.callOf(pid, task);
			if (!call || call.fds === null) return undefined;
			calls.push(call);
		}
		return { calls, watched: new Set(calls.flatMap(({ fds }) => [...(fds ?? [])])) };
	}

	private callOf(pid: number, task: TaskNow): BlockedCall | undefined {
		return blockedCall(this.procRoot, pid, task.tid);
	}

	/** The thread that says most about the wait: one that waits for no client and not for time. */
	mainOf({ tasks }: ProcessNow, { calls }: Calls): TaskNow {
		const index = tasks.findIndex((_, at) => calls[at]?.timed === false && calls[at]?.fds?.size === 0);
		return (tasks[index] ?? tasks[0]) as TaskNow;
	}

	/** Another process has the same connection, and works on it or waits for its data. */
	isServedElsewhere(channel: Channel, { ends, processes }: Moment): boolean {
		return ends.sharers(channel).some((pid) => {
			const process = processes.get(pid);
			if (!process) return false;
			if (!isAsleep(process)) return true;
			const fds = ends
				.of(pid)
				.filter(({ inode }) => inode === channel.inode)
				.map(({ fd }) => fd);
			return process.tasks.slice(0, 16).some((task) => {
				const call = this.callOf(pid, task);
				return !call || call.fds === null || fds.some((fd) => call.fds?.has(fd));
			});
		});
	}

	/** What it waits for. */
	waitsFor(process: ProcessNow, task: TaskNow, { calls, watched }: Calls, moment: Moment): WaitsFor {
		const { ends, processes } = moment;
		const none = { party: null, address: '', forEvent: false, note: safe`` };
		if (task.reason === 'file lock') {
			const holder = this.lockHolder(process.pid);
			const found = processes.get(holder);
			return { ...none, party: found ? this.party(found, [safe`it has the file lock`], moment) : null };
		}
		const call = calls[process.tasks.indexOf(task)];
		if (task.reason === 'child') return { ...none, ...this.childOf(process, call, moment) };
		if (call?.semaphore) return { ...none, ...this.changerOf(process, call.semaphore, moment) };
		if (call?.kind === 'futex') {
			const tid = mutexOwner(this.procRoot, process.pid, call.address);
			const own = threadOf(this.procRoot, process.pid, tid);
			const thread = process.tasks.find((one) => one.tid === own);
			if (thread && thread !== task)
				return {
					...none,
					party: {
						...this.party(process, [safe`it has the mutex`], moment),
						tid: own,
						comm: thread.comm,
						reason: thread.reason,
						asleep_ns: thread.asleep_ns,
					},
				};
			const owner = call.shared && tid > 0 ? ownerOf(processes, tid) : undefined;
			if (owner && owner !== process) return { ...none, party: this.party(owner, [safe`it has the mutex`], moment) };
			return { ...none, forEvent: true };
		}
		// to a parent there often is a pipe that only shows its end
		const channels = ends
			.of(process.pid)
			.filter(
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
						: safe`it is at the other end of a ${channel.kind === 'unix' ? safe`Unix socket` : safe`pipe`}`;
				return { ...none, party: this.party(other, [at], moment) };
			}
			if (channel.kind === 'tcp' && channel.remote !== '') return { ...none, address: channel.remote };
		}
		return {
			...none,
			forEvent:
				task.reason === 'poll' || task.reason === 'semaphore' || task.reason === 'event' || task.reason === 'signal',
		};
	}

	/** The child that it waits for: the one that its call names, or its only one. */
	private childOf(process: ProcessNow, call: BlockedCall | undefined, moment: Moment): Partial<WaitsFor> {
		const children = [...moment.processes.values()].filter(
			({ parent, tasks }) => parent === process.pid && !tasks.every(hasEnded),
		);
		const pid = call?.child ?? 0;
		const depth = pid > 0 ? this.pidsOf(process.pid).length : 0;
		const named = pid > 0 ? children.find((child) => this.pidsOf(child.pid)[depth - 1] === pid) : undefined;
		const [only] = children;
		if (named) return { party: this.party(named, [safe`it is the child that it waits for`], moment) };
		if (children.length === 1 && only) return { party: this.party(only, [safe`it is its only child`], moment) };
		return {
			note: children.length > 1 ? safe`for one of its ${String(children.length) as SafeText} children` : safe``,
		};
	}

	/** A pid in all its namespaces, outermost first; empty: not known. */
	private pidsOf(pid: number): number[] {
		try {
			return pidsOf(readLatin1(join(this.procRoot, String(pid), 'status')));
		} catch {
			return [];
		}
	}

	/** The process that changed a semaphore last: where it is a lock, that one has it. Only of this program's own IPC namespace. */
	private changerOf(
		process: ProcessNow,
		{ id, number }: NonNullable<BlockedCall['semaphore']>,
		moment: Moment,
	): Partial<WaitsFor> {
		const pid = this.sharesIpc(process.pid) ? this.changer(id, number) : 0;
		if (pid <= 0 || pid === process.pid) return { forEvent: true };
		const found = moment.processes.get(pid);
		if (found) return { party: this.party(found, [safe`it changed the semaphore last`], moment) };
		return { note: safe`for a semaphore that process ${String(pid) as SafeText} changed last, which has ended` };
	}

	private changer(id: number, number: number): number {
		try {
			return this.semaphorePid?.(id, number) ?? 0;
		} catch {
			return 0;
		}
	}

	private sharesIpc(pid: number): boolean {
		const namespace = (name: string) => readlinkSync(join(this.procRoot, name, 'ns', 'ipc'));
		try {
			return namespace(String(pid)) === namespace('self');
		} catch {
			return false;
		}
	}

	private lockHolder(pid: number): number {
		try {
			const text = readLatin1(join(this.procRoot, 'locks'));
			return parseLocks(text).find((lock) => lock.pid === pid)?.holder ?? 0;
		} catch {
			return 0;
		}
	}

	party(process: ProcessNow, by: readonly SafeText[], moment: Moment): Party {
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
			client: this.clientOf(process, moment),
		};
	}

	/** The process for whose data it waits. */
	private clientOf(process: ProcessNow, { ends, processes }: Moment): Party['client'] {
		if (process.tasks.length !== 1) return null;
		const call = this.callOf(process.pid, process.tasks[0] as TaskNow);
		for (const channel of ends.of(process.pid)) {
			if (!ends.serves(channel) || !call?.fds?.has(channel.fd)) continue;
			const [client] = ends.others(channel).flatMap((pid) => processes.get(pid) ?? []);
			if (client) return { pid: client.pid, comm: client.comm };
		}
		return null;
	}
}

/** The process that a thread belongs to. */
function ownerOf(processes: Moment['processes'], tid: number): ProcessNow | undefined {
	const process = processes.get(tid);
	if (process) return process;
	for (const one of processes.values()) if (one.tasks.some((task) => task.tid === tid)) return one;
	return undefined;
}
