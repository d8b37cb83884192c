/** The reader's side of bpf/lib/keyed-store.bpf.h, with a stand-in for the kernel's: the same rules, on the same bytes. */
import { expect, test } from 'vitest';
import { indexBits, KeyedStore, type StoreSize } from '../../src/bpf/keyed-store.ts';
import { LatencyReader } from '../../src/bpf/latency.ts';
import { store_entry, store_state, store_writer } from '../../src/generated/lib.ts';
import { u64, viewOf } from '../../src/lib/decode.ts';

/** Values of one number. */
const value = { size: 8, at: {}, read: (view: DataView, at: number) => u64(view, at) } as never;

/** A store as the kernel has it. */
class Kernel {
	readonly maps: Record<string, Uint8Array>;
	readonly free: number[];
	readonly possibleCpus: number;
	readonly size: StoreSize;
	updates = 0;
	epoch = 0;

	constructor(possibleCpus: number, size: StoreSize) {
		const writers = possibleCpus * size.programs;
		this.possibleCpus = possibleCpus;
		this.size = size;
		this.free = Array.from({ length: size.slots }, (_, slot) => slot);
		this.maps = {
			s_index: new Uint8Array((writers << size.bits) * store_entry.size),
			s_writers: new Uint8Array(writers * store_writer.size),
			s: new Uint8Array(size.slots * 8),
		};
	}

	readonly object = {
		readMapped: (map: string, into: Uint8Array, offset = 0): number => {
			into.set((this.maps[map] as Uint8Array).subarray(offset, offset + into.length));
			return into.length;
		},
		update: (map: string, key: Uint8Array, bytes: Uint8Array): void => {
			this.updates++;
			if (map === 's_free') this.free.push(viewOf(bytes).getUint32(0, true));
			else (this.maps[map] as Uint8Array).set(bytes, viewOf(key).getUint32(0, true) * bytes.length);
		},
	};

	store(): KeyedStore<number> {
		return new KeyedStore<number>(this, { name: 's', value }, this.size);
	}

	/** As `store_search()`: entries from the key's own on. Returns whether there was room. */
	add(writer: number, a: number, by = 1, b = 0): boolean {
		const index = viewOf(this.maps['s_index'] as Uint8Array);
		const writers = viewOf(this.maps['s_writers'] as Uint8Array);
		const entries = 1 << this.size.bits;
		const tried = Array.from(
			{ length: Math.min(16, entries) },
			(_, n) => ((writer << this.size.bits) + ((a + n) % entries)) * store_entry.size,
		);
		const of = writer * store_writer.size;
		const isKey = (at: number) => u64(index, at) === a && u64(index, at + store_entry.at.b) === b;
		let at = tried.find(isKey);
		if (at === undefined) {
			at = tried.find((entry) => u64(index, entry) === store_state.STORE_FREE);
			const slot = at === undefined ? undefined : this.free.shift();
			if (at === undefined || slot === undefined) {
				writers.setUint32(of + store_writer.at.full, writers.getUint32(of + store_writer.at.full, true) + 1, true);
				return false;
			}
			index.setBigUint64(at, BigInt(a), true);
			index.setBigUint64(at + store_entry.at.b, BigInt(b), true);
			index.setUint32(at + store_entry.at.slot, slot, true);
			writers.setUint32(of + store_writer.at.claims, writers.getUint32(of + store_writer.at.claims, true) + 1, true);
		}
		index.setUint32(at + store_entry.at.epoch, this.epoch, true);
		writers.setUint32(of + store_writer.at.epoch, this.epoch, true);
		const values = viewOf(this.maps['s'] as Uint8Array);
		const slot = index.getUint32(at + store_entry.at.slot, true) * 8;
		values.setBigUint64(slot, values.getBigUint64(slot, true) + BigInt(by), true);
		return true;
	}
}

/** By key: how much its values have grown, over all writers. */
function read(kernel: Kernel, store: KeyedStore<number>): Record<string, number> {
	const sums: Record<string, number> = {};
	const ended = kernel.epoch++;
	for (const { claim, value: now } of store.changed(ended)) sums[claim.a] = (sums[claim.a] ?? 0) + claim.grown('', now);
	return sums;
}

const SIZE: StoreSize = { programs: 2, bits: 4, slots: 16 };

test('values of all writers, of each what was added since the last read', () => {
	const kernel = new Kernel(3, SIZE);
	const store = kernel.store();
	kernel.add(0, 100, 5);
	kernel.add(5, 100, 2);
	kernel.add(5, 101);
	expect(read(kernel, store)).toEqual({ 100: 7, 101: 1 });
	expect(read(kernel, store)).toEqual({ 100: 0, 101: 0 });
	kernel.add(5, 101, 3);
	expect(read(kernel, store)).toEqual({ 101: 3 });
	expect(store.used).toBe(3);
});

