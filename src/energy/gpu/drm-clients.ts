/**
 * Which processes use GPUs, and since the last look how much. Finding them means looking at what every descriptor of
 * every process points to, so that is done a bounded number at a time, new processes first; those once found are read at
 * every look. A process is therefore found late on a crowded machine, but then with all it has used.
 */
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Ns } from '../../units.ts';
import { list, readOptional } from '../sources/sysfs.ts';
import { type DrmClient, parseFdinfo } from './fdinfo.ts';

/** Descriptors looked at per call, but at least one process: about 10 ms. */
const budget = 4096;

export interface ClientUse {
	/** The lowest pid that holds it. */
	pid: number;
	device: string;
	busy_ns: Ns;
}

/** Descriptors of a process that are DRM files. */
function drmDescriptors(procRoot: string, pid: number): { all: number; drm: string[] } {
	const folder = join(procRoot, String(pid), 'fd');
	const descriptors = list(folder);
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
	/** Processes looked at, longest ago first. */
	readonly #seen = new Set<number>();
	/** Processes that were there before us and have not been looked at yet: their past is not ours. */
	#old: Set<number> | null = null;
	#clients = new Map<string, DrmClient>();

	constructor(procRoot: string) {
		this.#procRoot = procRoot;
	}

	/** What was used since the last call. The first one, and the first that finds an older process, is a baseline. */
	read(dt: Ns): ClientUse[] {
		const pids = list(this.#procRoot)
			.filter((entry) => /^\d+$/.test(entry))
			.map(Number);
		const fresh = this.#search(pids);
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
	#search(pids: readonly number[]): Set<number> {
		const alive = new Set(pids);
		for (const pid of this.#users.keys()) if (!alive.has(pid)) this.#users.delete(pid);
		for (const pid of this.#seen) if (!alive.has(pid)) this.#seen.delete(pid);
		this.#old ??= new Set(pids);
		for (const pid of this.#old) if (!alive.has(pid)) this.#old.delete(pid);
		const baseline = new Set<number>();
		let left = budget;
		const unseen = pids.filter((pid) => !this.#seen.has(pid));
		for (const pid of [...unseen, ...this.#seen]) {
			if (left <= 0) break;
			const { all, drm } = drmDescriptors(this.#procRoot, pid);
			left -= all + 1;
			// to the end of the queue
			this.#seen.delete(pid);
			this.#seen.add(pid);
			if (drm.length > 0) this.#users.set(pid, drm);
			else this.#users.delete(pid);
			if (this.#old.delete(pid)) baseline.add(pid);
		}
		return baseline;
	}
}
