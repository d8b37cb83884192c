import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BpfAddon, BpfObject } from '../../src/core/native.ts';
import { kernelMemory } from '../../src/sampling/kernel-memory.ts';
import { addon, type Events, type Fixtures, makeFixtures, openEvents, thrown } from './support.ts';

let native: BpfAddon;
let fixtures: Fixtures;
let mapsPath: string;
let eventsPath: string;

beforeAll(() => {
	native = addon();
	fixtures = makeFixtures();
	mapsPath = fixtures.compile('maps');
	eventsPath = fixtures.compile('events');
});

afterAll(() => fixtures.remove());

const u32 = (...numbers: number[]): Uint8Array => new Uint8Array(Uint32Array.from(numbers).buffer);
const u64 = (...numbers: number[]): Uint8Array => new Uint8Array(BigUint64Array.from(numbers, BigInt).buffer);

describe('maps', () => {
	let object: BpfObject;
	const map = (name: string): string => fixtures.named(name);

	beforeEach(() => {
		object = native.open(mapsPath);
		object.load();
	});

	afterEach(() => object.close());

	test('are listed', () => {
		expect(object.maps()).toEqual([
			{ name: map('hash'), type: 'hash', keySize: 4, valueSize: 8, maxEntries: 4096 },
			{ name: map('small'), type: 'hash', keySize: 4, valueSize: 20, maxEntries: 4 },
			{ name: map('cpuhash'), type: 'percpu_hash', keySize: 8, valueSize: 20, maxEntries: 64 },
			{ name: map('cpuarray'), type: 'percpu_array', keySize: 4, valueSize: 4, maxEntries: 5 },
			{ name: map('array'), type: 'array', keySize: 4, valueSize: 20, maxEntries: 300 },
			{ name: map('mapped'), type: 'array', keySize: 4, valueSize: 20, maxEntries: 300 },
			{ name: map('queue'), type: 'queue', keySize: 0, valueSize: 8, maxEntries: 4 },
			{ name: map('devices'), type: 'devmap', keySize: 4, valueSize: 4, maxEntries: 8 },
		]);
	});

	test('are counted as memory of the kernel while they are open, at the size they have', () => {
		const before = kernelMemory('/proc') as number;
		const other = native.open(mapsPath);
		// values of arrays lie 8 bytes apart
		other.setMaxEntries(map('array'), 100_000);
		other.load();
		const held = (kernelMemory('/proc') as number) - before;
		expect(held).toBeGreaterThan(100_000 * 24);
		expect(held).toBeLessThan(100_000 * 24 + 1_000_000);
		other.close();
		expect(kernelMemory('/proc')).toBe(before);
	});

	test('take the size that was set before load', () => {
		const other = native.open(mapsPath);
		other.setMaxEntries(map('small'), 9);
		other.load();
		expect(other.maps().find(({ name }) => name === map('small'))?.maxEntries).toBe(9);
		for (let key = 0; key < 9; key++) {
			other.update(map('small'), u32(key), new Uint8Array(20));
		}
		other.close();
	});

	test('give, take and lose single entries', () => {
		const value = new Uint8Array(8);
		expect(object.lookup(map('hash'), u32(5), value)).toBe(false);
		object.update(map('hash'), u32(5), u64(77));
		object.update(map('hash'), u32(5), u64(78));
		expect(object.lookup(map('hash'), u32(5), value)).toBe(true);
		expect(value).toEqual(u64(78));
		expect(object.remove(map('hash'), u32(5))).toBe(true);
		expect(object.remove(map('hash'), u32(5))).toBe(false);
		expect(object.lookup(map('hash'), u32(5), value)).toBe(false);
	});

	test('respect where a view begins and ends', () => {
		const guarded = new Uint8Array(30).fill(0xa5);
		object.update(map('hash'), guarded.fill(1, 3, 7).subarray(3, 7), guarded.fill(2, 11, 19).subarray(11, 19));
		guarded.fill(0xa5);
		expect(object.lookup(map('hash'), u32(0x01010101), guarded.subarray(5, 13))).toBe(true);
		expect([...guarded]).toEqual([...Array(5).fill(0xa5), ...Array(8).fill(2), ...Array(17).fill(0xa5)]);
		const shared = new Uint8Array(new SharedArrayBuffer(16), 3, 8);
		expect(object.lookup(map('hash'), u32(0x01010101), shared)).toBe(true);
		expect([...shared]).toEqual(Array(8).fill(2));
		const buffer = Buffer.alloc(8);
		expect(object.lookup(map('hash'), Buffer.from([1, 1, 1, 1]), buffer)).toBe(true);
		expect(buffer.readUInt32LE(4)).toBe(0x02020202);
	});

	test('say when they are full', () => {
		for (let key = 0; key < 4; key++) {
			object.update(map('small'), u32(key), new Uint8Array(20).fill(key));
		}
		const error = thrown(() => object.update(map('small'), u32(4), new Uint8Array(20)));
		expect(error.code).toBe('E2BIG');
		expect(error.message).toContain(`update w${fixtures.tag}: map ${map('small')}: `);
		object.update(map('small'), u32(3), new Uint8Array(20));
	});

	test('want keys and values of their own size', () => {
		for (const call of [
			() => object.lookup(map('hash'), new Uint8Array(3), new Uint8Array(8)),
			() => object.lookup(map('hash'), new Uint8Array(4), new Uint8Array(7)),
			() => object.lookup(map('hash'), new Uint8Array(4), new Uint8Array(9)),
			() => object.update(map('hash'), new Uint8Array(8), new Uint8Array(8)),
			() => object.update(map('hash'), new Uint8Array(4), new Uint8Array(0)),
			() => object.remove(map('hash'), new Uint8Array(0)),
			() => object.lookup(map('cpuhash'), new Uint8Array(8), new Uint8Array(20)),
			() => object.lookup(map('queue'), new Uint8Array(4), new Uint8Array(8)),
			() => object.update(map('queue'), new Uint8Array(0), new Uint8Array(4)),
			() => object.remove(map('queue'), new Uint8Array(0)),
			() => object.readBatch(map('queue'), new Uint8Array(8), new Uint8Array(8)),
			() => object.readBatch(map('hash'), new Uint8Array(6), new Uint8Array(16)),
			() => object.readBatch(map('hash'), new Uint8Array(8), new Uint8Array(15)),
			() => object.readBatch(map('hash'), new Uint8Array(0), new Uint8Array(8)),
			() => object.readBatch(map('cpuhash'), new Uint8Array(8), new Uint8Array(20)),
		]) {
			expect(thrown(call)).toMatchObject({ code: 'EINVAL', log: '' });
		}
	});

	test('a queue has values without keys: the one that was put in first is seen, and a full one refuses more', () => {
		const none = new Uint8Array(0);
		const seen = new Uint8Array(8);
		expect(object.lookup(map('queue'), none, seen)).toBe(false);
		for (const value of [7, 8, 9, 10]) object.update(map('queue'), none, u64(value));
		expect(object.lookup(map('queue'), none, seen)).toBe(true);
		expect(seen).toEqual(u64(7));
		expect(thrown(() => object.update(map('queue'), none, u64(11)))).toMatchObject({ code: 'E2BIG' });
	});

	describe('in batches', () => {
		const entries = 3000;
		const expected = new Map(Array.from({ length: entries }, (_, i) => [i * 7, BigInt(i) ** 2n]));

		function fill(): void {
			for (const [key, value] of expected) {
				object.update(map('hash'), u32(key), u64(Number(value)));
			}
		}

		function read(capacity: number, remove?: boolean): [number, bigint][] {
			const keys = new Uint32Array(capacity);
			const values = new BigUint64Array(capacity);
			const count = object.readBatch(map('hash'), new Uint8Array(keys.buffer), new Uint8Array(values.buffer), remove);
			expect(count).toBeLessThanOrEqual(capacity);
			return [...keys.subarray(0, count)].map((key, i) => [key, values[i] ?? -1n]);
		}

		test('an empty hash', () => {
			expect(read(10)).toEqual([]);
			expect(read(10, true)).toEqual([]);
		});

		test('a whole hash, and again', () => {
			fill();
			expect(new Map(read(4096))).toEqual(expected);
			expect(new Map(read(entries, false))).toEqual(expected);
		});

		test('keys and values: the shorter counts', () => {
			fill();
			expect(object.readBatch(map('hash'), new Uint8Array(4 * 4096), new Uint8Array(8 * 5))).toBe(5);
			expect(object.readBatch(map('hash'), new Uint8Array(4 * 6), new Uint8Array(8 * 4096))).toBe(6);
		});

		test.each([1, 2, 3, 7, 100, 2999, 4096])('removing %i at a time, each exactly once', (capacity) => {
			fill();
			const seen: [number, bigint][] = [];
			for (;;) {
				const some = read(capacity, true);
				seen.push(...some);
				if (some.length < capacity) {
					break;
				}
			}
			expect(seen).toHaveLength(entries);
			expect(new Map(seen)).toEqual(expected);
			expect(read(4096)).toEqual([]);
		});

		test.each([1, 2, 3, 7, 100, 2999])('reading %i fills the buffer, without doubles', (capacity) => {
			fill();
			const some = read(capacity);
			expect(new Map(some).size).toBe(capacity);
			for (const [key, value] of some) {
				expect(expected.get(key)).toBe(value);
			}
		});

		test('per-CPU hashes give a value for each possible CPU', () => {
			const bytes = 24 * native.possibleCpus();
			const value = Uint8Array.from({ length: bytes }, (_, i) => (i % 24 < 20 ? i : 0));
			for (let key = 0; key < 50; key++) {
				object.update(map('cpuhash'), u64(key), value);
			}
			const keys = new BigUint64Array(64);
			const values = new Uint8Array(64 * bytes);
			for (const remove of [false, true]) {
				values.fill(0);
				expect(object.readBatch(map('cpuhash'), new Uint8Array(keys.buffer), values, remove)).toBe(50);
				expect([...keys.subarray(0, 50)].sort((a, b) => Number(a - b))).toEqual(
					Array.from({ length: 50 }, (_, i) => BigInt(i)),
				);
				expect(values.subarray(49 * bytes, 50 * bytes)).toEqual(value);
			}
			const one = new Uint8Array(bytes);
			expect(object.lookup(map('cpuhash'), u64(1), one)).toBe(false);
		});

		test('per-CPU arrays', () => {
			const bytes = 8 * native.possibleCpus();
			object.update(map('cpuarray'), u32(3), new Uint8Array(bytes).fill(1));
			const keys = new Uint32Array(5);
			const values = new Uint8Array(5 * bytes);
			expect(object.readBatch(map('cpuarray'), new Uint8Array(keys.buffer), values)).toBe(5);
			expect([...keys]).toEqual([0, 1, 2, 3, 4]);
			expect([...values.subarray(3 * bytes, 3 * bytes + 4)]).toEqual([1, 1, 1, 1]);
		});

		test('arrays, which cannot be removed from', () => {
			object.update(map('array'), u32(299), new Uint8Array(20).fill(9));
			const keys = new Uint32Array(300);
			const values = new Uint8Array(300 * 20);
			expect(object.readBatch(map('array'), new Uint8Array(keys.buffer), values)).toBe(300);
			expect([...keys]).toEqual(Array.from({ length: 300 }, (_, i) => i));
			expect(values.subarray(299 * 20)).toEqual(new Uint8Array(20).fill(9));
			expect(thrown(() => object.readBatch(map('array'), u32(0), new Uint8Array(20), true)).code).toMatch(/^E/);
			expect(object.readBatch(map('array'), new Uint8Array(keys.buffer), values)).toBe(300);
		});

		test('a kind of map without batches, entry by entry', () => {
			// The loopback device is number 1 in every network namespace.
			for (const index of [1, 4, 7]) {
				object.update(map('devices'), u32(index), u32(1));
			}
			const readDevices = (capacity: number, remove: boolean): number[] => {
				const keys = new Uint32Array(capacity);
				const values = new Uint32Array(capacity);
				const count = object.readBatch(
					map('devices'),
					new Uint8Array(keys.buffer),
					new Uint8Array(values.buffer),
					remove,
				);
				expect([...values.subarray(0, count)]).toEqual(Array(count).fill(1));
				return [...keys.subarray(0, count)];
			};
			expect(readDevices(8, false)).toEqual([1, 4, 7]);
			expect(readDevices(2, false)).toEqual([1, 4]);
			expect(readDevices(2, true)).toEqual([1, 4]);
			expect(readDevices(2, true)).toEqual([7]);
			expect(readDevices(2, true)).toEqual([]);
		});
	});

	describe('in shared pages', () => {
		test('arrays: at 8-byte steps, to the end and no further', () => {
			for (let key = 0; key < 300; key++) {
				object.update(map('mapped'), u32(key), new Uint8Array(20).fill(key & 255));
			}
			const whole = new Uint8Array(8192).fill(0xa5);
			expect(object.readMapped(map('mapped'), whole)).toBe(299 * 24 + 20);
			for (let key = 0; key < 300; key++) {
				expect(whole.subarray(key * 24, key * 24 + 20).every((byte) => byte === (key & 255))).toBe(true);
			}
			expect(whole.subarray(299 * 24 + 20).every((byte) => byte === 0xa5)).toBe(true);
			for (const offset of [0, 1, 7, 8, 24, 25, 299 * 24, 299 * 24 + 19]) {
				for (const length of [0, 1, 7, 8, 9, 100]) {
					const guarded = new Uint8Array(120).fill(0xa5);
					const count = Math.min(length, 299 * 24 + 20 - offset);
					expect(object.readMapped(map('mapped'), guarded.subarray(9, 9 + length), offset)).toBe(count);
					expect(guarded.subarray(9, 9 + count)).toEqual(whole.subarray(offset, offset + count));
					expect(guarded.subarray(0, 9).every((byte) => byte === 0xa5)).toBe(true);
					expect(guarded.subarray(9 + count).every((byte) => byte === 0xa5)).toBe(true);
				}
			}
			expect(object.readMapped(map('mapped'), whole, 299 * 24 + 20)).toBe(0);
			expect(thrown(() => object.readMapped(map('mapped'), whole, 299 * 24 + 21)).code).toBe('EINVAL');
			object.update(map('mapped'), u32(0), new Uint8Array(20).fill(77));
			object.readMapped(map('mapped'), whole);
			expect(whole[0]).toBe(77);
		});

		test('only of maps that have them', () => {
			for (const name of ['array', 'hash', 'queue']) {
				expect(thrown(() => object.readMapped(map(name), new Uint8Array(8))).message).toContain('not memory-mapped');
			}
		});

		test('sections, by their own name or by that of their map', () => {
			const { object: events } = openEvents(native, eventsPath);
			const name = events.maps().find((each) => each.name.endsWith('.bss'))?.name ?? '';
			expect(events.readMapped(name, new Uint8Array(100))).toBe(24);
			expect(events.readMapped('.bss', new Uint8Array(100))).toBe(24);
			expect(events.readMapped('.rodata', new Uint8Array(100))).toBe(8);
			expect(thrown(() => events.readMapped('.nothing', new Uint8Array(1))).code).toBe('ENOENT');
			events.close();
		});
	});
});

