/** Stacks that the kernel copied (bpf/profile/user-stack.bpf.h): unwound as they are read, and counted by their frames. */
import { maps, stack_limits, user_copy, user_stack } from '../../generated/profile.ts';
import type { Count } from '../../lib/units.ts';
import type { CopiedStack, UnwindEnd, Unwound } from '../../symbols/unwind.ts';
import { type Counted, type StackFrames, spaceId } from './counted.ts';

/** As many as the kernel's own map has. */
const MAX_ENTRIES = maps.counts.entries;
const { MAX_FRAMES } = stack_limits;

export type Unwind = (space: string, stack: CopiedStack, limit: number) => Unwound;

interface Interned {
	frames: readonly number[];
	text: string;
	end: UnwindEnd;
}

export class CopiedStacks {
	/** Distinct stacks that were not counted: there were too many. */
	full: Count = 0;
	/** Deeper than the limit. */
	deep: Count = 0;
	private readonly byFrames = new Map<string, Counted>();
	/** One array for equal frames, with its text: names are remembered by the array. */
	private readonly interned = new Map<string, Interned>();

	get entries(): IterableIterator<Counted> {
		return this.byFrames.values();
	}

	/**
	 * A record of the ring. @param framesOf the stack of an id: of the kernel, and as frame pointers give it, which is kept where
	 * unwinding got no further
	 */
	add(view: DataView, at: number, unwind: Unwind, framesOf: (id: number) => StackFrames): void {
		const { key, count, ns, comm, bytes } = user_stack.read(view, at);
		const space = spaceId(key);
		const from = view.byteOffset + at;
		const registers = new DataView(view.buffer, from + user_stack.at.registers, user_copy.COPY_REGISTERS * 8);
		const memory = new DataView(view.buffer, from + user_stack.size, bytes);
		const { frames, end } = unwind(space, { registers, memory }, MAX_FRAMES);
		const others = end === 'whole' ? null : framesOf(key.user);
		const user = this.intern(others !== null && others.length > frames.length ? others : frames, end);
		if (user.frames.length >= MAX_FRAMES) this.deep++;
		const id = `${space} ${key.tid} ${key.kind} ${key.kernel} ${user.text}`;
		const known = this.byFrames.get(id);
		if (known) {
			known.count += count;
			known.ns += ns;
		} else if (this.byFrames.size >= MAX_ENTRIES) this.full++;
		else {
			const stacks = { user: user.frames, kernel: framesOf(key.kernel), end: user.end };
			this.byFrames.set(id, { key, space, count, ns, comm: Uint8Array.from(comm), ...stacks });
		}
	}

	private intern(frames: readonly number[], end: UnwindEnd): Interned {
		const text = frames.join(',');
		const known = this.interned.get(text);
		if (known) return known;
		const fresh = { frames, text, end };
		if (this.interned.size < MAX_ENTRIES) this.interned.set(text, fresh);
		return fresh;
	}
}
