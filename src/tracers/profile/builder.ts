/** Builds a profile: names for addresses, stacks of the same functions together, and how much of it is known. */

import { stack_limits } from '../../generated/profile.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type {
	FrameKind,
	ProfileFrame,
	ProfileQuality,
	ProfileStack,
	State,
	UnwindCoverage,
} from '../../profile/model.ts';
import { canDemangle } from '../../symbols/demangle.ts';
import type { Frame, Symbolizer } from '../../symbols/symbolizer.ts';
import type { UnwindEnd } from '../../symbols/unwind.ts';
import type { StackFrames } from './counted.ts';

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
	/** Of a user stack that was copied: how far it was unwound. */
	end?: UnwindEnd | undefined;
	count: Count;
	ns: Ns;
	/** Names of kernel functions, innermost first, where addresses are not known. */
	kernelNames?: readonly SafeText[];
	/** Innermost frame of what has no stack. */
	label?: SafeText;
	lock?: SafeText;
	owner?: SafeText;
	/** Innermost first. */
	ownerStack?: readonly SafeText[];
}

/** Functions between a tracepoint and the program that records the stack. */
const HOOK = /^(bpf_prog_|bpf_trace_run|__bpf_trace_|__traceiter_|bpf_trampoline_|trace_call_bpf)/;
const HOOK_FRAMES = 6;
const KERNEL = safe`kernel`;
const NO_STACK = safe`[no stack]`;
const LOST_STACK = safe`[stack not kept]`;

/**
 * Frames of stacks that were named before, for all reads of a profile: most stacks come again in each. A stack with a
 * function whose name may become known later (compiled code) is named anew.
 */
export class NamedStacks {
	private readonly symbolizer: Symbolizer;
	private readonly user = new Map<string, WeakMap<object, readonly Frame[]>>();
	/** Of the symbols that came later than their files. */
	private generation = 0;
	private readonly kernel = new WeakMap<object, readonly Frame[]>();

	constructor(symbolizer: Symbolizer) {
		this.symbolizer = symbolizer;
	}

	/** Innermost first. */
	userFrames(space: string, addresses: readonly number[]): readonly Frame[] {
		const { generation } = this.symbolizer.late;
		if (generation !== this.generation) this.user.clear();
		this.generation = generation;
		let ofSpace = this.user.get(space);
		if (!ofSpace) {
			ofSpace = new WeakMap();
			this.user.set(space, ofSpace);
		}
		const known = ofSpace.get(addresses);
		if (known) return known;
		const frames = addresses.map((address, at) => this.symbolizer.userFrame(space, address, at > 0));
		if (canDemangle() && frames.every(({ named, module }) => named || module !== '')) ofSpace.set(addresses, frames);
		return frames;
	}

	/** Innermost first, without those of our own hook. */
	kernelFrames(addresses: readonly number[]): readonly Frame[] {
		const known = this.kernel.get(addresses);
		if (known) return known;
		const all = addresses.map((address, at) => this.symbolizer.kernelFrame(address, at > 0));
		const hook = all.slice(0, HOOK_FRAMES).findLastIndex(({ name }) => HOOK.test(name));
		// a wait ends in the scheduler: what called it is of interest
		const called = hook < 0 ? 0 : all.findIndex(({ name }, at) => at > hook && !/^(__)?schedule$/.test(name));
		const frames = all.slice(called < 0 ? hook + 1 : called);
		if (canDemangle()) this.kernel.set(addresses, frames);
		return frames;
	}
}

export class ProfileBuilder {
	readonly frames: ProfileFrame[] = [];
	private readonly symbolizer: Symbolizer;
	private readonly named: NamedStacks;
	private readonly index = new Map<string, number>();
	private readonly stacks = new Map<string, ProfileStack>();
	private readonly found = new Map<Frame, number>();
	private quality = { user_stacks: 0, cut: 0, cut_after_2: 0, unnamed: 0 };
	private readonly coverage: UnwindCoverage = { files: 0, files_whole: 0, cut: {} };

	constructor(symbolizer: Symbolizer, named: NamedStacks) {
		this.symbolizer = symbolizer;
		this.named = named;
	}

	add(recorded: Recorded): void {
		const { pid, tid, comm, thread, state, count, ns, label, lock, owner } = recorded;
		const frames = this.path(recorded);
		for (const name of (recorded.kernelNames ?? []).toReversed()) frames.push(this.intern(name, KERNEL, '', 'kernel'));
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
			...(recorded.ownerStack && recorded.ownerStack.length > 0 && { owner_stack: recorded.ownerStack }),
		});
	}

	/** Name of the kernel's own data at an address; undefined: it is in no object that the kernel names. */
	kernelSymbol(address: number): SafeText | undefined {
		return this.symbolizer.kernelData(address);
	}

	/** User functions, innermost first. */
	userNames(space: string, user: StackFrames): readonly Frame[] {
		return user === null ? [] : this.named.userFrames(space, user);
	}

	/** Names of kernel functions, innermost first. */
	kernelNames(kernel: StackFrames): SafeText[] {
		return this.named.kernelFrames(kernel ?? []).map(({ name }) => name);
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
	/** How much of the copied stacks was unwound. */
	unwindCoverage(): UnwindCoverage {
		return this.coverage;
	}

	private path({ space, user, kernel, count, end }: Recorded): number[] {
		const path: number[] = [];
		if (user === null) path.push(this.label(LOST_STACK));
		else if (user.length > 0) {
			const frames = this.named.userFrames(space, user);
			this.judge(frames, count, end);
			for (let at = frames.length - 1; at >= 0; at--) path.push(this.indexOf(frames[at] as Frame));
		}
		if (kernel === null) path.push(this.label(LOST_STACK));
		else {
			const frames = this.named.kernelFrames(kernel);
			for (let at = frames.length - 1; at >= 0; at--) path.push(this.indexOf(frames[at] as Frame));
		}
		return path;
	}

	/** A stack is whole when it ends in the function that starts a process or a thread. */
	private judge(frames: readonly Frame[], count: Count, end?: UnwindEnd): void {
		const { quality, coverage } = this;
		quality.user_stacks += count;
		if (frames[0]?.named === false) quality.unnamed += count;
		const outermost = frames.at(-1);
		// the function of libc that starts programs has a name only in its debug information
		const inLibc = frames.length > 2 && !outermost?.named && /^(libc|libpthread|ld-)/.test(outermost?.module ?? '');
		const whole =
			(outermost?.root ?? false) ||
			inLibc ||
			frames.some(({ root }) => root) ||
			frames.length >= stack_limits.MAX_FRAMES ||
			end === 'whole';
		// code that was compiled at run time and processes that have ended have no tables
		if (end !== undefined && end !== 'ended' && end !== 'compiled') {
			coverage.files += count;
			if (whole) coverage.files_whole += count;
		}
		if (whole) return;
		if (end !== undefined) coverage.cut[end] = (coverage.cut[end] ?? 0) + count;
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
