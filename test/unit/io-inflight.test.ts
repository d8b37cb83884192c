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
	op: io_op.IO_READ,
	requeued: 0,
	unused: 0,
});
const flush = (age_ns: number) => ({
	queued_ns: now() - age_ns,
	owner,
	part: 1,
	raw_flags: io_op.IO_WRITE,
	bytes: 0,
	dev: 1,
	how: 0,
	unused: 0,
});

let requests: ReturnType<typeof request>[] = [];
let bios: ReturnType<typeof flush>[] = [];
/** What the kernel says it has in flight. */
let counted = 0;

/** All in one bucket. */
const bucket = <T>(entries: T[]) => ({
	keys: { object: [0, 1, 2, 3].map((entry) => Number(entry < entries.length)) },
	entries,
});

beforeEach(() => {
	[requests, bios, counted] = [[], [], 0];
	vi.spyOn(maps.requests.value, 'read').mockImplementation(() => bucket(requests) as never);
	vi.spyOn(maps.bios.value, 'read').mockImplementation(() => bucket(bios) as never);
});
afterEach(() => vi.restoreAllMocks());

function inFlight(): InFlight {
	const readMapped = (name: string, buffer: Uint8Array) => {
		buffer.fill(0);
		buffer[0] = Number((name === maps.requests.name ? requests : bios).length > 0);
	};
	const devices = { name: () => sanitize('vda'), inFlight: () => counted };
	return new InFlight(
		{ possibleCpus: 1, object: { readMapped } } as unknown as BpfSession,
		devices as never as BlockDevices,
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
