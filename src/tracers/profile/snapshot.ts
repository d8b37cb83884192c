/** Snapshots of the profile tab: the contract with screen and batch output (docs/batch.md). */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import type { Hottest, HottestLock } from '../../profile/hottest.ts';
import type { LateSymbolCounts, ProfileMode, ProfileQuality, State } from '../../profile/model.ts';

/** Time of a process or thread in one stack, since the profile began. */
export interface ProfileRow {
	pid: number;
	/** 0: all threads of the process. */
	tid: number;
	/** Start of the process, ns since boot; 0: not known. */
	start_time: Ns;
	comm: SafeText;
	thread: SafeText;
	state: State;
	/** Name of the innermost function. */
	function: SafeText;
	/** Names of functions, outermost first: kernel functions end with `_[k]`, compiled code with `_[j]`. */
	frames: readonly SafeText[];
	/** Samples or waits in the interval, and since the profile began. */
	count: Count;
	count_total: Count;
	time_ns: Ns;
	time_ns_total: Ns;
	/** Kernel locks only. */
	lock?: SafeText;
	owner?: SafeText;
	/** Kernel functions of the owner, innermost first. */
	owner_stack?: readonly SafeText[];
}

/** `target` of a profile of the whole machine. */
export const ALL_PROCESSES = safe`all processes`;

export interface ProfileExtra {
	mode: ProfileMode;
	/** Length of the profile so far. */
	profile_seconds: number;
	/** What is profiled, in words. */
	target: SafeText;
	/** Samples per second and CPU; 0: none are taken. */
	hz: number;
	quality: ProfileQuality;
	/** Stacks that are left out of the rows, and their time; `[rare stacks]` has them. */
	rare: { stacks: Count; ns: Ns };
	symbol_bytes: Bytes;
	/** Stacks that were copied and unwound, and the bytes of it; null: stacks follow frame pointers. */
	unwound: { stacks: Count; bytes: Bytes } | null;
	/** Symbols that came later than their files. Absent in recordings of earlier versions. */
	late_symbols?: LateSymbolCounts;
	/** The process that is profiled has ended. Absent in recordings of earlier versions. */
	target_ended?: boolean;
	/** It has ended, and stays as it is. */
	complete: boolean;
	/** Functions with most time, and locks with most waiting, most first. */
	hottest: readonly Hottest[];
	hottest_locks: readonly HottestLock[];
}
