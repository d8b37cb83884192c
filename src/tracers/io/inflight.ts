/** Bios and requests in flight, from the tables of bpf/io/table.bpf.h at the moment of the read. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { bucket_keys, io_op, io_stage, maps } from '../../generated/io.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { type Struct, viewOf } from '../../lib/decode.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { BlockDevices } from '../../system/block-devices.ts';
import type { BlockedThreads } from './blocked-threads.ts';
import { opName } from './rows.ts';
import type { Inflight } from './snapshot.ts';

/** Most entries of `inflight` in a snapshot. */
const LISTED = 64;

/** From this age on a request is checked against the kernel's count: its completion may have been missed. */
const SUSPECT_AGE: Ns = 1e9;

/** From this age on a second witness is checked. */
const WITNESS_AGE: Ns = 0.5e9;

/** The kernel's count is compared this often, since requests begin and end meanwhile. */
const SAMPLES = 3;

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

const isCounted = (tracked: Tracked): boolean =>
	inDevice(tracked) && !flushes(tracked) && COUNTED_IN_FLIGHT.has(tracked.op);

/** An empty write waits for the flush of the device's cache and never becomes a request. */
function waitsFor({ op, bytes }: Queued): { op: number; stage: string } {
	return op === io_op.IO_WRITE && bytes === 0 ? { op: io_op.IO_FLUSH, stage: 'device' } : { op, stage: 'request' };
}

/** The addresses are a bucket's first member: most buckets are empty and need no decoding. */
function isEmpty(view: DataView, at: number): boolean {
	for (let word = 0; word < bucket_keys.size; word += 4) if (view.getUint32(at + word, true) !== 0) return false;
	return true;
}

export class InFlight {
	private readonly bpf: BpfSession;
	private readonly devices: BlockDevices;
	private readonly threads: Pick<BlockedThreads, 'tick' | 'isBlocked'>;
	private readonly requests: Uint8Array;
	private readonly bios: Uint8Array;
	/** Requests that are in the table only because their completion was missed. */
	private missedIds = new Set<string>();
	/** The same for bios. */
	private missedBios = new Set<string>();

	constructor(bpf: BpfSession, devices: BlockDevices, threads: Pick<BlockedThreads, 'tick' | 'isBlocked'>) {
		const bits = requestBits(bpf.possibleCpus);
		this.bpf = bpf;
		this.devices = devices;
		this.threads = threads;
		this.requests = new Uint8Array(maps.requests.value.size << bits);
		this.bios = new Uint8Array(maps.bios.value.size << bits);
	}

	/** Number of requests with a missed completion; an entry ends when the kernel reuses the address. */
	get missed(): Count {
		return this.missedIds.size;
	}

