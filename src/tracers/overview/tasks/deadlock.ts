/**
 * Threads that wait for each other's mutexes. The word behind a mutex of the C library names the thread that has it; a circle
 * of such waits never ends by itself.
 */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { blockedCall, mutexOwner, threadOf } from '../../../system/blocked-calls.ts';
import type { ProcessNow, TaskNow } from './walk.ts';

/** Asleep for so long, a thread is asked for its mutex; ns. */
const STILL: Ns = 2e9;
/** Threads that are asked in one interval; the others in the next ones. */
const MOST: Count = 64;

export interface Deadlock {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	/** Each waits for a mutex that the next one has, the last for one of the first. */
	circle: readonly { tid: number; comm: SafeText; address: string }[];
	/** The youngest of these waits, ns. */
	for_ns: Ns;
}

/** One wait for a mutex. */
interface Wait {
	/** Identifies the sleep. */
	switches: Count;
	/** tid of the owner; 0: none, or no mutex. */
	owner: number;
	address: string;
}

/** From the memory of a process. */
export type Ask = (pid: number, tid: number) => { owner: number; address: string };

/** Owner of the mutex that a thread waits for, through `/proc`. */
export const askProc =
	(procRoot: string): Ask =>
	(pid, tid) => {
		const call = blockedCall(procRoot, pid, tid);
		if (call?.kind !== 'futex' || call.timed) return { owner: 0, address: '' };
		return {
			owner: threadOf(procRoot, pid, mutexOwner(procRoot, pid, call.address)),
			address: `0x${call.address.toString(16)}`,
		};
	};

export class DeadlockFinder {
	private readonly ask: Ask;
	/** By tid: a sleep is asked about once. */
	private waits = new Map<number, Wait>();
	/** Starts of processes, by pid, none of whose threads waits for a mutex that has an owner, for as long as they rest. */
	private clean = new Map<number, Ns>();

	constructor(ask: Ask) {
		this.ask = ask;
	}

	/** At the end of an interval. */
	find(processes: Iterable<ProcessNow>, own: number): Deadlock[] {
		const waits = new Map<number, Wait>();
		const clean = new Map<number, Ns>();
		const found: Deadlock[] = [];
		let asked = 0;
		for (const process of processes) {
			const { pid, start } = process;
			if (pid === own || process.tasks.length < 2) continue;
			if (process.rests && this.clean.get(pid) === start) {
				clean.set(pid, start);
				continue;
			}
			let owned = 0;
			let open = false;
			for (const { tid, state, reason, asleep_ns, switches } of process.tasks) {
				if (state !== 'S' || reason !== 'futex') continue;
				if (asleep_ns < STILL) {
					open = true;
					continue;
				}
				let wait = this.waits.get(tid);
				if (wait?.switches !== switches) {
					if (asked >= MOST) {
						open = true;
						continue;
					}
					asked++;
					wait = { switches, ...this.ask(process.pid, tid) };
				}
				waits.set(tid, wait);
				if (wait.owner > 0) owned++;
			}
			if (owned === 0 && !open) clean.set(pid, start);
			if (owned >= 1) found.push(...circlesOf(process, waits));
		}
		this.waits = waits;
		this.clean = clean;
		return found;
	}
}

/** All circles among the waits of a process's threads. */
function circlesOf(process: ProcessNow, waits: ReadonlyMap<number, Wait>): Deadlock[] {
	const byTid = new Map(process.tasks.map((task) => [task.tid, task]));
	const done = new Set<number>();
	const found: Deadlock[] = [];
	for (const { tid } of process.tasks) {
		const path: TaskNow[] = [];
		let at = byTid.get(tid);
		while (at && !done.has(at.tid) && !path.includes(at)) {
			path.push(at);
			at = byTid.get(waits.get(at.tid)?.owner ?? 0);
		}
		for (const one of path) done.add(one.tid);
		const begin = at ? path.indexOf(at) : -1;
		if (begin < 0) continue;
		const circle = path.slice(begin);
		// one that waits for its own mutex is a circle as well
		found.push({
			pid: process.pid,
			start_time: process.start,
			comm: process.comm,
			circle: circle.map(({ tid, comm }) => ({ tid, comm, address: waits.get(tid)?.address ?? '' })),
			for_ns: circle.reduce((least, { asleep_ns }) => Math.min(least, asleep_ns), Number.POSITIVE_INFINITY),
		});
	}
	return found;
}
