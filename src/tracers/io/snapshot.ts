/** Snapshots of the IO tab: the contract with screen and batch output (docs/batch.md). */

import type { StageStats, Step } from '../../core/stages/figures.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';

/** Absent: none since start. */
export interface Apart {
	/** Of discards and secure erases, and of write-zeroes: no data is transferred, and they are in no `bytes`. */
	bytes_discarded?: Bytes;
	bytes_zeroed?: Bytes;
	bytes_discarded_total?: Bytes;
	bytes_zeroed_total?: Bytes;
	/** Requests that ended with an error. `count` and `bytes` have them too, as in /proc/diskstats. */
	errors?: Count;
	errors_total?: Count;
	/**
	 * Requests that a limit of a control group (io.max, blkio throttle) had held back before they were queued: that time is
	 * in none of the stages from `request` on.
	 */
	held_back?: Count;
	held_back_total?: Count;
}

export interface IoRow extends Apart {
	/** Whole disk; `all` by process and control group. */
	device: SafeText;
	/** `major:minor` in the kernel's own numbering; empty by process and control group. */
	dev: SafeText;
	/** The kernel's name of the operation: read, write, flush, discard, …; `all` by device, process and control group. */
	op: SafeText;
	/** By `flags`: the kernel's names without REQ_, `sync meta`; `async` without any. */
	flags?: SafeText;
	/** By process; absent: of a control group whose processes are not known. */
	pid?: number;
	/** By process, ns since boot; 0: not known. */
	start_time?: Ns;
	comm?: SafeText;
	/** By process and by control group. */
	cgroup?: SafeText;
	/** The device passes its IO on to others (dm, md) or to a file (loop): rows of the devices below count it again. */
	stacked?: boolean;
	count: Count;
	/** Transferred: by reads, writes, appends, and commands from user space. */
	bytes: Bytes;
	/** Stage name (src/tracers/io/path.ts) → figures of the interval, in path order; `total` is last. By process: `total` only. */
	stages: Record<string, StageStats>;
	count_total: Count;
	bytes_total: Bytes;
	/** Stage name → Σ ns since start. */
	stages_total: Record<string, { count: Count; sum_ns: Ns }>;
}

/**
 * Source of the owner of a request: the task that queued it; for write-back, the task that made the file dirty; only the
 * control group that the kernel charges; a kernel thread on its own account (journal); unknown.
 */
export type Owner = 'submitter' | 'dirtied' | 'cgroup' | 'kernel' | 'none';

/** Parts of the time of the system call that waited for a request. Σ parts = `call_ns`. */
export interface OffCpu {
	/** From entry to return. */
	call_ns: Ns;
	/** On the CPU, IRQ time included. */
	running_ns: Ns;
	/** Asleep: waiting for the device, or for a lock. */
	blocked_ns: Ns;
	/** Runnable, waiting for a CPU after a sleep. */
	runqueue_ns: Ns;
	/** Runnable, waiting for a CPU after a preemption. */
	preempted_ns: Ns;
	/** IRQ time in `running_ns`: not known, it would need a hook at each interrupt of the machine. */
	irq_ns: null;
}

/** A request that took longer than the threshold. */
export interface SlowRequest {
	device: SafeText;
	/** Partition that the bio was sent to, `vda2`; the device itself if none. */
	partition: SafeText;
	op: SafeText;
	/** The kernel's names without REQ_: sync, meta, prio, fua, preflush, rahead, background, … */
	flags: SafeText[];
	/** Position on the device, in sectors of 512 bytes. */
	sector: number;
	bytes: Bytes;
	/** Process that the request belongs to, in the initial pid namespace. */
	pid: number;
	tid: number;
	comm: SafeText;
	cgroup: SafeText;
	owner: Owner;
	/** Absolute path; `inode N` if only that is known; null: no file (journal, metadata of the file system, a raw device). */
	file: SafeText | null;
	/** CLOCK_MONOTONIC at completion. */
	mono_ns: Ns;
	/** Stage name → ns, in path order, without skipped stages; `total` is last. */
	stages: Record<string, Ns>;
	/** The same with the begin of each stage. */
	waterfall: Step[];
	/** With the full path, of a request that a system call waited for; null without, and if the call was not seen. */
	off_cpu: OffCpu | null;
}

export interface Inflight {
	device: SafeText;
	op: SafeText;
	bytes: Bytes;
	pid: number;
	comm: SafeText;
	/** Current stage. */
	stage: string;
	/** Since the first stamp. */
	age_ns: Ns;
	/**
	 * From half a second of age on, a second source that it is in flight: the kernel's own count of the device, or the
	 * owner's thread, which sleeps uninterruptibly and has not run since the last interval. Absent: none.
	 */
	witness?: 'kernel' | 'owner';
}

/** IO of one process in the interval. */
export interface IoProcess extends Apart {
	pid: number;
	/** ns since boot; 0: not known. */
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	count: Count;
	bytes_read: Bytes;
	bytes_written: Bytes;
	/** Of `total`. */
	mean_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	count_total: Count;
	bytes_total: Bytes;
}

/** State of the stages that are attached on request (`--full-path`). */
export interface FullPath {
	state: 'off' | 'on' | 'detached' | 'unavailable';
	/** For `detached` the cost and the time of the next try, for `unavailable` the cause; else empty. */
	reason: SafeText;
	/** Time in the IO tab's programs, share of one CPU, in the last interval in which it was on. */
	cost_share: number;
	limit_share: number;
}

export interface IoExtra {
	/** Newest last. */
	slow: SlowRequest[];
	/** Slow requests that the rate limit left out. */
	slow_suppressed: Count;
	slow_threshold_ns: Ns;
	/** Oldest first, at most 64; `inflight_count` is the number of all. */
	inflight: Inflight[];
	inflight_count: Count;
	/** Processes with IO in the interval in any group, most requests first, at most 1,000. */
	processes: IoProcess[];
	/** Their number, where that is more. */
	process_count?: Count;
	/** Requests completed in the interval, those of stacked devices once: all, and by source of the owner. */
	associated: { requests: Count } & Record<Owner, Count>;
	/** Requests that the driver requeued in the interval. */
	requeues: Count;
	/** In the interval: bios merged into a waiting request, requests merged into another, split bios, requests that bypassed
	 * the scheduler, partial completions. */
	merged_bios: Count;
	merged_requests: Count;
	splits: Count;
	bypassed: Count;
	partial: Count;
	/** Removed disks that had requests since start; absent: none. Their rows end with their last request. */
	gone?: SafeText[];
	/** The filter of measured requests as text; empty: all. */
	filter: SafeText;
	full_path: FullPath;
}