describe('a ring buffer', () => {
	let events: Events;
	let ring: string;

	beforeEach(() => {
		events = openEvents(native, eventsPath);
		events.object.attach(fixtures.named('kill'));
		ring = fixtures.named('r');
	});

	afterEach(() => events.object.close());

	interface Record {
		length: number;
		sequence: number;
	}

	/** Drain into a guarded buffer and take the frames apart. */
	function drain(capacity: number): Record[] {
		const guarded = new Uint8Array(capacity + 16).fill(0xa5);
		const into = guarded.subarray(8, 8 + capacity);
		const bytes = events.object.drain(ring, into);
		expect(bytes).toBeLessThanOrEqual(capacity);
		expect(guarded.subarray(0, 8).every((byte) => byte === 0xa5)).toBe(true);
		expect(guarded.subarray(8 + bytes).every((byte) => byte === 0xa5)).toBe(true);
		const view = new DataView(guarded.buffer, 8, bytes);
		const records: Record[] = [];
		let at = 0;
		while (at < bytes) {
			const length = view.getUint32(at, true);
			const padded = Math.ceil(length / 8) * 8;
			expect(view.getUint32(at + 4, true)).toBe(0);
			records.push({ length, sequence: length >= 4 ? view.getUint32(at + 8, true) : 0 });
			for (let i = length; i < padded; i++) {
				expect(view.getUint8(at + 8 + i)).toBe(0);
			}
			at += 8 + padded;
		}
		expect(at).toBe(bytes);
		return records;
	}

	test('is empty at first, and again', () => {
		expect(drain(100)).toEqual([]);
		events.record(12);
		expect(drain(100)).toEqual([{ length: 12, sequence: 1 }]);
		expect(drain(100)).toEqual([]);
		expect(events.object.drain(ring, new Uint8Array(0))).toBe(0);
	});

	test('gives records of all sizes in order', () => {
		for (const size of [0, 1, 4, 7, 8, 9, 15, 16, 17, 100, 1023]) {
			events.record(size);
		}
		expect(drain(4096).map(({ length }) => length)).toEqual([0, 1, 4, 7, 8, 9, 15, 16, 17, 100, 1023]);
	});

	test('gives as many as fit, and the others later', () => {
		for (let i = 0; i < 5; i++) {
			events.record(20);
		}
		// Framed, each has 8 + 24 bytes.
		expect(drain(32 + 31)).toEqual([{ length: 20, sequence: 1 }]);
		expect(drain(64).map(({ sequence }) => sequence)).toEqual([2, 3]);
		expect(drain(32)).toEqual([{ length: 20, sequence: 4 }]);
		expect(drain(1000)).toEqual([{ length: 20, sequence: 5 }]);
	});

	test('throws when a record can never fit, and keeps it', () => {
		events.record(4);
		events.record(200);
		expect(drain(100)).toEqual([{ length: 4, sequence: 1 }]);
		for (const capacity of [0, 8, 207]) {
			const error = thrown(() => drain(capacity));
			expect(error.code).toBe('EINVAL');
			expect(error.message).toContain(`a record needs 208 bytes, the buffer has ${capacity}`);
		}
		expect(drain(208)).toEqual([{ length: 200, sequence: 2 }]);
	});

	test('skips discarded records', () => {
		events.discard();
		events.record(4);
		events.discard();
		events.discard();
		events.record(4);
		events.discard();
		expect(drain(1000).map(({ sequence }) => sequence)).toEqual([2, 5]);
		events.discard();
		expect(drain(0)).toEqual([]);
		// All space has been given back.
		for (let i = 0; i < 84; i++) {
			events.discard();
		}
		expect(events.results().refused).toBe(0);
	});

	test('goes round many times and loses none', () => {
		let sequence = 0;
		let size = 1;
		for (let round = 0; round < 2000; round++) {
			const sizes: number[] = [];
			for (let i = 0; i < 5; i++) {
				size = (size * 37 + 11) % 700;
				sizes.push(Math.max(size, 4));
				events.record(Math.max(size, 4));
			}
			expect(drain(4096)).toEqual(sizes.map((length) => ({ length, sequence: ++sequence })));
		}
		expect(events.results()).toMatchObject({ hits: 10_000, refused: 0 });
	});

	test('full: what came first stays, and there is room again afterwards', () => {
		for (let i = 0; i < 10; i++) {
			events.record(1000);
		}
		expect(events.results().refused).toBe(6);
		expect(drain(8192).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
		events.record(1000);
		expect(drain(8192).map(({ sequence }) => sequence)).toEqual([11]);
	});

	test('loses none that another thread writes meanwhile', async () => {
		const total = 20_000;
		const worker = new Worker(
			`const { workerData: { pid, total } } = require('node:worker_threads');
			for (let i = 0; i < total; i++) {
				try {
					process.kill(pid + 4 + i % 90, 0);
				} catch {}
			}`,
			{ eval: true, workerData: { pid: events.recordProcess, total } },
		);
		let running = true;
		const end = once(worker, 'exit').then(() => {
			running = false;
		});
		let sequence = 0;
		let received = 0;
		for (let more = true; more; ) {
			more = running;
			// Lets the end be noticed; most of the time is spent below.
			await new Promise((resolve) => setImmediate(resolve));
			for (let i = 0; i < 100; i++) {
				for (const record of drain(1000)) {
					expect(record.sequence).toBeGreaterThan(sequence);
					expect(record.length).toBe(4 + ((record.sequence - 1) % 90));
					sequence = record.sequence;
					received++;
				}
			}
		}
		await end;
		const { hits, refused } = events.results();
		expect(hits).toBe(total);
		expect(received).toBe(total - refused);
		expect(received).toBeGreaterThan(100);
	});

	test('of another size, which is rounded up', () => {
		const other = openEvents(native, eventsPath, (opened) => opened.setMaxEntries(ring, 5000));
		expect(other.object.maps().find(({ name }) => name === ring)?.maxEntries).toBe(8192);
		other.object.attach(fixtures.named('kill'));
		for (let round = 0; round < 10; round++) {
			for (let i = 0; i < 7; i++) {
				other.record(1000);
			}
			expect(other.object.drain(ring, new Uint8Array(8192))).toBe(7 * 1008);
		}
		expect(other.results().refused).toBe(0);
		other.object.close();
	});

	test('is one', () => {
		expect(thrown(() => events.object.drain('.bss', new Uint8Array(8))).message).toContain('not a ring buffer');
		expect(thrown(() => events.object.drain('nobody', new Uint8Array(8))).code).toBe('ENOENT');
	});
});
