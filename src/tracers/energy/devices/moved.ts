/**
 * Bytes that each process moved from and to disks and networks, by which the energy of these parts is divided: storage IO
 * from `/proc/PID/io` and, of threads that have ended, from `bpf/energy/energy-moved.bpf.c`, as is network traffic. Counts only
 * while such energy is known.
 */
import { join } from 'node:path';
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { HashReader } from '../../../bpf/hash-reader.ts';
import { openBpf } from '../../../bpf/load.ts';
import { Unavailable } from '../../../core/errors.ts';
import { type BpfCost, type Host, NO_COST } from '../../../core/tracer.ts';
import { maps } from '../../../generated/energy-moved.ts';
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

	/** @param ended by its threads that have ended since the start */
	read(process: ProcessInfo, ended: Storage | undefined): Storage {
		// of one that is gone the rest is known by its threads
		const now = storageOf(this.procRoot, process.pid) ?? ended;
		if (!now) return NOTHING;
		// one that began since then has moved everything since then; of one whose begin is not known nothing counts
		const begun = process.start >= this.opened ? NOTHING : (this.before.get(process.pid) ?? now);
		const before = this.last.get(process) ?? begun;
		this.last.set(process, now);
		return { read: Math.max(0, now.read - before.read), written: Math.max(0, now.written - before.written) };
	}
}

type Counted = ReturnType<typeof maps.moves.value.read>;

/** Tracepoints that kernels before 6.4 lack. */
const SOCKETS = ['network_sent', 'network_received'];

/** What the kernel's programs count. */
class KernelMoves {
	private readonly bpf: BpfSession;
	private readonly reader: HashReader<ReturnType<typeof maps.moves.key.read>, Counted>;
	private before = new Map<string, Counted>();

	/** @throws {Unavailable} */
	constructor(host: Host, wanted: { disk: boolean; network: boolean }) {
		this.bpf = openBpf(host, 'energy-moved', {
			optional: Object.fromEntries(SOCKETS.map((name) => [name, 'energy of the network is not divided by it'])),
			without: [...(wanted.disk ? [] : ['mover_ends']), ...(wanted.network ? [] : SOCKETS)],
		});
		this.reader = new HashReader(this.bpf, maps.moves, maps.moves.entries);
	}

	/** By `pid:start`: network traffic since the last call, storage IO of ended threads since the start. */
	read(): Map<string, Moved> {
		const now = new Map<string, Counted>();
		const moved = new Map<string, Moved>();
		for (const { key, value } of this.reader.entries()) {
			const id = `${key.tgid}:${key.start}`;
			now.set(id, value);
			const network = Math.max(0, value.network - (this.before.get(id)?.network ?? 0));
			moved.set(id, { network, read: value.read, written: value.written });
		}
		this.before = now;
		return moved;
	}

	get hooks(): readonly string[] {
		return this.bpf.hooks;
	}

	get missing(): readonly string[] {
		return this.bpf.missing;
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
	let kernel: KernelMoves | undefined;
	if (wanted.disk && !hasMachinePids(host.procRoot))
		missing.push(safe`energy of disks is not divided: ${FOREIGN_PIDS}`);
	else if (wanted.disk) storage = new StorageMoves(host.procRoot);
	if (wanted.disk || wanted.network) {
		try {
			kernel = new KernelMoves(host, wanted);
			missing.push(...kernel.missing.map((sentence) => sanitize(sentence)));
		} catch (error) {
			const reason = sanitize(error instanceof Unavailable ? error.message : String(error));
			if (wanted.network) missing.push(safe`energy of the network is not divided: ${reason}`);
			if (storage) missing.push(safe`storage IO of processes that end within an interval is not counted: ${reason}`);
		}
	}
	return {
		missing,
		hooks: kernel?.hooks ?? [],
		read(ran) {
			const counted = kernel?.read();
			const moved = new Map<ProcessInfo, Moved>();
			if (!storage && !counted?.size) return moved;
			for (const process of new Set(ran)) {
				const own = counted?.get(`${process.pid}:${process.start}`);
				const { read, written } = storage?.read(process, own) ?? NOTHING;
				const network = own?.network ?? 0;
				if (read + written + network > 0) moved.set(process, { read, written, network });
			}
			return moved;
		},
		cost: (fresh) => kernel?.cost(fresh) ?? NO_COST,
		close: () => kernel?.close(),
	};
}
