/** Bios and requests in flight, from the tables of bpf/io/table.bpf.h at the moment of the read. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { bucket_keys, io_op, io_stage, maps } from '../../generated/io.ts';
import { type Struct, viewOf } from '../../lib/decode.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { BlockDevices } from '../../system/block-devices.ts';
import { opName } from './rows.ts';
import type { Inflight } from './snapshot.ts';

/** Most entries of `inflight` in a snapshot. */
const LISTED = 64;

/** From this age on a request is checked against the kernel's count: its completion may have been missed. */
const SUSPECT_AGE: Ns = 1e9;

/** Operations in the kernel's count of requests in flight. */
const COUNTED_IN_FLIGHT: ReadonlySet<number> = new Set([
	io_op.IO_READ,
	io_op.IO_WRITE,
	io_op.IO_DISCARD,
	io_op.IO_WRITE_ZEROES,
]);

type Tracked = ReturnType<typeof maps.requests.value.read>['entries'][number];
type Queued = ReturnType<typeof maps.bios.value.read>['entries'][number];

/** log2 of the number of buckets of four in each table: enough for a deep queue per CPU. */
export function requestBits(possibleCpus: number): number {
	return Math.min(14, Math.max(8, Math.ceil(Math.log2(128 * possibleCpus))));
}

const inDevice = ({ stamps, requeued }: Tracked): boolean => stamps[io_stage.STAGE_DEVICE] !== 0 && requeued === 0;

const issuedAt = ({ stamps }: Tracked): Ns => stamps[io_stage.STAGE_DEVICE] as Ns;

const idOf = (tracked: Tracked): string => `${tracked.dev} ${tracked.start_time_ns} ${issuedAt(tracked)}`;

const begunAt = ({ stamps }: Tracked): Ns => stamps.find((stamp) => stamp > 0) ?? 0;

/** The data of a write is on the device, the flush after it has not ended: the kernel counts it no more. */
const flushes = ({ data_done }: Tracked): boolean => data_done !== 0;

const stageOf = (tracked: Tracked): string => (inDevice(tracked) ? 'device' : 'queue');

/** An empty write waits for the flush of the device's cache and never becomes a request. */
function waitsFor({ raw_flags, bytes }: Queued): { op: number; stage: string } {
	const op = raw_flags & 0xff;
	return op === io_op.IO_WRITE && bytes === 0 ? { op: io_op.IO_FLUSH, stage: 'device' } : { op, stage: 'request' };
}

export class InFlight {
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly requests: Uint8Array;
	private readonly bios: Uint8Array;
	/** Requests that are in the table only because their completion was missed. */
	private missedIds = new Set<string>();
	/** The same for bios. */
	private missedBios = new Set<string>();

	constructor(bpf: BpfSession, devices: BlockDevices) {
		const bits = requestBits(bpf.possibleCpus);
		this.bpf = bpf;
		this.devices = devices;
		this.requests = new Uint8Array(maps.requests.value.size << bits);
		this.bios = new Uint8Array(maps.bios.value.size << bits);
	}

	/** Number of requests with a missed completion; an entry ends when the kernel reuses the address. */
	get missed(): Count {
		return this.missedIds.size;
	}

	read(): { inflight: Inflight[]; inflight_count: Count } {
		const now = Number(process.hrtime.bigint());
		const requests = this.withoutMissed(now);
		const open = [
			...requests.map((tracked) => ({
				...tracked,
				op: flushes(tracked) ? io_op.IO_FLUSH : tracked.op,
				begun: begunAt(tracked),
				stage: stageOf(tracked),
			})),
			...this.waitingBios(now, requests).map((queued) => ({
				...queued,
				begun: queued.queued_ns,
				...waitsFor(queued),
			})),
		].sort((a, b) => a.begun - b.begun);
		return {
			inflight: open.slice(0, LISTED).map(({ dev, op, bytes, owner, begun, stage }) => ({
				device: this.devices.name(dev),
				op: opName(op),
				bytes,
				pid: owner.tgid,
				comm: sanitize(owner.comm),
				stage,
				// the tables are live: a request may be younger than `now`
				age_ns: Math.max(0, now - begun),
			})),
			inflight_count: open.length,
		};
	}

	/** Used entries of a table. */
	private *used<T>(
		map: { readonly name: string; readonly value: Struct<{ keys: bucket_keys; entries: T[] }> },
		buffer: Uint8Array,
	): Generator<T> {
		this.bpf.object.readMapped(map.name, buffer);
		const view = viewOf(buffer);
		for (let at = 0; at < buffer.length; at += map.value.size) {
			// the addresses are a bucket's first member: most buckets are empty and need no decoding
			if (bucket_keys.read(view, at).object.every((object) => object === 0)) continue;
			const bucket = map.value.read(view, at);
			for (const [entry, one] of bucket.entries.entries()) if (bucket.keys.object[entry] !== 0) yield one;
		}
	}

	/**
	 * Bios that wait for a request. An old bio on a device without open requests cannot wait: it was merged or ended without
	 * a hook, and is never listed again.
	 */
	private waitingBios(now: Ns, requests: readonly Tracked[]): Queued[] {
		const busy = new Set(requests.map(({ dev }) => dev));
		const known = this.missedBios;
		this.missedBios = new Set();
		return [...this.used(maps.bios, this.bios)].filter(({ dev, queued_ns }) => {
			const id = `${dev} ${queued_ns}`;
			if (!known.has(id) && (now - queued_ns < SUSPECT_AGE || busy.has(dev))) return true;
			this.missedBios.add(id);
			return false;
		});
	}

	/**
	 * Open requests without those whose completion was missed: old requests beyond the kernel's count of requests in flight,
	 * and all old requests of a removed disk. If the kernel counts fewer than there are, the oldest are taken as missed: a
	 * device does not pass over a request for long. A missed request stays missed; its entry is freed when the kernel reuses
	 * the request.
	 */
	private withoutMissed(now: Ns): Tracked[] {
		const suspect = (tracked: Tracked): boolean =>
			(inDevice(tracked) && COUNTED_IN_FLIGHT.has(tracked.op) && now - issuedAt(tracked) > SUSPECT_AGE) ||
			(now - begunAt(tracked) > SUSPECT_AGE && this.devices.isGone(tracked.dev));
		let open = [...this.used(maps.requests, this.requests)];
		const counts = new Map(open.filter(suspect).map(({ dev }) => [dev, this.devices.inFlight(dev)]));
		// the second read drops requests that completed between the first read and the kernel's count
		if (counts.size > 0) open = [...this.used(maps.requests, this.requests)];
		const known = this.missedIds;
		this.missedIds = new Set();
		for (const [dev, count = Number.POSITIVE_INFINITY] of counts) {
			const old = open
				.filter((tracked) => tracked.dev === dev && suspect(tracked))
				.sort((a, b) => begunAt(a) - begunAt(b));
			let missed = old.filter((tracked) => !known.has(idOf(tracked))).length - count;
			for (const tracked of old) if (known.has(idOf(tracked)) || missed-- > 0) this.missedIds.add(idOf(tracked));
		}
		return open.filter((tracked) => !this.missedIds.has(idOf(tracked)));
	}
}
