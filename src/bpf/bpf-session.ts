/** An attached BPF object as a tracer reads it: shards, iterators, walks and rings as bytes, and its own cost. */
import type { BpfObject } from '../core/native.ts';
import type { BpfCost } from '../core/tracer.ts';
import { walk_result } from '../generated/lib.ts';
import { type Struct, viewOf } from '../lib/decode.ts';

/** Section of programs that hook nothing and run on request only. */
export const WALK_SECTION = 'syscall';

const INITIAL_BUFFER = 64 * 1024;

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
	private readonly buffers = new Map<string, Uint8Array>();
	private readonly ringBytes: ReadonlyMap<string, number>;

	constructor(object: BpfObject, possibleCpus: number, missing: readonly string[]) {
		const loaded = object.programs().filter((program) => program.autoload);
		this.object = object;
		this.possibleCpus = possibleCpus;
		this.missing = missing;
		this.programs = loaded.map((program) => program.name);
		this.hooks = loaded
			.map((program) => program.section)
			.filter((section) => !section.startsWith('iter/') && section !== WALK_SECTION);
		this.ringBytes = new Map(
			object
				.maps()
				.filter((map) => map.type === 'ringbuf')
				.map((map) => [map.name, map.maxEntries]),
		);
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

	/** Run an iterator program. Returns its output, valid until the next call. Runs it again where the output outgrew the buffer. */
	iterate(program: string): DataView {
		let buffer = this.buffer(program, INITIAL_BUFFER);
		for (;;) {
			const written = this.object.iterate(program, buffer);
			if (written <= buffer.length) return viewOf(buffer.subarray(0, written));
			buffer = this.buffer(program, written + (written >> 2));
		}
	}

	/**
	 * Run a program that walks all tasks and reports them in a ring (bpf/lib/walk.bpf.h). False: the walk is incomplete and
	 * its reports are to be dropped; use {@link iterate} then.
	 */
	walk(program: string): boolean {
		return this.object.run(program) === walk_result.WALK_COMPLETE;
	}

	/**
	 * Pass each record of a ring buffer to `take`, with its offset and length in the view. At most one ring's size is read
	 * per call, so a flood of records cannot block the reader.
	 */
	drain(ring: string, take: (view: DataView, at: number, length: number) => void): void {
		const buffer = this.buffer(ring, INITIAL_BUFFER);
		const view = viewOf(buffer);
		const limit = this.ringBytes.get(ring) ?? 0;
		for (let total = 0; total <= limit; ) {
			const bytes = this.object.drain(ring, buffer);
			if (bytes === 0) return;
			for (let at = 0; at < bytes; ) {
				const length = view.getUint32(at, true);
				take(view, at + 8, length);
				at += 8 + ((length + 7) & ~7);
			}
			total += bytes;
		}
	}

	/** Sum over the programs. The kernel counts times and runs only while its BPF statistics are on. */
	cost(): BpfCost {
		const cost = { ns: 0, runs: 0, recursionMisses: 0 };
		for (const program of this.programs) {
			const stats = this.object.stats(program);
			cost.ns += stats.ns;
			cost.runs += stats.runs;
			cost.recursionMisses += stats.recursionMisses;
		}
		return cost;
	}

	close(): void {
		this.buffers.clear();
		this.object.close();
	}

	/** A buffer of at least this size, reused for the life of the session. */
	private buffer(name: string, size: number): Uint8Array {
		let buffer = this.buffers.get(name);
		if (!buffer || buffer.length < size) {
			buffer = new Uint8Array(size);
			this.buffers.set(name, buffer);
		}
		return buffer;
	}
}
