/** What is listed as in flight when ends were missed; the kernel's tables are made up. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BpfSession } from '../../src/bpf/bpf-session.ts';
import { io_op, maps } from '../../src/generated/io.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { BlockDevices } from '../../src/system/block-devices.ts';
import { InFlight } from '../../src/tracers/io/inflight.ts';

const now = () => Number(process.hrtime.bigint());
const owner = { start: 0, cgroup: 0, tgid: 7, tid: 7, comm: Buffer.from('fio\0') };

const request = (age_ns: number) => ({
	start_time_ns: now() - age_ns,
	stamps: [0, 0, 0, now() - age_ns],
	owner,
	part: 1,
	raw_flags: 0,
	bytes: 4096,
	dev: 1,
	how: 0,
	op: io_op.IO_READ as number,
	requeued: 0,
	data_done: 0,
});
const flush = (age_ns: number) => ({
	queued_ns: now() - age_ns,
	owner,
	part: 1,
	raw_flags: io_op.IO_WRITE as number,
	bytes: 0,
	dev: 1,
	how: 0,
	op: io_op.IO_WRITE as number,
});

let requests: ReturnType<typeof request>[] = [];
let bios: ReturnType<typeof flush>[] = [];
/** What the kernel says it has in flight. */
let counted = 0;
let queues = 1;
/** What the owner's thread does. */
let blocked: boolean | undefined = false;

/** All in one bucket. */
const bucket = <T>(entries: T[]) => ({
	keys: { object: [0, 1, 2, 3].map((entry) => Number(entry < entries.length)) },
	entries,
});

beforeEach(() => {
	[requests, bios, counted, queues, blocked] = [[], [], 0, 1, false];
	vi.spyOn(maps.requests.value, 'read').mockImplementation(() => bucket(requests) as never);
	vi.spyOn(maps.bios.value, 'read').mockImplementation(() => bucket(bios) as never);
});
afterEach(() => vi.restoreAllMocks());

function inFlight(): InFlight {
	const readMapped = (name: string, buffer: Uint8Array) => {
		buffer.fill(0);
		buffer[0] = Number((name === maps.requests.name ? requests : bios).length > 0);
	};
	const devices = {
		name: () => sanitize('vda'),
		inFlight: () => counted,
		isGone: () => false,
		hardwareQueues: () => queues,
	};
	return new InFlight(
		{ possibleCpus: 1, object: { readMapped } } as unknown as BpfSession,
		devices as never as BlockDevices,
		{ tick() {}, isBlocked: () => blocked },
	);
}

const ages = (of: InFlight) => of.read().inflight.map(({ age_ns }) => Math.round(age_ns / 1e9));

test('old and counted by the kernel: it is stuck', () => {
	const flight = inFlight();
	[requests, counted] = [[request(5e9)], 1];
	expect(ages(flight)).toEqual([5]);
	expect(flight.missed).toBe(0);
});

test('old and not counted: its completion was missed, also when the device is busy with others later', () => {
	const flight = inFlight();
	requests = [request(5e9), request(0)];
	expect(ages(flight)).toEqual([0]);
	expect(flight.missed).toBe(1);
	counted = 3;
	expect(ages(flight)).toEqual([0]);
	requests.shift();
	expect(ages(flight)).toEqual([0]);
	expect(flight.missed).toBe(0);
});

test('more old ones than the kernel counts: the oldest are those that were missed', () => {
	const flight = inFlight();
	[requests, counted] = [[request(3e9), request(9e9), request(6e9)], 1];
	expect(ages(flight)).toEqual([3]);
	expect(flight.missed).toBe(2);
});

test('an old bio on a device without requests has ended, also when the device is busy later', () => {
	const flight = inFlight();
	bios = [flush(5e9), flush(0)];
	expect(ages(flight)).toEqual([0]);
	[requests, counted] = [[request(0)], 1];
	expect(ages(flight)).toEqual([0, 0]);
	bios = [flush(2e9)];
	expect(ages(flight)).toEqual([2, 0]);
});

const witnesses = (of: InFlight) => of.read().inflight.map(({ witness = 'none' }) => witness);

test('the kernel counts it too: that is a witness, for as many old ones as young ones leave of its count', () => {
	const flight = inFlight();
	[requests, counted] = [[request(5e9), request(0), request(0)], 3];
	expect(witnesses(flight)).toEqual(['kernel', 'none', 'none']);
	// the two young ones are all that the kernel has
	counted = 2;
	expect(witnesses(flight)).toEqual(['none', 'none', 'none']);
});

test('the kernel decides about what it counts, the owner about all else', () => {
	const flight = inFlight();
	blocked = true;
	[requests, counted] = [[request(0.8e9), request(0)], 1];
	expect(witnesses(flight)).toEqual(['none', 'none']);
	[requests, bios] = [[], [flush(3e9)]];
	expect(witnesses(flight)).toEqual(['owner']);
	blocked = undefined;
	expect(witnesses(flight)).toEqual(['none']);
});

const flushRequest = (age_ns: number) => ({
	...request(age_ns),
	op: io_op.IO_FLUSH,
	owner: { ...owner, tgid: 0, tid: 0 },
});

test('of old flushes only as many as there are hardware queues can be in flight', () => {
	const flight = inFlight();
	requests = [flushRequest(4e9), flushRequest(2e9), flushRequest(9e9)];
	expect(ages(flight)).toEqual([2]);
	expect(flight.missed).toBe(2);
	queues = 2;
	expect(ages(inFlight())).toEqual([4, 2]);
});

test('a write whose data is done waits for a flush; without a flush on the device its end was missed', () => {
	const write = { ...request(3e9), op: io_op.IO_WRITE, data_done: 1 };
	requests = [write, flushRequest(2e9)];
	expect(inFlight().read().inflight).toMatchObject([{ op: 'flush' }, { op: 'flush' }]);
	requests = [write];
	expect(ages(inFlight())).toEqual([]);
});

test('a bio keeps the kernel’s operation under our name', () => {
	bios = [{ ...flush(0), op: io_op.IO_WRITE_ZEROES, raw_flags: 9, bytes: 4096 }];
	expect(inFlight().read().inflight).toMatchObject([{ op: 'write_zeroes', stage: 'request' }]);
});
