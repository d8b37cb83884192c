/** Entries of a profile as they are counted: by stack, thread and kind. */
import type { profile_key, profile_value } from '../../generated/profile.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { UnwindEnd } from '../../symbols/unwind.ts';

/** One entry of the map of counts; figures since the object was loaded. */
export interface Counted {
	key: profile_key;
	/** Identity of the address space, which changes with exec. */
	space: string;
	count: Count;
	ns: Ns;
	comm: profile_value['comm'];
	user: StackFrames;
	/** Of a user stack that was copied: how far it was unwound. */
	end?: UnwindEnd;
	kernel: StackFrames;
}

/** Frames, innermost first; null: the map of stacks was full. */
export type StackFrames = readonly number[] | null;

/** A process that calls exec keeps its pid, and a later process may get the address of the old mm. */
export function spaceId({ space, tgid }: { space: number; tgid: number }): string {
	return `${tgid} ${space}`;
}
