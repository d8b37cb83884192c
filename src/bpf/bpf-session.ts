/** An attached BPF object as a tracer reads it: shards, iterators, walks and rings as bytes, and its own cost. */
import type { BpfObject, ProgramStats } from '../core/native.ts';
import type { BpfCost, ProgramCost } from '../core/tracer.ts';
import { walk_result } from '../generated/lib.ts';
import { monotonicNs } from '../lib/clock.ts';
import { type Struct, u64, viewOf } from '../lib/decode.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';

/** Section of programs that hook nothing and run on request only. */
export const WALK_SECTION = 'syscall';
/** Section of programs that a clock runs (`BpfObject.attachClock`). */
export const CLOCK_SECTION = 'perf_event';

const INITIAL_BUFFER = 64 * 1024;
/** Buffers that are given back when they were not needed for {@link KEEP_LARGE}. */
const LARGE: Bytes = 256 * 1024;
const KEEP_LARGE: Ns = 5e9;
/** Section of the counter in bpf/lib/duration.bpf.h. */
const NEGATIVE_DURATIONS = '.data.negative';
/** The only key of a section. */
const FIRST = new Uint8Array(4);
/** Map of bpf/lib/runs.bpf.h. */
export const RUNS = 'runs';
/** Prefix of the names of counted programs. */
const RUN_PREFIX = 'RUN_';
/** Bytes before the payload of a ring's record: its length as u32, and padding. */
const FRAME = 8;

/** Offset of the record after the one at `at`: payloads are rounded up to 8 bytes. */
function nextRecord(chunk: DataView, at: number): number {
	return at + FRAME + ((chunk.getUint32(at, true) + 7) & ~7);
}

/** Oldest figures of the kernel that {@link BpfSession.cost} returns unless fresh ones are asked for. */
const STATS_PAUSE: Ns = 5e9;

/** Programs whose runs are counted together, by other means than bpf/lib/runs.bpf.h. */
export interface ProgramGroup {
	programs: readonly string[];
	/** Of all of them, since load. */
	runs: Count;
}

export interface BpfSessionIdentity {
	/** Of the object. */
	id: string;
	/** The generated `counted_program`: indices into {@link RUNS}. */
	counted?: Readonly<Record<string, number>>;
}

/** Loadings so far. */
let loads = 0;

/** Sum of the costs of several objects. */
export function addCosts(...costs: readonly BpfCost[]): BpfCost {
	const sum = (figure: 'ns' | 'runs' | 'recursionMisses' | 'negative') =>
		costs.reduce((total, cost) => total + cost[figure], 0);
	return {
		ns: sum('ns'),
		runs: sum('runs'),
		programs: costs.flatMap(({ programs }) => programs),
		recursionMisses: sum('recursionMisses'),
		negative: sum('negative'),
	};
}

/** An attached BPF object; {@link openBpf} makes one. */
export class BpfSession {
	readonly object: BpfObject;
	/** Sections of the attached programs that hook something, e.g. `tp_btf/sched_switch`. */
	readonly hooks: readonly string[];
	readonly possibleCpus: number;
	/** Missing kernel features and what each costs, a sentence each. */
	readonly missing: readonly string[];
	/** Names of the loaded programs. */
	private readonly programs: readonly string[];
	/** Those that hook something: the others run in our own system calls, whose time the process's CPU time has. */
	private readonly hooking: ReadonlySet<string>;
	private readonly buffers = new Map<string, Uint8Array>();
	/** Large buffers, and when more than a quarter of one was filled last. */
	private readonly filled = new Map<string, Ns>();
	private readonly ringBytes: ReadonlyMap<string, number>;
	private readonly countsNegative: boolean;
	/** Of {@link NEGATIVE_DURATIONS}, as of `askedAt`. */
	private negative: Count = 0;
	private readonly id: string;
	private readonly load = ++loads;
	/** Of `programs`, as the kernel had them at `askedAt`. */
	private readonly stats: ProgramStats[] = [];
	private askedAt: Ns = Number.NEGATIVE_INFINITY;
	/** Programs that count their runs, by their index into {@link RUNS}. */
	private readonly counted: ReadonlyMap<string, number>;
	/** Bytes of one CPU in {@link RUNS}. */
	private readonly runsSize: number;

