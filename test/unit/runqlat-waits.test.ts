import { describe, expect, test } from 'vitest';
import { Counters } from '../../src/bpf/latency.ts';
import { slotCount, slotLower } from '../../src/lib/histogram.ts';
import { advance, EPOCHS, Waits } from '../../src/tracers/runqlat/waits.ts';

const SLOTS = slotCount(2);

function slotOf(ns: number): number {
	let slot = 0;
	while (slot < SLOTS - 1 && slotLower(slot + 1, SLOTS) <= ns) slot++;
	return slot;
}

/** What the kernel does in one place. */
class Kernel {
	readonly slots = new Uint32Array(SLOTS);
	sum_ns = 0;
	readonly longest = new Uint32Array(4);

	wait(ns: number, epoch: number): void {
		const at = (epoch & 1) * 2;
		const high = this.longest[at + 1] as number;
		const known = high >>> 12 === epoch ? (high & 0xfff) * 2 ** 32 + (this.longest[at] as number) : -1;
		if (ns > known) {
			this.longest[at] = ns % 2 ** 32;
			this.longest[at + 1] = epoch * 4096 + Math.floor(ns / 2 ** 32);
		}
		this.sum_ns += ns;
		const slot = slotOf(ns);
		this.slots[slot] = (this.slots[slot] as number) + 1;
	}
}

describe('counters', () => {
	test('differences, over the wrap of a slot too', () => {
		const counters = new Counters(SLOTS);
		const slots = new Uint32Array(SLOTS);
		for (const value of [2 ** 31 - 1, 2 ** 32 - 2]) {
			slots[7] = value;
			counters.advance(slots, value);
		}
		slots[7] = 3;
		expect(counters.advance(slots, 2 ** 32 + 500)).toMatchObject({ count: 5, sum_ns: 502 });
	});

	test('older figures after newer ones add nothing', () => {
		const counters = new Counters(SLOTS);
		const kernel = new Kernel();
		kernel.wait(500, 1);
		const older = kernel.slots.slice();
		kernel.wait(500, 1);
		kernel.wait(9000, 1);
		expect(counters.advance(kernel.slots, 10_000)).toMatchObject({ count: 3, sum_ns: 10_000 });
		expect(counters.advance(older, 500)).toMatchObject({ count: 0, sum_ns: 0 });
		kernel.wait(70, 1);
		expect(counters.advance(kernel.slots, 10_070)).toMatchObject({ count: 1, sum_ns: 70 });
	});

	test.each([Uint32Array, Float64Array])('of few filled slots and of many are the same (%o)', (Counts) => {
		const counters = new Counters(SLOTS, Counts);
		const before = new Counts(SLOTS);
		const now = new Counts(SLOTS);
		// one slot more in each round, from both ends to the middle, and one that is filled already
		for (let round = 0; round < SLOTS; round++) {
			now[round % 2 === 0 ? round >> 1 : SLOTS - 1 - (round >> 1)] = 2 ** 30;
			now[0] = (now[0] as number) + 3;
			const grown = Array.from(now, (count, slot) => [slot, count - (before[slot] as number)]).filter(
				([, more]) => more,
			);
			const { slots, added, count } = counters.advance(now, round + 1);
			expect(Array.from(slots, (slot, index) => [slot, added[index]])).toEqual(grown);
			expect(count).toBe(grown.reduce((sum, [, more]) => sum + (more as number), 0));
			before.set(now);
			expect(counters.advance(now, round + 1).count).toBe(0);
		}
	});

	test('a sum seen before its slot waits for it', () => {
		const counters = new Counters(SLOTS);
		const slots = new Float64Array(SLOTS);
		expect(counters.advance(slots, 900)).toMatchObject({ count: 0, sum_ns: 0 });
		slots[3] = 1;
		expect(counters.advance(slots, 900)).toMatchObject({ count: 1, sum_ns: 900 });
	});
});

describe('the longest wait', () => {
	function read(kernel: Kernel, counters: Counters, waits: Waits, epoch: number): number {
		waits.beginInterval();
		waits.grow(advance(counters, kernel, epoch));
		return waits.waitFigures().max_ns;
	}

	test('is exact, of each interval, and over the wrap of the number', () => {
		const kernel = new Kernel();
		const counters = new Counters(SLOTS);
		const waits = new Waits(SLOTS);
		let epoch = EPOCHS - 3;
		for (const ns of [123_456_789, 20e9 + 7, 4321, 5, 99_999]) {
			kernel.wait(ns, epoch);
			kernel.wait(Math.floor(ns / 2), epoch);
			expect(read(kernel, counters, waits, epoch)).toBe(ns);
			epoch = (epoch + 1) % EPOCHS;
		}
		expect(read(kernel, counters, waits, epoch)).toBe(0);
	});

	test('of an event between the change of the number and the read', () => {
		const kernel = new Kernel();
		const counters = new Counters(SLOTS);
		const waits = new Waits(SLOTS);
		kernel.wait(1000, 8);
		kernel.wait(5000, 9);
		expect(read(kernel, counters, waits, 8)).toBe(5000);
		// it is in the maximum of this interval too, but not in its counts
		kernel.wait(2000, 9);
		const max = read(kernel, counters, waits, 9);
		expect(max).toBeGreaterThanOrEqual(2000);
		expect(max).toBeLessThan(slotLower(slotOf(2000) + 1, SLOTS));
	});
});

test('totals go on where intervals end', () => {
	const kernel = new Kernel();
	const counters = new Counters(SLOTS);
	const waits = new Waits(SLOTS);
	for (let epoch = 1; epoch <= 3; epoch++) {
		kernel.wait(1000, epoch);
		kernel.wait(3000, epoch);
		waits.beginInterval();
		waits.grow(advance(counters, kernel, epoch));
		expect(waits.waitFigures()).toMatchObject({
			count: 2,
			wait_ns: 4000,
			count_total: 2 * epoch,
			wait_ns_total: 4000 * epoch,
			max_ns: 3000,
		});
	}
	expect(waits.waitFigures().buckets).toEqual([
		[slotLower(slotOf(1000) + 1, SLOTS), 1],
		[slotLower(slotOf(3000) + 1, SLOTS), 1],
	]);
});
