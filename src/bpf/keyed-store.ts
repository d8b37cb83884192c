/**
 * The reader's side of bpf/lib/keyed-store.bpf.h: values by key and writer (a program on a CPU). Reading costs what has
 * changed: a part of the index for each writer that had an event, a value for each key that had one. Entries that were
 * left alone for longest are taken back while room is short, so a machine where keys come and go (processes, containers,
 * disks) never fills a store for good.
 */
import type { BpfObject } from '../core/native.ts';
import { store_entry, store_state, store_writer } from '../generated/lib.ts';
import { type Struct, u64, viewOf } from '../lib/decode.ts';
import type { Count } from '../lib/units.ts';
import { Counters, type Distribution, type KernelLatency, type LatencyReader } from './latency.ts';

/** Sizes of a store, for `stores` of {@link openBpf}. */
export interface StoreSize {
	/** Programs that write: each has its own entries on each CPU. */
	programs: number;
	/** log2 of the entries of each writer, see {@link indexBits}. */
	bits: number;
	/** Values of all writers together: by online CPUs, since slots are handed out by need. */
	slots: number;
}

/** Entries of an index over all writers: 24 bytes each, for CPUs that are offline too. */
const MOST_ENTRIES = 2 ** 18;

/**
 * Most entries for each writer that the size of the whole index allows.
 * @param least also on machines with very many possible CPUs
 */
export function indexBits(possibleCpus: number, programs: number, least: number, most: number): number {
	const bits = Math.floor(Math.log2(MOST_ENTRIES / (possibleCpus * programs)));
	return Math.max(least, Math.min(most, bits));
}

/** log2 of the entries that the whole pool fills: a writer with more of them would have no values for the rest. */
export function poolBits(slots: number): number {
	return Math.ceil(Math.log2(slots));
}

/** Constant and sizes that the maps of a store get before loading. */
export function storeMaps(name: string, { programs, bits, slots }: StoreSize, possibleCpus: number) {
	const writers = possibleCpus * programs;
	return {
		constant: `${name}_bits`,
		maxEntries: {
			[`${name}_index`]: writers << bits,
			[`${name}_writers`]: writers,
			[`${name}_free`]: slots,
			[name]: slots,
		},
	};
}

const NO_KEY = new Uint8Array(0);

function number32(value: number): Uint8Array {
	return new Uint8Array(new Uint32Array([value]).buffer);
}

/** Hands all slots to the kernel side. Call after loading, before anything is attached. */
export function fillStore(object: Pick<BpfObject, 'update'>, name: string, { slots }: StoreSize): void {
	for (let slot = 0; slot < slots; slot++) object.update(`${name}_free`, NO_KEY, number32(slot));
}

/** An entry that a writer has claimed for a key, until it is taken back. */
export class Claim {
	/** The words of the key; beyond 2^53 rounded. */
	readonly a: number;
	readonly b: number;
	readonly cpu: number;
	/** Position in the index. */
	readonly at: number;
	readonly slot: number;
	/** The key was overwritten: its value is read once more. */
	closed = false;
	/** Number of the interval of its newest event, as of the last read. */
	epoch: number;
	/** As it was claimed. */
	readonly entry: Uint8Array;
	private readonly counters = new Map<string, Counters>();
	private readonly sums = new Map<string, number>();

	constructor(entry: Uint8Array, at: number, cpu: number) {
		const { a, b, slot, epoch } = store_entry.read(viewOf(entry), 0);
		this.entry = entry;
		this.a = a;
		this.b = b;
		this.slot = slot;
		this.epoch = epoch;
		this.at = at;
		this.cpu = cpu;
	}

	/** How much a sum of its value has grown since the last call with this name. */
	grown(name: string, now: number): number {
		const before = this.sums.get(name) ?? 0;
		if (now !== before) this.sums.set(name, now);
		return now - before;
	}

	/** The same of a distribution. */
	difference(latencies: LatencyReader, name: string, now: KernelLatency): Distribution {
		let before = this.counters.get(name);
		if (!before) {
			before = new Counters();
			this.counters.set(name, before);
		}
		return latencies.since(before, now);
	}
}

/** What is known of a writer. */
interface Writer {
	/** Number of its claims when its part of the index was last searched. */
	claims: number;
	/** By position in its part of the index. */
	readonly entries: Map<number, Claim>;
	/** Has entries that are to be returned. */
	closing: boolean;
}

/** Intervals without an event after which an entry may be taken back; while there is no room at all. */
const [IDLE, IDLE_WITHOUT_ROOM] = [2, 1];
/** Parts of the pool, or of a writer's entries, in use: above the first, idle entries are taken back down to the second. */
const [TIGHT, ROOMY] = [0.5, 0.4];

/** One store of a BPF object: changed values at each read, and the entries that are taken back. */
export class KeyedStore<Value> {
	/** Events that found no room, as of the last read. */
	full: Count = 0;
	/** Slots in use. */
	used: Count = 0;
	private readonly object: Pick<BpfObject, 'readMapped' | 'update'>;
	private readonly map: { readonly name: string; readonly value: Struct<Value> };
	private readonly size: StoreSize;
	private readonly writers: Writer[];
	private readonly counts: Uint8Array;
	private readonly index: Uint8Array;
	private readonly indexView: DataView;
	private readonly value: Uint8Array;
	private readonly valueView: DataView;