	read(): { inflight: Inflight[]; inflight_count: Count } {
		const now = monotonicNs();
		this.threads.tick();
		const requests = this.withoutMissed(now);
		const confirmed = this.confirmed(now, requests);
		const open = [
			...requests.map((tracked) => ({
				...tracked,
				op: flushes(tracked) ? io_op.IO_FLUSH : tracked.op,
				begun: begunAt(tracked),
				stage: stageOf(tracked),
				counted: confirmed.has(tracked.dev) && isCounted(tracked),
				confirmed: confirmed.get(tracked.dev)?.has(idOf(tracked)) === true,
			})),
			...this.waitingBios(now, requests).map((queued) => ({
				...queued,
				begun: queued.queued_ns,
				...waitsFor(queued),
				counted: false,
				confirmed: false,
			})),
		].sort((a, b) => a.begun - b.begun);
		return {
			inflight: open.slice(0, LISTED).map(({ dev, op, bytes, owner, begun, stage, counted, confirmed }) => ({
				...this.witness(owner, now - begun, counted, confirmed),
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

	/** The kernel's count decides about requests that are in it, else the state of the owner's thread. */
	private witness(
		{ tgid, tid }: Tracked['owner'],
		age: Ns,
		counted: boolean,
		confirmed: boolean,
	): Pick<Inflight, 'witness'> {
		if (confirmed) return { witness: 'kernel' };
		return !counted && age >= WITNESS_AGE && this.threads.isBlocked(tgid, tid) ? { witness: 'owner' } : {};
	}

	/**
	 * By device with a known count: old requests that the kernel has in flight as well. Young ones explain part of its
	 * count; the oldest beyond the rest are taken as missed. Where requests begin and end meanwhile, the lowest of some
	 * samples counts, so a busy device confirms too few rather than one that has ended.
	 */
	private confirmed(now: Ns, requests: readonly Tracked[]): ReadonlyMap<number, ReadonlySet<string>> {
		const isOld = (tracked: Tracked): boolean => isCounted(tracked) && now - issuedAt(tracked) >= WITNESS_AGE;
		const old = requests.filter(isOld).sort((a, b) => issuedAt(b) - issuedAt(a));
		const rest = new Map<number, number>(old.map(({ dev }) => [dev, Number.POSITIVE_INFINITY]));
		for (let sample = 0; sample < SAMPLES && rest.size > 0; sample++) {
			const before = [...this.used(maps.requests, this.requests)];
			const counts = [...rest.keys()].map((dev) => [dev, this.devices.inFlight(dev)] as const);
			const around = [...before, ...this.used(maps.requests, this.requests)];
			for (const [dev, count] of counts) {
				if (count === undefined) {
					rest.delete(dev);
					continue;
				}
				const young = around.filter((tracked) => tracked.dev === dev && isCounted(tracked) && !isOld(tracked));
				rest.set(dev, Math.min(rest.get(dev) ?? 0, count - new Set(young.map(idOf)).size));
			}
		}
		return new Map(
			[...rest].map(([dev, count]) => [
				dev,
				new Set(
					old
						.filter((tracked) => tracked.dev === dev)
						.slice(0, Math.max(0, count))
						.map(idOf),
				),
			]),
		);
	}

	/** Used entries of a table. */
	private *used<T>(
		map: { readonly name: string; readonly value: Struct<{ keys: bucket_keys; entries: T[] }> },
		buffer: Uint8Array,
	): Generator<T> {
		this.bpf.object.readMapped(map.name, buffer);
		const view = viewOf(buffer);
		for (let at = 0; at < buffer.length; at += map.value.size) {
			if (isEmpty(view, at)) continue;
			const bucket = map.value.read(view, at);
			for (const [entry, one] of bucket.entries.entries()) if (bucket.keys.object[entry] !== 0) yield one;
		}
	}

	/**
	 * Bios that wait for a request. An old bio on a device without open requests cannot wait, unless its owner's thread is
	 * blocked: it was merged or ended without a hook, and is never listed again.
	 */
	private waitingBios(now: Ns, requests: readonly Tracked[]): Queued[] {
		const busy = new Set(requests.map(({ dev }) => dev));
		const known = this.missedBios;
		this.missedBios = new Set();
		return [...this.used(maps.bios, this.bios)].filter(({ dev, queued_ns, owner }) => {
			const id = `${dev} ${queued_ns}`;
			const age = now - queued_ns;
			const blocked = age >= WITNESS_AGE ? this.threads.isBlocked(owner.tgid, owner.tid) : undefined;
			if (blocked === true || age < SUSPECT_AGE) return true;
			if (!known.has(id) && (busy.has(dev) || blocked === undefined)) return true;
			this.missedBios.add(id);
			return false;
		});
	}

	/**
	 * Open requests without those whose completion was missed: old requests beyond the kernel's count of requests in flight,
	 * all old requests of a removed disk, and flushes (see {@link missedFlushes}). If the kernel counts fewer than there
	 * are, the oldest are taken as missed: a device does not pass over a request for long. A missed request stays missed;
	 * its entry is freed when the kernel reuses the request.
	 */
	private withoutMissed(now: Ns): Tracked[] {
		const suspect = (tracked: Tracked): boolean =>
			(isCounted(tracked) && now - issuedAt(tracked) > SUSPECT_AGE) ||
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
		for (const tracked of this.missedFlushes(now, open, known)) this.missedIds.add(idOf(tracked));
		return open.filter((tracked) => !this.missedIds.has(idOf(tracked)));
	}

	/**
	 * Old flushes that have ended unseen: a hardware queue has one at a time, so of those of a device only the newest ones
	 * can be in flight; and writes that wait for a flush on a device without one.
	 */
	private missedFlushes(now: Ns, open: readonly Tracked[], known: ReadonlySet<string>): Tracked[] {
		const isOld = (tracked: Tracked): boolean => now - issuedAt(tracked) > SUSPECT_AGE;
		const byDevice = new Map<number, Tracked[]>();
		for (const tracked of open) {
			if (!inDevice(tracked) || !(tracked.op === io_op.IO_FLUSH || flushes(tracked))) continue;
			byDevice.set(tracked.dev, [...(byDevice.get(tracked.dev) ?? []), tracked]);
		}
		return [...byDevice].flatMap(([dev, all]) => {
			if (!all.some(isOld)) return [];
			const device = all.filter((tracked) => !flushes(tracked)).sort((a, b) => issuedAt(b) - issuedAt(a));
			const ended = device.slice(this.devices.hardwareQueues(dev)).filter(isOld);
			const left = device.some((tracked) => !ended.includes(tracked) && !known.has(idOf(tracked)));
			const waiting = all.filter((tracked) => flushes(tracked) && isOld(tracked));
			return [...ended, ...all.filter((one) => known.has(idOf(one))), ...(left ? [] : waiting)];
		});
	}
}
