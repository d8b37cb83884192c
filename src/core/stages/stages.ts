/**
 * An object that passes from hook to hook in the kernel (a block request, a packet) is followed through **stages**: each
 * begins at its `from` and lasts until the next hook that this object reaches. Hooks that it does not reach are left out,
 * so the stages of one object add up to its total exactly.
 *
 * A path is an ordered table of stages. Columns, JSON fields, waterfalls and help are generated from it;
 * bpf/lib/stages.bpf.h is the kernel's side, with the same order.
 */

/** The programs that measure a stage: those that always run, or those attached on request (`full`). */
export type Depth = 'block' | 'full';

/** The part of a path between two hooks. */
export interface Stage {
	/** JSON field and part of the sort keys. */
	name: string;
	/** Header of its columns, at most 6 cells. */
	title: string;
	/** Begins when … */
	from: string;
	/** … and ends, on the usual path, when … */
	to: string;
	/** Left out: measured whenever the tracer runs. */
	depth?: Depth;
	/** The meaning of a long stage: one sentence. */
	help: string;
}

/** All stages of one kind of object; see the head of this file. */
export interface Path {
	/** The object that is followed: `request`. */
	object: string;
	/** In the order of the path. */
	stages: readonly Stage[];
}
