/**
 * An object that the kernel hands from hook to hook (a block request, a packet) is followed through **stages**: each begins
 * at its `from` and lasts until the next of the hooks that this object came through. Left out is what an object did not
 * come through, so the stages of one object always add up to its total, exactly.
 *
 * A path is a table of stages in the order of the way. Columns, JSON fields, waterfalls and help follow from it;
 * bpf/lib/stages.bpf.h is the kernel's side, with the same order.
 */

/** Which programs measure it: those that always run, or those that are attached while someone looks (`full`). */
export type Depth = 'block' | 'full';

export interface Stage {
	/** JSON field and part of the sort keys. */
	name: string;
	/** Header of its columns, at most 6 cells. */
	title: string;
	/** Begins when … */
	from: string;
	/** … and ends, on the usual way, when … */
	to: string;
	/** Those without are measured whenever the tracer runs. */
	depth?: Depth;
	/** What it means when this is long: one sentence. */
	help: string;
}

export interface Path {
	/** What is followed: `request`. */
	object: string;
	/** In the order of the way. */
	stages: readonly Stage[];
}