	constructor(object: BpfObject, possibleCpus: number, missing: readonly string[], identity: BpfSessionIdentity) {
		const loaded = object.programs().filter((program) => program.autoload);
		this.object = object;
		this.possibleCpus = possibleCpus;
		this.missing = missing;
		this.programs = loaded.map((program) => program.name);
		const hooking = loaded.filter(({ section }) => !section.startsWith('iter/') && section !== WALK_SECTION);
		this.hooks = hooking.map(({ section }) => section);
		this.hooking = new Set(hooking.map(({ name }) => name));
		const maps = object.maps();
		this.id = identity.id;
		this.counted = new Map(
			Object.entries(identity.counted ?? {}).map(([name, place]) => [name.slice(RUN_PREFIX.length), place]),
		);
		this.runsSize = maps.find(({ name }) => name === RUNS)?.valueSize ?? 0;
		this.countsNegative = maps.some(({ name }) => name === NEGATIVE_DURATIONS);
		this.ringBytes = new Map(maps.filter((map) => map.type === 'ringbuf').map((map) => [map.name, map.maxEntries]));
	}

	/** Was this program loaded and attached (see `optional`)? */
	has(program: string): boolean {
		return this.programs.includes(program);
	}

	/** All shards of a CPU_SHARDS map, by CPU number. No system call. Arrays inside share one buffer: valid until the next call. */
	shards<T>(map: { readonly name: string; readonly value: Struct<T> }): T[] {
		// array maps align their values to 8 bytes
		const stride = (map.value.size + 7) & ~7;
		const buffer = this.buffer(map.name, stride * this.possibleCpus);
		this.object.readMapped(map.name, buffer);
		const view = viewOf(buffer);
		return Array.from({ length: this.possibleCpus }, (_, cpu) => map.value.read(view, cpu * stride));
	}

	/** The first member of each shard of a CPU_SHARDS map, by CPU number. No system call. */
	heads<T>(map: { readonly name: string; readonly value: Struct<object> }, head: Struct<T>): T[] {
		const stride = (map.value.size + 7) & ~7;
		const buffer = this.buffer(`head of ${map.name}`, head.size);
		const view = viewOf(buffer);
		return Array.from({ length: this.possibleCpus }, (_, cpu) => {
			this.object.readMapped(map.name, buffer, cpu * stride);
			return head.read(view, 0);
		});
	}

	/** The counter that a section of the object begins with. */
	counter(section: string): Count {
		const value = new Uint8Array(8);
		this.object.lookup(section, FIRST, value);
		return u64(viewOf(value), 0);
	}

	/** Run an iterator program. Returns its output, valid until the next call. Runs it again where the output outgrew the buffer. */
	iterate(program: string): DataView {
		let buffer = this.buffer(program, INITIAL_BUFFER);
		for (;;) {
			const written = this.object.iterate(program, buffer);
			if (written <= buffer.length) {
				if (buffer.length > LARGE && written > buffer.length / 4) this.filled.set(program, monotonicNs());
				return viewOf(buffer.subarray(0, written));
			}
			buffer = this.buffer(program, written + (written >> 2));
		}
	}

	/**
	 * Run a program that walks all tasks and reports them in a ring (bpf/lib/walk.bpf.h). False: the walk is incomplete, and
	 * its reports are dropped; use {@link iterate} then.
	 */
	walk(program: string, reports: string): boolean {
		const complete = this.object.run(program) === walk_result.WALK_COMPLETE;
		if (!complete) this.drain(reports, () => {});
		return complete;
	}

	/**
	 * Pass each record of a ring buffer to `take`, with its offset and length in the view. At most one ring's size is read
	 * per call, so a flood of records cannot block the reader.
	 */
	drain(ring: string, take: (view: DataView, at: number, length: number) => void): void {
		for (const chunk of this.chunks(ring)) {
			for (let at = 0; at < chunk.byteLength; at = nextRecord(chunk, at))
				take(chunk, at + FRAME, chunk.getUint32(at, true));
		}
	}

