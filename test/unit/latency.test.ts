import { expect, test } from 'vitest';
import type { BpfSession } from '../../src/bpf/bpf-session.ts';
import { Distribution, LatencyReader } from '../../src/bpf/latency.ts';
import { slotCount, slotLower } from '../../src/lib/histogram.ts';

const SLOTS = slotCount(2);

/** The kernel's side of bpf/lib/latency.bpf.h. */
class Kernel {
	epoch = 0;
	readonly value = { sum_ns: 0, max_ns: [0, 0], epoch: 0, slots: new Uint32Array(SLOTS) };
	readonly session = {
		object: {
			update: (_map: string, _key: Uint8Array, value: Uint8Array) =>
				(this.epoch = new Uint32Array(value.buffer)[0] ?? 0),
		},
	} as unknown as BpfSession;

	add(ns: number): void {
		const { value, epoch } = this;
		if (value.epoch !== epoch) {
			value.epoch = epoch;
			value.max_ns[epoch & 1] = 0;
		}
		value.max_ns[epoch & 1] = Math.max(value.max_ns[epoch & 1] as number, ns);
		value.sum_ns += ns;
		let slot = 0;
		while (slotLower(slot + 1, SLOTS) <= ns) slot++;
		value.slots[slot] = ((value.slots[slot] as number) + 1) >>> 0;
	}
}

function setUp(): { kernel: Kernel; read: () => Distribution; reader: LatencyReader } {
	const kernel = new Kernel();
	const reader = new LatencyReader();
	const read = (): Distribution => {
		reader.nextInterval(kernel.session);
		return reader.difference('a', kernel.value);
	};
	return { kernel, read, reader };
}

test('an interval has its own events only, with its exact maximum', () => {
	const { kernel, read } = setUp();
	kernel.add(1000);
	kernel.add(5000);
	expect(read()).toMatchObject({ count: 2, sum_ns: 6000, max_ns: 5000 });
	kernel.add(700);
	expect(read()).toMatchObject({ count: 1, sum_ns: 700, max_ns: 700 });
	expect(read()).toMatchObject({ count: 0, sum_ns: 0, max_ns: 0 });
	// two intervals later the same half of max_ns is in use again
	kernel.add(300);
	expect(read()).toMatchObject({ count: 1, max_ns: 300 });
});

test('an event between the new interval and the read: its maximum is right or bounded by its slot, never stale', () => {
	const { kernel, read, reader } = setUp();
	kernel.add(1_000_000);
	read();
	kernel.add(2000);
	reader.nextInterval(kernel.session);
	kernel.add(9000);
	const both = reader.difference('a', kernel.value);
	expect(both).toMatchObject({ count: 2, sum_ns: 11_000, max_ns: 9000 });
	// the late event is in the kernel's maximum of this interval, but was counted already
	kernel.add(500);
	expect(read()).toMatchObject({ count: 1, max_ns: 511 });
});

test('a maximum of a quiet interval ago is not taken for this one', () => {
	const { kernel, reader } = setUp();
	kernel.add(50_000);
	reader.nextInterval(kernel.session);
	reader.difference('a', kernel.value);
	reader.nextInterval(kernel.session);
	reader.difference('a', kernel.value);
	// nothing happened in interval 2; then one event after its end
	reader.nextInterval(kernel.session);
	kernel.add(600);
	expect(reader.difference('a', kernel.value)).toMatchObject({ count: 1, max_ns: 600 });
});

test('32-bit counters may wrap', () => {
	const { kernel, read } = setUp();
	for (const value of [0x5fff_ffff, 0xbfff_ffff, 0xffff_ffff]) {
		kernel.value.slots[5] = value;
		read();
	}
	kernel.add(slotLower(5, SLOTS));
	expect(kernel.value.slots[5]).toBe(0);
	expect(read()).toMatchObject({ count: 1 });
});

test('keys are distinguished', () => {
	const { kernel, reader } = setUp();
	kernel.add(1000);
	expect(reader.difference('a', kernel.value).count).toBe(1);
	expect(reader.difference('b', kernel.value).count).toBe(1);
	expect(reader.difference('a', kernel.value).count).toBe(0);
});

test('distributions add up', () => {
	const { kernel, read } = setUp();
	const sum = new Distribution();
	for (const ns of [200, 400, 90_000]) {
		kernel.add(ns);
		sum.add(read());
	}
	expect(sum).toMatchObject({ count: 3, sum_ns: 90_600, max_ns: 90_000 });
	expect(sum.mean()).toBe(30_200);
	expect(sum.buckets().reduce((total, [, count]) => total + count, 0)).toBe(3);
	expect(sum.percentile(1)).toBe(90_000);
	expect(new Distribution().mean()).toBe(0);
});

test('a distribution of few slots and one of many have the same figures, and both begin anew', () => {
	const difference = (slot: number, count: number) => ({
		slots: [slot],
		added: [count],
		count,
		sum_ns: count * slotLower(slot, SLOTS),
		max_ns: slotLower(slot, SLOTS),
	});
	const slots = [9, 3, 9, 21, 4, 3, 12];
	const whole = new Distribution(SLOTS);
	const few = new Distribution(SLOTS);
	for (const round of [1, 2]) {
		for (const slot of slots) few.grow(difference(slot, slot * round));
		// the same, after more slots than a list holds, which are taken away again by clear()
		for (let slot = 1; slot < 40; slot++) whole.grow(difference(slot, 1));
		whole.clear();
		for (const slot of slots) whole.grow(difference(slot, slot * round));
		expect(few.figures()).toEqual(whole.figures());
		// figures leave it as it is, and another one of the same length too
		expect(few.figures()).toEqual(whole.figures());
		expect(few.buckets().map(([, count]) => count / round)).toEqual([6, 4, 18, 12, 21]);
		const sum = new Distribution(SLOTS);
		sum.add(few);
		sum.add(whole);
		expect(sum.buckets().map(([, count]) => count / round)).toEqual([12, 8, 36, 24, 42]);
		expect(sum.percentile(0.5)).toBe(few.percentile(0.5));
		few.clear();
		whole.clear();
		expect([few.count, few.buckets()]).toEqual([0, []]);
	}
});

test('a distribution that rested begins anew', () => {
	const { kernel, read } = setUp();
	const rested = new Distribution(SLOTS);
	for (const slots of [3, 40]) {
		for (let slot = 1; slot < slots; slot++) kernel.add(slotLower(slot, SLOTS));
		rested.add(read());
		rested.rest();
		expect(rested).toMatchObject({ count: 0, sum_ns: 0, max_ns: 0 });
		expect(rested.buckets()).toEqual([]);
		kernel.add(5000);
		rested.add(read());
		expect(rested.buckets().map(([, count]) => count)).toEqual([1]);
		rested.rest();
	}
	// what one has is in no other
	expect(new Distribution(SLOTS).buckets()).toEqual([]);
});
