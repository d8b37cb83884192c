import type { SafeText } from '../sanitize.ts';
import type { Bytes, Count, Ns } from '../units.ts';
import type { Buckets } from '../histogram.ts';

export interface StageStats {
	count: Count;
	mean_ns: Ns;
	p50_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
}

export interface IoRow {
	device: SafeText;
	/** `major:minor` in the kernel's own numbering. */
	dev: SafeText;
	/** Operation name of the kernel: read, write, flush, discard, … */
	op: SafeText;
	count: Count;
	bytes: Bytes;
	/** Stage name → figures of the interval; `total` is among them. */
	stages: Record<string, StageStats>;
	count_total: Count;
	bytes_total: Bytes;
	/** Stage name → Σ ns since start. */
	stages_total: Record<string, { count: Count; sum_ns: Ns }>;
}

/** A request that took longer than the threshold. */
export interface SlowRequest {
	device: SafeText;
	op: SafeText;
	sector: number;
	bytes: Bytes;
	/** Task that queued it, in the initial pid namespace. */
	pid: number;
	comm: SafeText;
	/** CLOCK_MONOTONIC at completion. */
	mono_ns: Ns;
	stages: Record<string, Ns>;
}

export interface Inflight {
	device: SafeText;
	op: SafeText;
	bytes: Bytes;
	pid: number;
	comm: SafeText;
	stage: string;
	age_ns: Ns;
}

export interface IoExtra {
	slow: SlowRequest[];
	/** Slow requests seen but not listed, because of the rate limit. */
	slow_suppressed: Count;
	slow_threshold_ns: Ns;
	/** Oldest first, at most 64; `inflight_count` is all of them. */
	inflight: Inflight[];
	inflight_count: Count;
}