	/** As {@link drain}, decoded one by one: a record is valid until the next one is taken. */
	*records<T>(ring: string, decode: (view: DataView, at: number) => T): Generator<T, void> {
		for (const chunk of this.chunks(ring))
			for (let at = 0; at < chunk.byteLength; at = nextRecord(chunk, at)) yield decode(chunk, at + FRAME);
	}

	/** The framed records of a ring, a buffer full at a time. */
	private *chunks(ring: string): Generator<DataView, void> {
		const buffer = this.buffer(ring, INITIAL_BUFFER);
		const limit = this.ringBytes.get(ring) ?? 0;
		for (let total = 0; total <= limit; ) {
			const bytes = this.object.drain(ring, buffer);
			if (bytes === 0) return;
			yield viewOf(buffer.subarray(0, bytes));
			total += bytes;
		}
	}

	/**
	 * Since load. The kernel counts times and runs only while its BPF statistics are on.
	 * @param fresh false: what the kernel counts may be some seconds old
	 * @param groups programs that do not count in {@link RUNS}
	 */
	cost(fresh = true, groups: readonly ProgramGroup[] = []): BpfCost {
		const cost = { ns: 0, runs: 0, recursionMisses: 0, negative: 0 };
		const programs = new Map<string, ProgramCost>();
		const runs = this.runs();
		const now = monotonicNs();
		const asks = fresh || now - this.askedAt >= STATS_PAUSE;
		if (asks) this.askedAt = now;
		for (const [index, program] of this.programs.entries()) {
			if (asks) this.stats[index] = this.object.stats(program);
			const stats = this.stats[index] as ProgramStats;
			cost.ns += stats.ns;
			cost.runs += stats.runs;
			cost.recursionMisses += stats.recursionMisses;
			if (!this.hooking.has(program)) continue;
			const group = groups.find((one) => one.programs.includes(program));
			const place = this.counted.get(program);
			const key = group?.programs[0] ?? program;
			const seen = programs.get(key)?.seen ?? { runs: 0, ns: 0 };
			seen.runs += stats.runs;
			seen.ns += stats.ns;
			const counted = group?.runs ?? (place === undefined ? null : (runs[place] ?? null));
			programs.set(key, { name: `${this.id} ${key}`, load: this.load, runs: counted, seen });
		}
		if (this.countsNegative) {
			if (asks) this.negative = this.counter(NEGATIVE_DURATIONS);
			cost.negative = this.negative;
		}
		return { ...cost, programs: [...programs.values()] };
	}

	/** Runs of the programs by their index into {@link RUNS}, of all CPUs. */
	private runs(): Count[] {
		if (this.counted.size === 0 || this.runsSize === 0) return [];
		const buffer = this.buffer(RUNS, this.runsSize * this.possibleCpus);
		this.object.readMapped(RUNS, buffer);
		const view = viewOf(buffer);
		const sums: Count[] = [];
		for (const place of this.counted.values()) {
			let sum = 0;
			for (let cpu = 0; cpu < this.possibleCpus; cpu++) sum += u64(view, cpu * this.runsSize + place * 8);
			sums[place] = sum;
		}
		return sums;
	}

	close(): void {
		this.buffers.clear();
		this.object.close();
	}

	/** A buffer of at least this size, reused; a large one while it is needed. */
	private buffer(name: string, size: number): Uint8Array {
		if (this.filled.size > 0) this.dropLarge();
		let buffer = this.buffers.get(name);
		if (!buffer || buffer.length < size) {
			buffer = new Uint8Array(size);
			this.buffers.set(name, buffer);
		}
		return buffer;
	}

	/** After a storm of processes, whose tasks were reported whole. */
	private dropLarge(): void {
		const now = monotonicNs();
		for (const [name, at] of this.filled) {
			if (now - at < KEEP_LARGE) continue;
			this.filled.delete(name);
			this.buffers.delete(name);
		}
	}
}
