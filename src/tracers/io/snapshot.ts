/** What snapshots of the IO tab hold: the contract with screen and batch output (docs/batch.md). */

import type { StageStats, Step } from '../../core/stages/figures.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';

export interface IoRow {
	/** Whole disk; `all` where rows are processes or control groups. */
	device: SafeText;
	/** `major:minor` in the kernel's own numbering; empty where rows are processes or control groups. */
	dev: SafeText;
	/** Operation name of the kernel: read, write, flush, discard, …; `all` where rows are devices, processes, control groups. */
	op: SafeText;
	/** By `flags`: the kernel's names without REQ_, `sync meta`; `async` without any. */
	flags?: SafeText;
	/** By process. */
	pid?: number;
	/** By process, ns since boot; 0: not known. */
	start_time?: Ns;
	comm?: SafeText;
	/** By process and by control group. */
	cgroup?: SafeText;
	/** The device has no requests of its own and passes bios on (dm, md, zram): rows of the devices below have them again. */
	stacked?: boolean;
	count: Count;
	bytes: Bytes;
	/** Stage name (src/tracers/io/path.ts) → figures of the interval, in the order of the way; `total` is last. By process: `total` only. */
	stages: Record<string, StageStats>;
	count_total: Count;
	bytes_total: Bytes;
	/** Stage name → Σ ns since start. */
	stages_total: Record<string, { count: Count; sum_ns: Ns }>;
}

/**
 * How a request is known to belong to someone: the task that queued it; the task that made the file dirty which a kernel
 * thread writes back; the control group that the kernel charges; a kernel thread for itself (journal); none of them.
 */
export type Owner = 'submitter' | 'dirtied' | 'cgroup' | 'kernel' | 'none';

/** Where the time of the system call went that waited for a request. Σ parts = `call_ns`. */
export interface OffCpu {
	/** Entry to return. */
	call_ns: Ns;
	/** On the CPU; interrupts that hit it are in here. */
	running_ns: Ns;
	/** Asleep: waiting for the device, or for a lock. */
	blocked_ns: Ns;
	/** Runnable, waiting for a CPU after having slept. */
	runqueue_ns: Ns;
	/** Runnable, waiting for a CPU after having been preempted. */
	preempted_ns: Ns;
	/** Part of `running_ns` that interrupts took: not known, for that would need a hook at each interrupt of the machine. */
	irq_ns: null;
}

/** A request that took longer than the threshold. */
export interface SlowRequest {
	device: SafeText;
	/** Partition that the bio was sent to, `vda2`; the device where it was none. */
	partition: SafeText;
	op: SafeText;
	/** The kernel's names without REQ_: sync, meta, prio, fua, preflush, rahead, background, … */
	flags: SafeText[];
	/** Where on the device, in sectors of 512 bytes. */
	sector: number;
	bytes: Bytes;
	/** Process it belongs to, in the initial pid namespace. */
	pid: number;
	tid: number;
	comm: SafeText;
	cgroup: SafeText;
	owner: Owner;
	/** Absolute path; `inode N` where only that is known; null: no file (journal, file system's own blocks, a raw device). */
	file: SafeText | null;
	/** CLOCK_MONOTONIC at completion. */
	mono_ns: Ns;
	/** Stage name → ns, in the order of the way and without those it did not come through; `total` is last. */
	stages: Record<string, Ns>;
	/** The same, with when each began. */
	waterfall: Step[];
	/** Of a request that a system call waited for, with the full path; null without, and where the call was not seen. */
	off_cpu: OffCpu | null;
}

export interface Inflight {
	device: SafeText;
	op: SafeText;
	bytes: Bytes;
	pid: number;
	comm: SafeText;
	/** In which it is now. */
	stage: string;
	/** Since its first stamp. */
	age_ns: Ns;
}

/** A process and what it has to do with disks. Those that did any IO since start and still live, or did in this interval. */
export interface IoProcess {
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

/** The stages that are attached only while someone asks (`--full-path`). */
export interface FullPath {
	state: 'off' | 'on' | 'detached' | 'unavailable';
	/** In words: why it is detached and when it will be tried again, why it is unavailable; empty: nothing to say. */
	reason: SafeText;
	/** Time in the IO tab's programs, share of one CPU, in the last interval in which it was on. */
	cost_share: number;
	limit_share: number;
}

export interface IoExtra {
	/** Newest last. */
	slow: SlowRequest[];
	/** Slow requests seen but not listed, because of the rate limit. */
	slow_suppressed: Count;
	slow_threshold_ns: Ns;
	/** Oldest first, at most 64; `inflight_count` is all of them. */
	inflight: Inflight[];
	inflight_count: Count;
	/** All that did IO in this interval, those with most requests first, in any group. At most 1,000. */
	processes: IoProcess[];
	/** Of the requests completed in this interval: all, and how their owner is known. */
	associated: { requests: Count } & Record<Owner, Count>;
	/** Requests that the driver sent back in this interval. */
	requeues: Count;
	/** In this interval: bios that became part of a waiting request, requests that became part of another, bios cut in two,
	 * requests that no scheduler saw, completions of a part only. */
	merged_bios: Count;
	merged_requests: Count;
	splits: Count;
	bypassed: Count;
	partial: Count;
	/** Disks that had requests since start and are no longer there; absent: none. Their rows go with their last request. */
	gone?: SafeText[];
	/** Requests that are measured, in words; empty: all. */
	filter: SafeText;
	full_path: FullPath;
}
