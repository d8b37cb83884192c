import type { Buckets } from '../histogram.ts';
import type { SafeText } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';

export interface RunqlatKey {
	kind: 'all' | 'process' | 'thread' | 'cgroup' | 'pidns' | 'cpu';
	/** pid, tid, cgroup id, namespace inode, CPU; 0 for `all`. */
	id: number;
	comm: SafeText;
	/** pid and start time for processes and threads. */
	start_time?: Ns;
}

export interface RunqlatRow {
	key: RunqlatKey;
	/** Times that a task of this key got a CPU after waiting for it. */
	count: Count;
	wait_ns: Ns;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
	count_total: Count;
	wait_ns_total: Ns;
}

/** A task that is runnable and not running at the moment of the read. */
export interface Waiting {
	pid: number;
	tid: number;
	comm: SafeText;
	cpu: number;
	age_ns: Ns;
}

export interface RunqlatExtra {
	/** Oldest first, at most 64; `waiting_count` is all of them. */
	waiting: Waiting[];
	waiting_count: Count;
}