test('writers and keys without an event are not read', () => {
	const kernel = new Kernel(64, SIZE);
	const store = kernel.store();
	kernel.add(0, 100);
	read(kernel, store);
	read(kernel, store);
	const maps: string[] = [];
	const { readMapped } = kernel.object;
	Object.assign(kernel.object, {
		readMapped: (map: string, into: Uint8Array, offset?: number) => {
			maps.push(map);
			return readMapped(map, into, offset);
		},
	});
	expect(read(kernel, store)).toEqual({});
	expect(maps).toEqual(['s_writers']);
	kernel.add(7, 100);
	expect(read(kernel, store)).toEqual({ 100: 1 });
	expect(maps).toEqual(['s_writers', 's_writers', 's_index', 's']);
});

test('keys that come and go for ever find room, and no event is lost or counted twice', () => {
	const kernel = new Kernel(2, { programs: 1, bits: 4, slots: 16 });
	const store = kernel.store();
	const sums: Record<string, number> = {};
	const added: Record<string, number> = {};
	const note = (key: number, writer: number) => {
		if (kernel.add(writer, key)) added[key] = (added[key] ?? 0) + 1;
	};
	for (let round = 0; round < 200; round++) {
		// two that stay, and two that last for one interval
		for (const key of [100, 101, 1000 + 2 * round, 1001 + 2 * round]) note(key, key % 2);
		for (const [key, sum] of Object.entries(read(kernel, store))) sums[key] = (sums[key] ?? 0) + sum;
	}
	expect(store.full).toBe(0);
	expect(sums).toEqual(added);
	expect(added[100]).toBe(200);
	expect(store.used + kernel.free.length).toBe(16);
});

test('the entries that were left alone for longest are taken back first', () => {
	const kernel = new Kernel(1, { programs: 1, bits: 6, slots: 10 });
	const store = kernel.store();
	for (const key of [100, 101, 102]) {
		kernel.add(0, key);
		read(kernel, store);
	}
	for (let n = 0; n < 3; n++) {
		for (const key of [103, 104, 105]) kernel.add(0, key);
		read(kernel, store);
	}
	// 6 of 10 are in use: two go
	read(kernel, store);
	expect(store.used).toBe(4);
	const before = kernel.free.length;
	kernel.add(0, 102);
	expect(kernel.free.length).toBe(before);
	kernel.add(0, 100);
	expect(kernel.free.length).toBe(before - 1);
});

test('an event between the closing of its entry and the return of its slot is counted', () => {
	const kernel = new Kernel(1, { programs: 1, bits: 2, slots: 4 });
	const store = kernel.store();
	for (const key of [100, 101, 102]) kernel.add(0, key);
	read(kernel, store);
	read(kernel, store);
	const slot = 0;
	const values = viewOf(kernel.maps['s'] as Uint8Array);
	read(kernel, store);
	// a program that had found the entry before it was closed
	values.setBigUint64(slot * 8, values.getBigUint64(slot * 8, true) + 4n, true);
	expect(read(kernel, store)).toEqual({ 100: 4, 101: 0 });
	expect(kernel.free.toSorted()).toEqual([0, 1, 3]);
	// the next owner of the slots finds them empty
	expect([0, 1].map((one) => values.getBigUint64(one * 8, true))).toEqual([0n, 0n]);
});

test('what finds no room is counted, and what is idle then gives way', () => {
	const kernel = new Kernel(1, { programs: 1, bits: 6, slots: 4 });
	const store = kernel.store();
	kernel.add(0, 100);
	read(kernel, store);
	for (let n = 0; n < 2; n++) {
		for (const key of [101, 102, 103, 104]) kernel.add(0, key);
		read(kernel, store);
	}
	expect(store.full).toBe(2);
	read(kernel, store);
	expect(kernel.add(0, 104)).toBe(true);
});

test('the interval number may wrap around', () => {
	const kernel = new Kernel(1, SIZE);
	const store = kernel.store();
	kernel.epoch = 2 ** 32 - 1;
	kernel.add(0, 100, 3);
	expect(read(kernel, store)).toEqual({ 100: 3 });
	kernel.epoch = 0;
	kernel.add(0, 100, 2);
	expect(read(kernel, store)).toEqual({ 100: 2 });
});

test('an index never has fewer than its least entries for a writer, and no more than the budget beyond that', () => {
	expect(indexBits(2, 2, 9, 12)).toBe(12);
	expect(indexBits(128, 2, 9, 12)).toBe(10);
	expect(indexBits(256, 2, 9, 12)).toBe(9);
	expect(indexBits(8192, 2, 9, 12)).toBe(9);
});

test('distributions of a claim are differences of its own', () => {
	const kernel = new Kernel(1, SIZE);
	const store = kernel.store();
	kernel.add(0, 100);
	kernel.add(0, 101);
	const latencies = new LatencyReader();
	const slots = new Uint32Array(118);
	slots[3] = 2;
	for (const { claim } of store.changed(0)) {
		const events = claim.difference(latencies, 'total', { slots, sum_ns: 300, max_ns: [200, 0], epoch: 0 });
		expect([events.count, events.sum_ns]).toEqual([2, 300]);
	}
});
