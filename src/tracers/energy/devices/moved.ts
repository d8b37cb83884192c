/**
 * Bytes that each process moved from and to disks and networks, by which the energy of these parts is divided: storage IO
 * from `/proc/PID/io`, network traffic from `bpf/energy/energy-network.bpf.c`. Counts only while such energy is known.
 */
import { join } from 'node:path';
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { HashReader } from '../../../bpf/hash-reader.ts';
import { openBpf } from '../../../bpf/load.ts';
import { Unavailable } from '../../../core/errors.ts';
import { type BpfCost, type Host, NO_COST } from '../../../core/tracer.ts';
import { maps } from '../../../generated/energy-network.ts';
import { kernelBootNs } from '../../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Bytes, Ns } from '../../../lib/units.ts';
import { FOREIGN_PIDS, hasMachinePids } from '../../../system/pid-namespace.ts';
import type { ProcessInfo } from '../cpu/cpu-use.ts';
import { list, readOptional } from '../sources/sysfs.ts';

/** Bytes in an interval. */
export interface Moved {
	read: Bytes;
	written: Bytes;
	/** Sent and received. */
	network: Bytes;
}

export interface MoveCounter {
	/** By the processes that ran in the interval; those that moved nothing are left out. */
	read(ran: Iterable<ProcessInfo>): Map<ProcessInfo, Moved>;
	readonly hooks: readonly string[];
	/** Why energy is not divided. */
	readonly missing: readonly SafeText[];
	cost(fresh?: boolean): BpfCost;
	close(): void;
}

type Storage = Pick<Moved, 'read' | 'written'>;

const NOTHING: Storage = { read: 0, written: 0 };

/** Storage IO of a process since its start, by the kernel's accounting; undefined: not readable. */
function storageOf(procRoot: string, pid: number): Storage | undefined {
	const text = readOptional(join(procRoot, String(pid), 'io'));
	const [, read] = /^read_bytes: (\d{1,15})$/m.exec(text ?? '') ?? [];
	const [, written] = /^write_bytes: (\d{1,15})$/m.exec(text ?? '') ?? [];
	return read === undefined || written === undefined ? undefined : { read: Number(read), written: Number(written) };
}

/** Bytes of processes on disks. */
class StorageMoves {
	private readonly procRoot: string;
	/** Of processes that were there at the start, by pid. */
	private readonly before = new Map<number, Storage>();
	private readonly last = new WeakMap<ProcessInfo, Storage>();
	private readonly opened: Ns;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		const uptime = /^[\d.]+/.exec(readOptional(join(procRoot, 'uptime')) ?? '')?.[0];
		this.opened = kernelBootNs(Number(uptime ?? 0) * 1e9);
		for (const name of list(procRoot)) {
			const storage = /^\d+$/.test(name) ? storageOf(procRoot, Number(name)) : undefined;
			if (storage) this.before.set(Number(name), storage);
		}
	}

	read(process: ProcessInfo): Storage {
		const now = storageOf(this.procRoot, process.pid);
		if (!now) return NOTHING;
		// one that began since then has moved everything since then; of one whose begin is not known nothing counts
		const begun = process.start >= this.opened ? NOTHING : (this.before.get(process.pid) ?? now);
		const before = this.last.get(process) ?? begun;
		this.last.set(process, now);
		return { read: Math.max(0, now.read - before.read), written: Math.max(0, now.written - before.written) };
	}
}

/** Bytes of processes on networks. */
class NetworkMoves {
	private readonly bpf: BpfSession;
	private readonly reader: HashReader<{ start: Ns; tgid: number }, { bytes: Bytes }>;
	private before = new Map<string, Bytes>();

	/** @throws {Unavailable} */
	constructor(host: Host) {
		this.bpf = openBpf(host, 'energy-network', {});
		this.reader = new HashReader(this.bpf, maps.network_traffic, maps.network_traffic.entries);
	}

	/** By `pid:start`. */
	read(): Map<string, Bytes> {
		const now = new Map<string, Bytes>();
		const moved = new Map<string, Bytes>();
		for (const { key, value } of this.reader.entries()) {
			const id = `${key.tgid}:${key.start}`;
			now.set(id, value.bytes);
			const bytes = value.bytes - (this.before.get(id) ?? 0);
			if (bytes > 0) moved.set(id, bytes);
		}
		this.before = now;
		return moved;
	}

	get hooks(): readonly string[] {
		return this.bpf.hooks;
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}
}

/** @param wanted whose energy is known */
export function openMoves(host: Host, wanted: { disk: boolean; network: boolean }): MoveCounter {
	const missing: SafeText[] = [];
	let storage: StorageMoves | undefined;
	let network: NetworkMoves | undefined;
	if (wanted.disk && !hasMachinePids(host.procRoot))
		missing.push(safe`energy of disks is not divided: ${FOREIGN_PIDS}`);
	else if (wanted.disk) storage = new StorageMoves(host.procRoot);
	if (wanted.network) {
		try {
			network = new NetworkMoves(host);
		} catch (error) {
			const reason = error instanceof Unavailable ? error.message : String(error);
			missing.push(safe`energy of the network is not divided: ${sanitize(reason)}`);
		}
	}
	return {
		missing,
		hooks: network?.hooks ?? [],
		read(ran) {
			const traffic = network?.read();
			const moved = new Map<ProcessInfo, Moved>();
			if (!storage && !traffic?.size) return moved;
			for (const process of new Set(ran)) {
				const { read, written } = storage?.read(process) ?? NOTHING;
				const sent = traffic?.get(`${process.pid}:${process.start}`) ?? 0;
				if (read + written + sent > 0) moved.set(process, { read, written, network: sent });
			}
			return moved;
		},
		cost: () => network?.cost() ?? NO_COST,
		close: () => network?.close(),
	};
}
