/** An attached BPF object as a tracer reads it: shards, iterators, walks and rings as bytes, and its own cost. */
import type { BpfObject } from '../core/native.ts';
import type { BpfCost } from '../core/tracer.ts';
import { walk_result } from '../generated/lib.ts';
import { type Struct, viewOf } from '../lib/decode.ts';

/** Section of programs that hook nothing and run on request only. */
export const WALK_SECTION = 'syscall';

const INITIAL_BUFFER = 64 * 1024;
/** Section of the counter in bpf/lib/duration.bpf.h. */
const NEGATIVE_DURATIONS = '.data.negative';
/** The only key of a section. */
const FIRST = new Uint8Array(4);
/** Bytes before the payload of a ring's record: its length as u32, and padding. */
const FRAME = 8;

/** Offset of the record after the one at `at`: payloads are rounded up to 8 bytes. */
function nextRecord(chunk: DataView, at: number): number {
	return at + FRAME + ((chunk.getUint32(at, true) + 7) & ~7);
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
	private readonly buffers = new Map<string, Uint8Array>();
	private readonly ringBytes: ReadonlyMap<string, number>;
	private readonly countsNegative: boolean;
	private readonly negative = new Uint8Array(8);

	constructor(object: BpfObject, possibleCpus: number, missing: readonly string[]) {
		const loaded = object.programs().filter((program) => program.autoload);
		this.object = object;
		this.possibleCpus = possibleCpus;
		this.missing = missing;
		this.programs = loaded.map((program) => program.name);
		this.hooks = loaded
			.map((program) => program.section)
			.filter((section) => !section.startsWith('iter/') && section !== WALK_SECTION);
		const maps = object.maps();
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

	/** Sum over the programs. The kernel counts times and runs only while its BPF statistics are on. */
	cost(): BpfCost {
		const cost = { ns: 0, runs: 0, recursionMisses: 0, negative: 0 };
		for (const program of this.programs) {
			const stats = this.object.stats(program);
			cost.ns += stats.ns;
			cost.runs += stats.runs;
			cost.recursionMisses += stats.recursionMisses;
		}
		if (this.countsNegative) {
			this.object.lookup(NEGATIVE_DURATIONS, FIRST, this.negative);
			cost.negative = Number(new BigUint64Array(this.negative.buffer)[0]);
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
