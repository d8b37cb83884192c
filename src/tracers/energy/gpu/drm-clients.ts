/**
 * Which processes use GPUs, and since the last look how much. Finding them means looking at what every descriptor of a
 * process points to, so that is done a bounded number at a time, for processes that are new or have run; those once found
 * are read at every look. A process may therefore be found late on a crowded machine, but then with all it has used.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Ns } from '../../../lib/units.ts';
import { readOptional } from '../sources/sysfs.ts';
import { type DrmClient, parseFdinfo } from './fdinfo.ts';

/** Descriptors looked at per call, but at least one process: about 5 ms. */
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
			return false; // closed meanwhile
		}
	});
	return { all: descriptors.length, drm };
}

/** Busy time between two looks. */
function gained(before: DrmClient | undefined, now: DrmClient, dt: Ns): Ns {
	let ns = Math.max(0, now.busy_ns - (before?.busy_ns ?? 0));
	for (const [engine, { busy, total }] of now.cycles) {
		const last = before?.cycles.get(engine);
		// the clock's frequency is not told, so cycles only make sense over time that we know
		if (last && total > last.total) ns += (Math.max(0, busy - last.busy) / (total - last.total)) * dt;
	}
	return Math.round(ns);
}

export class DrmClients {
	readonly #procRoot: string;
	/** Processes that use GPUs, with their descriptors. */
	readonly #users = new Map<number, string[]>();
	/** Processes looked at. */
	readonly #seen = new Set<number>();
	/** Processes to be looked at again, first come first served. */
	readonly #due = new Set<number>();
	/** Processes that were there before us and have not been looked at yet: their past is not ours. */
	#old: Set<number> | null = null;
	#clients = new Map<string, DrmClient>();

	constructor(procRoot: string) {
		this.#procRoot = procRoot;
	}

	/**
	 * What was used since the last call. The first one, and the first that finds an older process, is a baseline.
	 * @param ran processes that ran since the last call, if that is known: the others cannot have opened anything
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

	/** Look for GPU users. Returns those found now whose past began before us. */
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