	constructor(
		{ object, possibleCpus }: { object: Pick<BpfObject, 'readMapped' | 'update'>; possibleCpus: number },
		map: KeyedStore<Value>['map'],
		size: StoreSize,
	) {
		const writers = possibleCpus * size.programs;
		this.object = object;
		this.map = map;
		this.size = size;
		this.writers = Array.from({ length: writers }, () => ({ claims: 0, entries: new Map(), closing: false }));
		this.counts = new Uint8Array(writers * store_writer.size);
		this.index = new Uint8Array(store_entry.size << size.bits);
		this.indexView = viewOf(this.index);
		// array maps align their values to 8 bytes
		this.value = new Uint8Array((map.value.size + 7) & ~7);
		this.valueView = viewOf(this.value);
	}

	/**
	 * Values with events since the last read. Read them all: what is left alone for long is taken back at the end. Arrays in
	 * a value are valid until the next one.
	 * @param ended number of the interval that this read ends
	 */
	*changed(ended: number): Generator<{ claim: Claim; value: Value }> {
		const counts = viewOf(this.counts);
		const before = this.full;
		this.object.readMapped(`${this.map.name}_writers`, this.counts);
		this.full = 0;
		for (const [number, writer] of this.writers.entries()) {
			const at = number * store_writer.size;
			const claims = counts.getUint32(at + store_writer.at.claims, true);
			this.full += u64(counts, at + store_writer.at.full);
			if (claims === 0) continue;
			if (writer.closing || isRecent(ended, counts.getUint32(at + store_writer.at.epoch, true)))
				yield* this.ofWriter(number, writer, claims, ended);
		}
		this.takeBack(ended, this.full > before);
	}

	private *ofWriter(
		number: number,
		writer: Writer,
		claims: number,
		ended: number,
	): Generator<{ claim: Claim; value: Value }> {
		const { bits, programs } = this.size;
		this.object.readMapped(`${this.map.name}_index`, this.index, number * this.index.length);
		const index = this.indexView;
		if (claims !== writer.claims) {
			writer.claims = claims;
			const cpu = Math.floor(number / programs);
			for (let at = 0; at < 1 << bits; at++) {
				const here = at * store_entry.size;
				if (index.getUint32(here, true) === 0 && index.getUint32(here + 4, true) === 0) continue;
				if (writer.entries.has(at)) continue;
				const entry = this.index.slice(here, here + store_entry.size);
				writer.entries.set(at, new Claim(entry, (number << bits) + at, cpu));
				this.used++;
			}
		}
		writer.closing = false;
		const first = number << bits;
		for (const claim of writer.entries.values()) {
			const at = claim.at - first;
			const epoch = index.getUint32(at * store_entry.size + store_entry.at.epoch, true);
			if (!claim.closed && !isRecent(ended, epoch)) continue;
			if (!claim.closed) claim.epoch = epoch;
			this.object.readMapped(this.map.name, this.value, claim.slot * this.value.length);
			yield { claim, value: this.map.value.read(this.valueView, 0) };
			if (!claim.closed) continue;
			writer.entries.delete(at);
			this.giveBack(claim);
		}
	}

	/** Close the entries without an event for longest. A writer that meets the key again claims another entry for it. */
	private takeBack(ended: number, overflowed: boolean): void {
		const { bits, slots } = this.size;
		const excess = overflowed ? slots : this.used > TIGHT * slots ? this.used - ROOMY * slots : 0;
		const idle: { writer: Writer; claim: Claim }[] = [];
		for (const writer of this.writers) {
			const crowded = writer.entries.size > TIGHT * 2 ** bits;
			if (excess <= 0 && !crowded) continue;
			for (const claim of writer.entries.values())
				if (!claim.closed && age(ended, claim.epoch) >= (overflowed ? IDLE_WITHOUT_ROOM : IDLE))
					idle.push({ writer, claim });
		}
		idle.sort((a, b) => age(ended, b.claim.epoch) - age(ended, a.claim.epoch));
		for (const { writer, claim } of excess > 0 ? idle.slice(0, Math.ceil(excess)) : idle) {
			claim.closed = true;
			writer.closing = true;
			this.write(claim, store_state.STORE_CLOSED);
		}
	}

	private giveBack(claim: Claim): void {
		this.value.fill(0);
		this.object.update(this.map.name, number32(claim.slot), this.value.subarray(0, this.map.value.size));
		this.write(claim, store_state.STORE_FREE);
		this.object.update(`${this.map.name}_free`, NO_KEY, number32(claim.slot));
		this.used--;
	}

	/** The rest of the entry stays: a program that has just found it reads its slot. */
	private write({ at, entry }: Claim, state: number): void {
		viewOf(entry).setBigUint64(store_entry.at.a, BigInt(state), true);
		this.object.update(`${this.map.name}_index`, number32(at), entry);
	}
}

/** Intervals since the newest event; the numbers may wrap around. */
function age(ended: number, epoch: number): number {
	return (ended - epoch) << 0;
}

/**
 * Was there an event in the interval that ended? One interval more than needed, for a CPU that was stopped (a virtual one
 * may be) between stamp and sum.
 */
export function isRecent(ended: number, epoch: number): boolean {
	return age(ended, epoch) <= 1;
}
