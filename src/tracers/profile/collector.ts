/** What the BPF objects of a profile have in common (bpf/profile/stacks.bpf.h): stacks by id, counts by stack, address spaces. */
import type { BpfSession } from '../../bpf/bpf-session.ts';
import { HashReader } from '../../bpf/hash-reader.ts';
import { openBpf } from '../../bpf/load.ts';
import { filterSettings, type TaskFilter } from '../../bpf/task-filter.ts';
import type { Host } from '../../core/tracer.ts';
import { task_filter_setting } from '../../generated/lib.ts';
import { maps, no_stack, type profile_key, type profile_value, space, stack } from '../../generated/profile.ts';
import { viewOf } from '../../lib/decode.ts';
import type { Count } from '../../lib/units.ts';
import { CopiedStacks, type Unwind } from './copies.ts';
import { type Counted, type StackFrames, spaceId } from './counted.ts';

/** Which threads are profiled. */
export interface Target extends TaskFilter {
	/** A thread of the process. */
	tid?: number | undefined;
}

const NO_FRAMES: StackFrames = [];
const COUNTS = maps.counts.entries;

/** Constants of the target, for each of the objects. */
function targetConstants(target: Target): Record<string, number | bigint> {
	const { on, values } = filterSettings(target);
	const of = (setting: number) => values.find(([one]) => one === setting)?.[1] ?? 0n;
	return {
		filter_on: on,
		filter_tgid: of(task_filter_setting.SETTING_TGID),
		filter_cgroup: of(task_filter_setting.SETTING_CGROUP),
		filter_comm_low: of(task_filter_setting.SETTING_COMM_LOW),
		filter_comm_high: of(task_filter_setting.SETTING_COMM_HIGH),
		filter_tid: target.tid ?? 0,
	};
}

type OpenOptions = Omit<Parameters<typeof openBpf>[2], 'constants'> & {
	constants?: Record<string, number | bigint | boolean>;
	/** Copy user stacks, to be unwound by the tables of the files. */
	copies: boolean;
};

/** Bytes of copied stacks that the kernel keeps between two reads: 600 stacks, 3 s of two busy CPUs at 99 Hz. */
const COPY_BYTES = 1 << 23;

const NO_LOSSES = {
	events: 0,
	stacks_full: 0,
	counts_full: 0,
	unmatched: 0,
	deep: 0,
	copied: 0,
	copied_bytes: 0,
	copies_lost: 0,
};

/** Sums of all CPUs since the object was loaded, and of what user space could not keep. */
export type Losses = Record<keyof typeof NO_LOSSES, Count>;

export class Collector {
	readonly bpf: BpfSession;
	private readonly counts: HashReader<profile_key, profile_value>;
	private readonly copied = new CopiedStacks();
	private readonly known = new Map<number, StackFrames>();
	private readonly id = new Uint8Array(8);
	private readonly value = new Uint8Array(stack.size);

	/** @throws {Unavailable} */
	constructor(host: Host, object: string, target: Target, { copies, ...options }: OpenOptions) {
		this.bpf = openBpf(host, object, {
			...options,
			constants: { ...targetConstants(target), ...options.constants, copy_stacks: copies ? 1 : 0 },
			shards: [maps.profile_cpus.name, ...(options.shards ?? [])],
			...(copies && { maxEntries: { [maps.user_stacks.name]: COPY_BYTES } }),
		});
		this.counts = new HashReader(this.bpf, maps.counts, COUNTS);
	}

	/** Address spaces that were seen for the first time since the last call. */
	*newSpaces(): Generator<{ space: string; pid: number; parent: number }> {
		for (const record of this.bpf.records(maps.spaces.name, space.read))
			yield { space: spaceId(record), pid: record.tgid, parent: record.parent };
	}

	*entries(): Generator<Counted> {
		for (const { key, value } of this.counts.entries()) {
			const { count, ns, comm } = value;
			const [user, kernel] = [this.frames(key.user), this.frames(key.kernel)];
			yield { key, space: spaceId(key), count, ns, comm, user, kernel };
		}
		yield* this.copied.entries;
	}

	/** Unwind the stacks that were copied since the last call. */
	drainCopies(unwind: Unwind): void {
		const frames = (id: number) => this.frames(id);
		this.bpf.drain(maps.user_stacks.name, (view, at) => this.copied.add(view, at, unwind, frames));
	}

	/** The stack of an id; empty: there is none. */
	frames(id: number): StackFrames {
		if (id === no_stack.STACK_NONE) return NO_FRAMES;
		if (id === no_stack.STACK_LOST) return null;
		const known = this.known.get(id);
		if (known !== undefined) return known;
		viewOf(this.id).setBigUint64(0, BigInt(id), true);
		if (!this.bpf.object.lookup(maps.stacks.name, this.id, this.value)) return null;
		const { frames, depth } = stack.read(viewOf(this.value), 0);
		const list = Array.from(frames.subarray(0, depth));
		this.known.set(id, list);
		return list;
	}

	losses(): Losses {
		const { full, deep } = this.copied;
		const sum = { ...NO_LOSSES, counts_full: full, deep };
		for (const cpu of this.bpf.shards(maps.profile_cpus))
			for (const cause of Object.keys(sum) as (keyof typeof sum)[]) sum[cause] += cpu[cause];
		return sum;
	}

	close(): void {
		this.bpf.close();
	}
}
