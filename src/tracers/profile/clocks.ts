/** The kernel's own times of threads, by which samples and waits are made to add up: run time, waits for a CPU, and begin. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicNs } from '../../lib/clock.ts';
import { readBytes, readLatin1 } from '../../lib/read-file.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import { unifiedPath } from '../../system/v1-groups.ts';
import type { Target } from './collector.ts';

/** Most threads that are read. */
const MAX_THREADS = 4096;

export interface ThreadTimes {
	pid: number;
	tid: number;
	thread: SafeText;
	/** Since its begin. */
	run_ns: Ns;
	/** Its run_delay: with the sleep of one that was moved asleep (bpf/lib/run-delay.bpf.h). */
	delay_ns: Ns;
	/** CLOCK_MONOTONIC of the read. */
	at: Ns;
}

/** The kernel functions in which a thread waits now, innermost first; empty: it runs, or has gone. */
export function kernelStackOf(procRoot: string, pid: number, tid: number): SafeText[] {
	try {
		return parseStack(readLatin1(join(procRoot, String(pid), 'task', String(tid), 'stack')));
	} catch {
		return [];
	}
}

/** Names of `/proc/PID/stack`: `[<0>] futex_wait_queue+0x5d/0x90`. */
function parseStack(text: string): SafeText[] {
	return Array.from(text.matchAll(/^\[<[0-9a-f]+>\] ([^\s+]+)/gm), ([, name]) => sanitize(name as string));
}

function belongs(procRoot: string, pid: string, { comm }: Target, cgroup: string | undefined): boolean {
	try {
		if (comm !== undefined) return readLatin1(join(procRoot, pid, 'comm')).trimEnd() === comm.slice(0, 15);
		const own = unifiedPath(readLatin1(join(procRoot, pid, 'cgroup'))) ?? '';
		return cgroup !== undefined && (own === cgroup || own.startsWith(cgroup === '/' ? '/' : `${cgroup}/`));
	} catch {
		return false;
	}
}

/** Times of the threads of a target, by tid. A target of all processes has none: most threads of a machine sleep for ever. */
export function threadTimes(
	procRoot: string,
	target: Target,
	cgroup: string | undefined,
): ReadonlyMap<number, ThreadTimes> {
	const times = new Map<number, ThreadTimes>();
	const { tgid, tid } = target;
	const pids =
		tgid !== undefined
			? [String(tgid)]
			: target.comm !== undefined || cgroup !== undefined
				? readdirSync(procRoot).filter((name) => /^\d+$/.test(name) && belongs(procRoot, name, target, cgroup))
				: [];
	for (const pid of pids) {
		let threads: string[];
		try {
			threads = readdirSync(join(procRoot, pid, 'task'));
		} catch {
			continue;
		}
		for (const thread of threads) {
			if (times.size >= MAX_THREADS) return times;
			if (tid !== undefined && Number(thread) !== tid) continue;
			const read = timesOf(procRoot, Number(pid), Number(thread));
			if (read) times.set(read.tid, read);
		}
	}
	return times;
}

function timesOf(procRoot: string, pid: number, tid: number): ThreadTimes | undefined {
	try {
		const folder = join(procRoot, String(pid), 'task', String(tid));
		const comm = readBytes(join(folder, 'comm'));
		const [run, delay] = readLatin1(join(folder, 'schedstat')).split(' ').map(Number);
		if (run === undefined || delay === undefined || !Number.isFinite(run + delay)) return undefined;
		return {
			pid,
			tid,
			thread: sanitize(comm.subarray(0, Math.max(0, comm.length - 1))),
			run_ns: run,
			delay_ns: delay,
			at: monotonicNs(),
		};
	} catch {
		return undefined;
	}
}
