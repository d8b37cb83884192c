/** Stacks that the kernel copied (bpf/profile/user-stack.bpf.h): unwound as they are read, and counted by their frames. */
import { user_copy, user_stack } from '../../generated/profile.ts';
import type { Count } from '../../lib/units.ts';
import type { CopiedStack, Unwound } from '../../symbols/unwind.ts';
import { type Counted, spaceId } from './counted.ts';

/** Entries, as many as the kernel's own map has. */
const MAX_ENTRIES = 16_384;
/** As many as the kernel records. */
const MAX_FRAMES = 127;

export type Unwind = (space: string, stack: CopiedStack, limit: number) => Unwound;

export class CopiedStacks {
	/** Distinct stacks that were not counted: there were too many. */
	full: Count = 0;
	/** Deeper than the limit. */
	deep: Count = 0;
	private readonly byFrames = new Map<string, Counted>();
	/** One array for equal frames: names are remembered by it. */
	private readonly frames = new Map<string, readonly number[]>();

	get entries(): IterableIterator<Counted> {
		return this.byFrames.values();
	}

	/**
	 * A record of the ring. @param byPointers frames as frame pointers give them, kept where unwinding got no further
	 * @param kernel frames of the kernel
	 */
	add(
		view: DataView,
		at: number,
		unwind: Unwind,
		byPointers: (id: number) => readonly number[] | null,
		kernel: (id: number) => readonly number[] | null,
	): void {
		const { key, count, ns, comm, bytes } = user_stack.read(view, at);
		const space = spaceId(key);
		const from = view.byteOffset + at;
		const registers = new DataView(view.buffer, from + user_stack.at.registers, user_copy.COPY_REGISTERS * 8);
		const memory = new DataView(view.buffer, from + user_stack.size, bytes);
		const { frames, whole } = unwind(space, { registers, memory }, MAX_FRAMES);
		const others = whole ? null : byPointers(key.user);
		const user = this.intern(others !== null && others.length > frames.length ? others : frames);
		if (user.length >= MAX_FRAMES) this.deep++;
		const id = `${space} ${key.tid} ${key.kind} ${key.kernel} ${user.join(',')}`;
		const known = this.byFrames.get(id);
		if (known) {
			known.count += count;
			known.ns += ns;
		} else if (this.byFrames.size >= MAX_ENTRIES) this.full++;
		else
			this.byFrames.set(id, { key, space, count, ns, comm: Uint8Array.from(comm), user, kernel: kernel(key.kernel) });
	}

	private intern(frames: readonly number[]): readonly number[] {
		const id = frames.join(',');
		const known = this.frames.get(id);
		if (known) return known;
		if (this.frames.size < MAX_ENTRIES) this.frames.set(id, frames);
		return frames;
	}
}
