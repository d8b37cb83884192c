/** A profile: where the threads of some processes spent their time, by stack. Plain data; everything else is made of it. */
import type { SafeText } from '../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';

/** What is measured. */
export const PROFILE_MODES = ['on-cpu', 'off-cpu', 'wall', 'locks'] as const;
export type ProfileMode = (typeof PROFILE_MODES)[number];

/** What a thread did. Those behind `on-cpu` and `waits for a CPU` are reasons to be blocked. */
export const STATES = [
	'on-cpu',
	'waits for a CPU',
	'disk IO',
	'lock',
	'futex',
	'pipe or socket',
	'memory',
	'poll',
	'sleep',
	'other wait',
	'short waits',
] as const;
export type State = (typeof STATES)[number];

export type FrameKind = 'kernel' | 'user' | 'jit' | 'label';

export interface ProfileFrame {
	name: SafeText;
	/** File name of the program or library, `kernel`, `JIT`; empty: not known. */
	module: SafeText;
	/** Lower-case hexadecimal; empty: not known. */
	build_id: string;
	kind: FrameKind;
}

/** Time of one thread in one stack. */
export interface ProfileStack {
	pid: number;
	tid: number;
	/** Name of the process and of the thread. */
	comm: SafeText;
	thread: SafeText;
	state: State;
	/** Indices into `frames`, outermost first. */
	frames: readonly number[];
	/** Samples, or waits that ended. */
	count: Count;
	/** `count` times the sampling period, or the sum of the waits. */
	ns: Ns;
	/** Locks only: name of the lock, and the one that held it when the wait began. */
	lock?: SafeText;
	owner?: SafeText;
	/** Kernel functions of that one, innermost first: when the wait began, or later where it slept. */
	owner_stack?: readonly SafeText[];
}

/** How much of it is known. */
export interface ProfileQuality {
	/** Samples or waits with a user stack. */
	user_stacks: Count;
	/** Of them, those whose stack ends before the program's first function: code without frame pointers. */
	cut: Count;
	/** Of them, those that end after 2 frames. */
	cut_after_2: Count;
	/** Innermost user frames without a name. */
	unnamed: Count;
	/** Deeper than the kernel records (127 frames). */
	deep: Count;
	/** Processes that had ended before their mappings were read. */
	ended_processes: Count;
	/** The kernel hides its symbols from us. */
	kernel_hidden: boolean;
}

/** How far copied stacks were unwound, by count. */
export interface UnwindCoverage {
	/** Stacks of code from files, of processes that were there: those that can be unwound. */
	files: Count;
	files_whole: Count;
	/**
	 * Stacks that are cut, by cause: `ended` (the process had, before its mappings were read), `compiled` (at run time: no tables and no
	 * frame pointer), `no_tables` (of the file), `beyond_copy` (the stack is larger than what was copied), `other`.
	 */
	cut: Partial<Record<string, Count>>;
}

/** Files whose symbols were to be found elsewhere. */
export interface LateSymbolCounts {
	/** Of `.gnu_debugdata`: files that have it, those whose symbols were read, and those that are damaged or too large. */
	compressed: { asked: Count; found: Count; refused: Count };
	/** Of servers: files that were asked for, found, and failed, the bytes that came, and the last failure; null: none was asked. */
	debuginfod: { asked: Count; found: Count; failed: Count; bytes: Bytes; failure: SafeText } | null;
}

export interface Profile {
	mode: ProfileMode;
	/** Wall clock at the begin, ms since 1970. */
	begun_ms: number;
	/** Length so far. */
	seconds: number;
	/** Samples per second and CPU; 0: none are taken. */
	hz: number;
	/** What is profiled, in words. */
	target: SafeText;
	frames: readonly ProfileFrame[];
	stacks: readonly ProfileStack[];
	quality: ProfileQuality;
	/** Stacks that were copied and unwound by the tables of the files, and the bytes of it; null: that was not asked for. */
	unwound: ({ stacks: Count; bytes: Bytes } & Partial<UnwindCoverage>) | null;
	/** Losses by cause. */
	lost: Readonly<Record<string, Count>>;
	/** Memory of symbols. */
	symbol_bytes: Bytes;
	/** Symbols that came later than their files. */
	late_symbols: LateSymbolCounts;
	/** The process that was profiled has ended; false: it goes on, or it is not one process. */
	target_ended: boolean;
}

/** Unit of a profile's values in files. */
export function unitOf(mode: ProfileMode): 'samples' | 'nanoseconds' {
	return mode === 'on-cpu' ? 'samples' : 'nanoseconds';
}

/** The value of a stack in that unit. */
export function stackValue(mode: ProfileMode, stack: Pick<ProfileStack, 'count' | 'ns'>): number {
	return mode === 'on-cpu' ? stack.count : stack.ns;
}
