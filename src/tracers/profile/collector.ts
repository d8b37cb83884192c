/** What the BPF objects of a profile have in common (bpf/profile/stacks.bpf.h): stacks by id, counts by stack, address spaces. */
import type { BpfSession } from '../../bpf/bpf-session.ts';
import { HashReader } from '../../bpf/hash-reader.ts';
import { openBpf } from '../../bpf/load.ts';
import { filterSettings, type TaskFilter } from '../../bpf/task-filter.ts';
import type { Host } from '../../core/tracer.ts';
import { task_filter_setting } from '../../generated/lib.ts';
import { maps, no_stack, type profile_key, type profile_value, space, stack } from '../../generated/profile.ts';
import { viewOf } from '../../lib/decode.ts';
import type { Count, Ns } from '../../lib/units.ts';

/** Which threads are profiled. */
export interface Target extends TaskFilter {
	/** A thread of the process. */
	tid?: number | undefined;
}

/** One entry of the map of counts; figures since the object was loaded. */
export interface Counted {
	key: profile_key;
	/** Identity of the address space, which changes with exec. */
	space: string;
	count: Count;
	ns: Ns;
	comm: profile_value['comm'];
}

/** Frames, innermost first; null: the map of stacks was full. */
export type StackFrames = readonly number[] | null;

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
};

export class Collector {
	readonly bpf: BpfSession;
	private readonly counts: HashReader<profile_key, profile_value>;
	private readonly known = new Map<number, StackFrames>();
	private readonly id = new Uint8Array(8);
	private readonly value = new Uint8Array(stack.size);

	/** @throws {Unavailable} */
	constructor(host: Host, object: string, target: Target, options: OpenOptions) {
		this.bpf = openBpf(host, object, {
			...options,
			constants: { ...targetConstants(target), ...options.constants },
			shards: [maps.profile_cpus.name, ...(options.shards ?? [])],
		});
		this.counts = new HashReader(this.bpf, maps.counts, COUNTS);
	}

	/** Address spaces that were seen for the first time since the last call. */
	*newSpaces(): Generator<{ space: string; pid: number; parent: number }> {
		for (const record of this.bpf.records(maps.spaces.name, space.read))
			yield { space: spaceId(record), pid: record.tgid, parent: record.parent };
	}

	*entries(): Generator<Counted> {
		for (const { key, value } of this.counts.entries())
			yield { key, space: spaceId(key), count: value.count, ns: value.ns, comm: value.comm };
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

	losses(): { events: Count; stacks_full: Count; counts_full: Count; unmatched: Count; deep: Count } {
		const sum = { events: 0, stacks_full: 0, counts_full: 0, unmatched: 0, deep: 0 };
		for (const cpu of this.bpf.shards(maps.profile_cpus))
			for (const cause of Object.keys(sum) as (keyof typeof sum)[]) sum[cause] += cpu[cause];
		return sum;
	}

	close(): void {
		this.bpf.close();
	}
}

/** A process that calls exec keeps its pid, and a later process may get the address of the old mm. */
export function spaceId({ space, tgid }: { space: number; tgid: number }): string {
	return `${tgid} ${space}`;
}
