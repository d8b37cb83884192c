/** Builds a profile: names for addresses, stacks of the same functions together, and how much of it is known. */

import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { FrameKind, ProfileFrame, ProfileQuality, ProfileStack, State } from '../../profile/model.ts';
import type { Frame, Symbolizer } from '../../symbols/symbolizer.ts';
import type { StackFrames } from './collector.ts';

/** The deepest stack that the kernel records. */
const MAX_FRAMES = 127;

/** One stack as it was recorded. */
export interface Recorded {
	pid: number;
	tid: number;
	comm: SafeText;
	thread: SafeText;
	state: State;
	space: string;
	user: StackFrames;
	kernel: StackFrames;
	count: Count;
	ns: Ns;
	/** Put above all other frames: it has no stack, or its innermost frame is to be named. */
	label?: SafeText;
	lock?: SafeText;
	owner?: SafeText;
}

const NO_STACK = safe`[no stack]`;
export const LOST_STACK = safe`[stack not kept]`;

export class ProfileBuilder {
	readonly frames: ProfileFrame[] = [];
	private readonly symbolizer: Symbolizer;
	private readonly index = new Map<string, number>();
	private readonly stacks = new Map<string, ProfileStack>();
	private readonly found = new Map<Frame, number>();
	private quality = { user_stacks: 0, cut: 0, cut_after_2: 0, unnamed: 0 };

	constructor(symbolizer: Symbolizer) {
		this.symbolizer = symbolizer;
	}

	add(recorded: Recorded): void {
		const { pid, tid, comm, thread, state, count, ns, label, lock, owner } = recorded;
		const frames = this.path(recorded);
		if (label !== undefined) frames.push(this.label(label));
		if (frames.length === 0) frames.push(this.label(NO_STACK));
		const key = `${pid} ${tid} ${state} ${lock ?? ''} ${owner ?? ''} ${frames.join(',')}`;
		const known = this.stacks.get(key);
		if (known) {
			known.count += count;
			known.ns += ns;
			return;
		}
		this.stacks.set(key, {
			pid,
			tid,
			comm,
			thread,
			state,
			frames,
			count,
			ns,
			...(lock !== undefined && { lock }),
			...(owner !== undefined && { owner }),
		});
	}

	/** Names of kernel functions, innermost first. */
	kernelNames(kernel: StackFrames): SafeText[] {
		return (kernel ?? []).map((address, at) => this.symbolizer.kernelFrame(address, at > 0).name);
	}

	result(): { frames: ProfileFrame[]; stacks: ProfileStack[] } {
		return { frames: this.frames, stacks: [...this.stacks.values()].sort((a, b) => b.ns - a.ns) };
	}

	qualityOf(deep: Count): ProfileQuality {
		return {
			...this.quality,
			deep,
			ended_processes: this.symbolizer.ended,
			kernel_hidden: this.symbolizer.kernelHidden,
		};
	}

	/** Indices of frames, outermost first: user, then kernel. */
	private path({ space, user, kernel, count }: Recorded): number[] {
		const path: number[] = [];
		if (user === null) path.push(this.label(LOST_STACK));
		else if (user.length > 0) {
			const frames = user.map((address, at) => this.symbolizer.userFrame(space, address, at > 0));
			this.judge(frames, count);
			for (let at = frames.length - 1; at >= 0; at--) path.push(this.indexOf(frames[at] as Frame));
		}
		if (kernel === null) path.push(this.label(LOST_STACK));
		else
			for (let at = kernel.length - 1; at >= 0; at--)
				path.push(this.indexOf(this.symbolizer.kernelFrame(kernel[at] as number, at > 0)));
		return path;
	}

	/** A stack is whole when it ends in the function that starts a process or a thread. */
	private judge(frames: readonly Frame[], count: Count): void {
		const { quality } = this;
		quality.user_stacks += count;
		if (frames[0]?.named === false) quality.unnamed += count;
		const outermost = frames.at(-1);
		const inLibc = frames.length > 2 && /^(libc|libpthread|ld-)/.test(outermost?.module ?? '');
		if (outermost?.root || inLibc || frames.some(({ root }) => root) || frames.length >= MAX_FRAMES) return;
		quality.cut += count;
		if (frames.length <= 2) quality.cut_after_2 += count;
	}

	private indexOf(frame: Frame): number {
		const known = this.found.get(frame);
		if (known !== undefined) return known;
		const { name, module, buildId, kind } = frame;
		const index = this.intern(name, module, buildId, kind);
		this.found.set(frame, index);
		return index;
	}

	private label(name: SafeText): number {
		return this.intern(name, safe``, '', 'label');
	}

	private intern(name: SafeText, module: SafeText, buildId: string, kind: FrameKind): number {
		const key = `${kind}\0${name}\0${module}\0${buildId}`;
		let index = this.index.get(key);
		if (index === undefined) {
			index = this.frames.length;
			this.frames.push({ name, module, build_id: buildId, kind });
			this.index.set(key, index);
		}
		return index;
	}
}
