/**
 * Groups of processes by the hierarchies of cgroup v1, for processes in the root of the unified hierarchy. BPF programs know
 * the unified hierarchy only, and container engines of v1 make no groups there.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import { type SafeText, sanitizeLatin1 } from '../lib/sanitize.ts';
import { v1Mounts, v1Path } from './cgroups.ts';
import { hasMachinePids } from './pid-namespace.ts';
import { type ProcessId, sameStart, startOf, statFields } from './process-id.ts';

/**
 * v1 hierarchies in the order in which they are asked: first those that container engines make groups in, last that of
 * systemd, which has every unit.
 */
const CONTROLLERS = [
	...(['memory', 'pids', 'cpu'] as const),
	...(['cpuacct', 'cpuset', 'blkio', 'devices', 'freezer'] as const),
	'name=systemd',
] as const;
/** Processes that {@link v1Only} asks, newest first. */
const ASKED = 256;
/** Processes kept. */
const MOST = 40_000;
/** Reads of processes in a second, two files of 10 to 20 µs each; and of those the ones of processes that are known already. */
const [READS, READS_AGAIN] = [500, 100];
/** ms between reads of one process, each four times the last: young ones may still be moved. */
const [SHORTEST, LONGEST] = [1000, 64_000];
/** ms between two searches of the hierarchies for a group. */
const PAUSE = 10_000;

/** The v1 group of a process that is not the root of its hierarchy, from the text of `/proc/PID/cgroup` (latin1). */
function v1Group(text: string): { controller: string; path: string } | undefined {
	for (const controller of CONTROLLERS) {
		const path = v1Path(text, controller);
		if (path !== undefined && path !== '/' && path !== '') return { controller, path };
	}
	return undefined;
}

/** Path in the unified hierarchy, from the text of `/proc/PID/cgroup`; undefined: there is none. */
export function unifiedPath(text: string): string | undefined {
	return /^0::(.*)$/m.exec(text)?.[1];
}

/**
 * Text of `/proc/PID/cgroup` (latin1); undefined: the pid is another process's by now.
 * @throws where it has ended
 */
function groupsText(procRoot: string, { pid, start }: ProcessId): string | undefined {
	const folder = join(procRoot, String(pid));
	const text = readLatin1(join(folder, 'cgroup'));
	// read last: the text above is of this process, too
	return sameStart(startOf(statFields(readLatin1(join(folder, 'stat')))), start) ? text : undefined;
}

/** Path of a process in the unified hierarchy as `/proc` shows it; undefined: it has ended, or `/proc` has other pids. */
export function unifiedPathOf(procRoot: string, process: ProcessId): SafeText | undefined {
	if (!hasMachinePids(procRoot)) return undefined;
	try {
		const path = unifiedPath(groupsText(procRoot, process) ?? '');
		return path?.startsWith('/') ? sanitizeLatin1(path) : undefined;
	} catch {
		return undefined;
	}
}

/**
 * The group of a process as all tabs name it, from the text of `/proc/PID/cgroup` (latin1): that of the unified hierarchy,
 * of a process in its root that of v1. Empty: none.
 */
export function groupPath(text: string): SafeText {
	const unified = unifiedPath(text) ?? '';
	return sanitizeLatin1(unified === '' || unified === '/' ? (v1Group(text)?.path ?? unified) : unified);
}

/** A v1 group of some process that is in no group of the unified hierarchy: `memory:/docker/0123…`. undefined: none was found. */
export function v1Only(procRoot: string): SafeText | undefined {
	if (v1Mounts(procRoot, CONTROLLERS).length === 0) return undefined;
	let pids: number[];
	try {
		pids = readdirSync(procRoot)
			.map(Number)
			.filter((pid) => pid > 0)
			.sort((a, b) => b - a);
	} catch {
		return undefined;
	}
	for (const pid of pids.slice(0, ASKED)) {
		try {
			const text = readLatin1(join(procRoot, String(pid), 'cgroup'));
			const group = unifiedPath(text) === '/' ? v1Group(text) : undefined;
			if (group) return sanitizeLatin1(`${group.controller}:${group.path}`);
		} catch {
			// it has ended
		}
	}
	return undefined;
}

interface Known {
	start: ProcessId['start'];
	path: SafeText | undefined;
	due: number;
	after: number;
}

interface Answer {
	path: SafeText | undefined;
	ended: boolean;
}

/** Paths by process, read again after 1, 4, 16 and every 64 s, with a limit of reads per second. */
export class V1Groups {
	private readonly procRoot: string;
	private readonly now: () => number;
	/** Folders of the hierarchies; none: there is no v1, or `/proc` has other pids. */
	private readonly folders: readonly string[];
	/** By pid. */
	private readonly known = new Map<number, Known>();
	private used = false;
	private checked = Number.NEGATIVE_INFINITY;
	private second = Number.NEGATIVE_INFINITY;
	private reads = 0;

	/** @param now ms */
	constructor(procRoot: string, now = () => performance.now()) {
		this.procRoot = procRoot;
		this.now = now;
		this.folders = hasMachinePids(procRoot) ? v1Mounts(procRoot, CONTROLLERS).map(({ folder }) => folder) : [];
	}

	/** The v1 group of a process that is in the root of the unified hierarchy; undefined: none, or not known. */
	of(process: ProcessId): SafeText | undefined {
		const { pid, start } = process;
		if (this.folders.length === 0 || pid <= 0) return undefined;
		const now = this.now();
		if (!this.inUse(now)) return undefined;
		const known = this.known.get(pid);
		const same = known !== undefined && sameStart(known.start, start);
		if (same && now < known.due) return known.path;
		// an ended process whose pid is another's by now
		if (known && !same && start !== 0 && start < known.start) return undefined;
		const before = same ? known.path : undefined;
		if (now - this.second >= 1000) [this.second, this.reads] = [now, 0];
		if (this.reads >= (same ? READS_AGAIN : READS)) return before;
		this.reads++;
		const { path, ended } = this.read(process, before);
		// a pid may be another's by now, a pid and a start may not
		const after =
			ended && start !== 0 ? Number.POSITIVE_INFINITY : same ? Math.min(LONGEST, known.after * 4) : SHORTEST;
		this.known.delete(pid);
		this.known.set(pid, { start, path, due: now + after, after });
		if (this.known.size > MOST) this.known.delete(this.known.keys().next().value as number);
		return path;
	}

	/** Has any hierarchy a group at all? */
	private inUse(now: number): boolean {
		if (now - this.checked < PAUSE) return this.used;
		this.checked = now;
		this.used = this.folders.some((folder) => {
			try {
				return readdirSync(folder, { withFileTypes: true }).some((entry) => entry.isDirectory());
			} catch {
				return false;
			}
		});
		return this.used;
	}

	/** @param before of an ended process */
	private read(process: ProcessId, before: SafeText | undefined): Answer {
		try {
			const text = groupsText(this.procRoot, process);
			if (text === undefined) return { path: before, ended: true };
			const group = v1Group(text);
			return { path: group && sanitizeLatin1(group.path), ended: false };
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			return { path: before, ended: code === 'ENOENT' || code === 'ESRCH' };
		}
	}
}
