/** Control groups that have reached their memory limit, by their own files: cgroup v2 (`memory.events`) and v1 (`memory.failcnt`). */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import { type SafeText, sanitizeLatin1 } from '../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';
import { type CgroupMount, cgroupFolder, cgroupMount, v1Mount, v1Path } from './cgroups.ts';
import { hasMachinePids } from './pid-namespace.ts';
import { parsePressure } from './pressure.ts';
import type { ProcessId } from './process-id.ts';
import { unifiedPath } from './v1-groups.ts';

/** A group that was at its limit in the interval. */
export interface AtLimit {
	cgroup: SafeText;
	limit_bytes: Bytes;
	used_bytes: Bytes;
	/** Times that there was no room within the limit, since the last read. */
	hits: Count;
	/** Time in which some task of the group was stalled on memory, since the last read; null: the kernel does not count by group. */
	stalled_ns: Ns | null;
	/** Those of the processes asked about that are in it, `pid:start`. */
	members: readonly string[];
}

interface Totals {
	limit_bytes: Bytes;
	used_bytes: Bytes;
	hits: Count;
	stalled_ns: Ns | null;
}

/** A limit from here on is none (v1 writes the highest multiple of a page). */
const NO_LIMIT: Bytes = 2 ** 60;
/** Levels of groups above a process that are read. */
const MOST_LEVELS = 8;

const fieldOf = (text: string, name: string): Count => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

/** NaN for `max` and for what is no number. */
const figureOf = (text: string): number => (/^\d+\s*$/.test(text) ? Number(text) : Number.NaN);

/** Of v2: `memory.high` throttles, `memory.max` reclaims, then kills. */
function unified(folder: string): Totals | undefined {
	const text = (file: string) => readFileSync(join(folder, file), 'utf8');
	const limits = ['memory.max', 'memory.high'].map((file) => figureOf(text(file))).filter((limit) => limit < NO_LIMIT);
	if (limits.length === 0) return undefined;
	const events = text('memory.events');
	let stalled_ns: Ns | null = null;
	try {
		stalled_ns = parsePressure(text('memory.pressure')).some_ns;
	} catch {
		// kernel without PSI, or with cgroup.pressure switched off
	}
	return {
		limit_bytes: Math.min(...limits),
		used_bytes: figureOf(text('memory.current')),
		hits: fieldOf(events, 'high') + fieldOf(events, 'max'),
		stalled_ns,
	};
}

function legacy(folder: string): Totals | undefined {
	const figure = (file: string) => figureOf(readFileSync(join(folder, file), 'utf8'));
	const limit_bytes = figure('memory.limit_in_bytes');
	if (!(limit_bytes < NO_LIMIT)) return undefined;
	return {
		limit_bytes,
		used_bytes: figure('memory.usage_in_bytes'),
		hits: figure('memory.failcnt'),
		stalled_ns: null,
	};
}

/** Reads the memory controller of cgroup v1 where it is mounted there, else that of v2. */
export class MemoryLimitReader {
	private readonly procRoot: string;
	private readonly mount: CgroupMount | undefined;
	private readonly totalsIn: (folder: string) => Totals | undefined;
	private readonly isV1: boolean;
	private before = new Map<string, Totals>();

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		// proc of a container has other pids than those asked about
		const v1 = hasMachinePids(procRoot) ? v1Mount(procRoot, 'memory') : undefined;
		this.isV1 = v1 !== undefined;
		this.mount = v1 ?? (hasMachinePids(procRoot) ? cgroupMount(procRoot) : undefined);
		this.totalsIn = this.isV1 ? legacy : unified;
	}

	/**
	 * Groups of these processes, and groups above, that had no room within their limit since the last read; most hits first. A
	 * group is known from its second read on.
	 */
	read(processes: Iterable<ProcessId>): AtLimit[] {
		const { mount } = this;
		const totals = new Map<string, Totals>();
		const members = new Map<string, string[]>();
		if (!mount) return [];
		for (const { pid, start } of processes) {
			const path = this.pathOf(pid);
			if (path !== undefined) members.set(path, [...(members.get(path) ?? []), `${pid}:${start}`]);
		}
		const all = new Map<string, string[]>();
		for (const [path, keys] of members)
			for (let at = path, level = 0; at !== '/' && at !== '.' && level < MOST_LEVELS; at = dirname(at), level++)
				all.set(at, [...(all.get(at) ?? []), ...keys]);
		const found = [...all].flatMap(([path, keys]): AtLimit[] => {
			const now = this.totalsOf(mount, path);
			if (!now) return [];
			totals.set(path, now);
			const before = this.before.get(path);
			if (!before || now.hits <= before.hits) return [];
			return [
				{
					cgroup: sanitizeLatin1(path),
					limit_bytes: now.limit_bytes,
					used_bytes: now.used_bytes,
					hits: now.hits - before.hits,
					stalled_ns:
						now.stalled_ns === null || before.stalled_ns === null
							? null
							: // a group of the same name that was made anew counts from 0
								Math.max(0, now.stalled_ns - before.stalled_ns),
					members: keys,
				},
			];
		});
		this.before = totals;
		return found.sort((a, b) => b.hits - a.hits);
	}

	/** undefined: it has ended. */
	private pathOf(pid: number): string | undefined {
		try {
			const text = readLatin1(join(this.procRoot, String(pid), 'cgroup'));
			return this.isV1 ? v1Path(text, 'memory') : unifiedPath(text);
		} catch {
			return undefined;
		}
	}

	private totalsOf(mount: CgroupMount, path: string): Totals | undefined {
		const folder = cgroupFolder(mount, path);
		if (folder === undefined) return undefined;
		try {
			return this.totalsIn(folder);
		} catch {
			// gone, or without the memory controller
			return undefined;
		}
	}
}
