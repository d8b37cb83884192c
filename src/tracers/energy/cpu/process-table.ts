/** The processes of the ledger: alive or ended, their names and groups. Unchanged processes cost nothing. */

import { type TaskName, taskName } from '../../../lib/task-names.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { GRACE, type ProcessUse, type ThreadSample } from './thread-use.ts';

export interface Process extends ProcessUse {
	/** `comm` is its text. */
	name: TaskName;
	/** Threads with an entry in the ledger: alive or exiting. */
	entries: number;
	/** Its leader has exited, which ends it where no other thread is alive. */
	leaderGone: boolean;
	/** Number of the interval in which it was reported as ended; 0: in none. */
	ended: number;
	/** Time of its last record while no thread was alive, ns since boot. */
	heard: Ns;
	/** Number of the interval of its last change, apart from CPU time. */
	changed: number;
}

export class ProcessTable {
	/** By pid and start. */
	private readonly known = new Map<string, Process>();
	/** Without a thread alive. */
	private readonly ending = new Set<Process>();
	/** Of those: their leader must be alive, although no scan has found it. */
	private presumed: Process[] = [];
	private changed: Process[] = [];
	private interval = 0;

	/** Begin an interval. */
	begin(): void {
		this.interval++;
		for (const process of this.presumed) process.threads = 0;
		this.presumed = [];
		this.changed = [];
	}

	/** Another thread of it is alive. */
	enter(process: Process): void {
		process.threads++;
		this.ending.delete(process);
		this.change(process);
	}

	/** A thread of it is no longer alive. */
	leave(process: Process, now: Ns): void {
		process.threads--;
		this.change(process);
		if (process.threads > 0) return;
		process.heard = now;
		this.ending.add(process);
	}

	/** The process of a thread, created if it is not known. */
	of(sample: ThreadSample, now: Ns): Process {
		const { tgid, process_start } = sample;
		const known = process_start > 0 ? this.known.get(keyOf(tgid, process_start)) : this.latest(tgid);
		if (known) return known;
		const name = taskName(sample.comm);
		const process: Process = {
			pid: tgid,
			start: process_start || sample.start,
			comm: name.text,
			name,
			cgroup: sample.cgroup,
			uid: sample.uid,
			cpu_ns: 0,
			cpu_ns_total: 0,
			threads: 0,
			entries: 0,
			leaderGone: false,
			ended: 0,
			heard: now,
			changed: 0,
		};
		this.known.set(keyOf(tgid, process.start), process);
		this.ending.add(process);
		this.change(process);
		return process;
	}

	/** Set name, cgroup and user from its leader; the name is decoded only where its bytes changed. */
	describe(process: Process, { comm, cgroup, uid }: ThreadSample): void {
		const name = taskName(comm, process.name);
		if (name === process.name && process.cgroup === cgroup && process.uid === uid) return;
		this.change(process);
		process.cgroup = cgroup;
		process.uid = uid;
		process.name = name;
		process.comm = name.text;
	}

	/** End the interval. */
	take(now: Ns): { changed: Process[]; alive: Count; ended: Count } {
		let ended = 0;
		for (const process of this.ending) {
			const stale = now - process.heard > GRACE;
			// born after the scan: only an ended thread of it is known, so its leader must be alive
			if (!process.leaderGone && !stale) {
				process.threads = 1;
				this.presumed.push(process);
				this.change(process);
			} else if (process.ended === 0) {
				process.ended = this.interval;
				ended++;
				this.change(process);
			}
			if (process.cpu_ns > 0) process.heard = now;
			else if (process.threads === 0 && process.entries === 0 && stale && process.ended !== this.interval) {
				this.ending.delete(process);
				this.known.delete(keyOf(process.pid, process.start));
			}
		}
		return {
			changed: this.changed.filter((process) => this.isListed(process)),
			alive: this.known.size - this.ending.size + this.presumed.length,
			ended,
		};
	}

	/** All alive, and ended ones with CPU time in this interval or not yet reported as ended. */
	listed(): Process[] {
		return [...this.known.values()].filter((process) => this.isListed(process));
	}

	private isListed({ threads, cpu_ns, ended }: Process): boolean {
		return threads > 0 || cpu_ns > 0 || ended === this.interval;
	}

	private change(process: Process): void {
		if (process.changed === this.interval) return;
		process.changed = this.interval;
		this.changed.push(process);
	}

	/** The latest process with this pid. */
	private latest(pid: number): Process | undefined {
		let latest: Process | undefined;
		for (const process of this.known.values())
			if (process.pid === pid && process.start >= (latest?.start ?? 0)) latest = process;
		return latest;
	}
}

function keyOf(pid: number, start: Ns): string {
	return `${pid}:${start}`;
}
