/**
 * Processes that use GPUs, and their use since the last read. To find them, the target of every descriptor of a process is
 * read, for a bounded number at a time, and only of processes that are new or have run; known users are read every time.
 * On a crowded machine a process may therefore be found late, but then with its whole use.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Ns } from '../../../lib/units.ts';
import { readOptional } from '../sources/sysfs.ts';
import { type DrmClient, parseFdinfo } from './fdinfo.ts';

/** Descriptors that are searched per call, but at least one process: about 5 ms. */
const budget = 512;

export interface ClientUse {
	/** The lowest pid that holds it. */
	pid: number;
	device: string;
	busy_ns: Ns;
}

function entries(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return []; // the process has ended
	}
}

/** Descriptors of a process that are DRM files. */
function drmDescriptors(procRoot: string, pid: number): { all: number; drm: string[] } {
	const folder = join(procRoot, String(pid), 'fd');
	const descriptors = entries(folder);
	const drm = descriptors.filter((fd) => {
		try {
			return readlinkSync(join(folder, fd)).startsWith('/dev/dri/');
		} catch {
			return false; // closed since
		}
	});
	return { all: descriptors.length, drm };
}

/** Busy time between two reads. */
function gained(before: DrmClient | undefined, now: DrmClient, dt: Ns): Ns {
	let ns = Math.max(0, now.busy_ns - (before?.busy_ns ?? 0));
	for (const [engine, { busy, total }] of now.cycles) {
		const last = before?.cycles.get(engine);
		// the clock's frequency is not known, so cycles need a known interval
		if (last && total > last.total) ns += (Math.max(0, busy - last.busy) / (total - last.total)) * dt;
	}
	return Math.round(ns);
}

export class DrmClients {
	readonly #procRoot: string;
	/** Processes that use GPUs, with their descriptors. */
	readonly #users = new Map<number, string[]>();
	/** Processes that were searched. */
	readonly #seen = new Set<number>();
	/** Processes to be searched again, in order. */
	readonly #due = new Set<number>();
	/** Processes older than this reader that were not searched yet: their past use is not charged. */
	#old: Set<number> | null = null;
	#clients = new Map<string, DrmClient>();

	constructor(procRoot: string) {
		this.#procRoot = procRoot;
	}

	/**
	 * Use since the last call. The first call, and the first that finds an older process, sets a baseline.
	 * @param ran processes that ran since the last call, if known: the others cannot have opened anything
	 */
	read(dt: Ns, ran?: Iterable<number>): ClientUse[] {
		const pids = entries(this.#procRoot)
			.filter((entry) => /^\d+$/.test(entry))
			.map(Number);
		const fresh = this.#search(new Set(pids), ran);
		const clients = new Map<string, DrmClient>();
		const uses: ClientUse[] = [];
		for (const [pid, descriptors] of [...this.#users].sort(([a], [b]) => a - b)) {
			for (const fd of descriptors) {
				const client = parseFdinfo(readOptional(join(this.#procRoot, String(pid), 'fdinfo', fd)) ?? '');
				const key = client && `${client.device} ${client.id}`;
				if (!key || clients.has(key)) continue;
				clients.set(key, client);
				const before = this.#clients.get(key);
				if (!before && fresh.has(pid)) continue;
				const busy_ns = gained(before, client, dt);
				if (busy_ns > 0) uses.push({ pid, device: client.device, busy_ns });
			}
		}
		this.#clients = clients;
		return uses;
	}

	/** Search GPU users. Returns the new ones that are older than this reader. */
	#search(alive: ReadonlySet<number>, ran: Iterable<number> | undefined): Set<number> {
		for (const pid of this.#users.keys()) if (!alive.has(pid)) this.#users.delete(pid);
		for (const pid of this.#seen) if (!alive.has(pid)) this.#seen.delete(pid);
		this.#old ??= new Set(alive);
		for (const pid of this.#old) if (!alive.has(pid)) this.#old.delete(pid);
		for (const pid of ran ?? (this.#due.size === 0 ? alive : [])) this.#due.add(pid);
		const unseen = [...alive].filter((pid) => !this.#seen.has(pid));
		const baseline = new Set<number>();
		let left = budget;
		for (const pid of new Set([...unseen, ...this.#due])) {
			if (left <= 0) break;
			this.#due.delete(pid);
			if (!alive.has(pid)) continue;
			const { all, drm } = drmDescriptors(this.#procRoot, pid);
			left -= all + 1;
			this.#seen.add(pid);
			if (drm.length > 0) this.#users.set(pid, drm);
			else this.#users.delete(pid);
			if (this.#old.delete(pid)) baseline.add(pid);
		}
		return baseline;
	}
}
