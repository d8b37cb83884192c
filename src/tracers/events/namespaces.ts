/**
 * Owners of network namespaces: packets without a socket belong to no process, but those of a container's device are the
 * container's. The control group of a process in the namespace says which.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../../lib/read-file.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import { groupPath } from '../../system/v1-groups.ts';

/** Between two searches, which take 10 µs for each process. One that finds nothing new doubles the pause. */
const PAUSE_NS = { least: 5e9, most: 80e9 };
/** Most processes of a search, the newest first: those of containers are seldom the oldest. */
const MOST_PROCESSES = 2000;
/** Most namespaces that are remembered. */
const MOST = 4096;

const NOBODY = safe``;

/** Inode number of a namespace, from the target of its link. */
function inodeOf(link: string): number {
	return Number(/^net:\[(\d+)\]$/.exec(link)?.[1] ?? 0);
}

export class NamespaceGroups {
	private readonly procRoot: string;
	/** Of this program and of the machine: 0 where it cannot be read. */
	private readonly own: ReadonlySet<number>;
	private readonly groups = new Map<number, SafeText>();
	private pause: Ns = PAUSE_NS.least;
	private searchedAt: Ns = Number.NEGATIVE_INFINITY;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		this.own = new Set([0, this.namespaceOf('self'), this.namespaceOf('1')]);
	}

	/** Control group of a process in the namespace; empty: not known, or it is that of this machine itself. */
	of(netns: number): SafeText {
		return this.groups.get(netns) ?? NOBODY;
	}

	/** Events happened in these namespaces: search for those that are not known, at most every few seconds. */
	wanted(namespaces: Iterable<number>, now: Ns): void {
		const unknown = new Set(namespaces);
		for (const netns of unknown) if (this.own.has(netns) || this.groups.has(netns)) unknown.delete(netns);
		if (unknown.size === 0 || now - this.searchedAt < this.pause) return;
		this.searchedAt = now;
		const before = this.groups.size;
		this.search(unknown);
		this.pause = this.groups.size > before ? PAUSE_NS.least : Math.min(this.pause * 2, PAUSE_NS.most);
	}

	private search(unknown: Set<number>): void {
		if (this.groups.size > MOST) this.groups.clear();
		let names: string[] = [];
		try {
			names = readdirSync(this.procRoot);
		} catch {
			return;
		}
		const newest = names
			.map(Number)
			.filter((pid) => pid > 0)
			.sort((a, b) => b - a);
		for (const pid of newest.slice(0, MOST_PROCESSES)) {
			const netns = this.namespaceOf(String(pid));
			if (!unknown.delete(netns)) continue;
			const group = this.groupOf(pid);
			if (group !== undefined) this.groups.set(netns, group);
			if (unknown.size === 0) return;
		}
	}

	private namespaceOf(pid: string): number {
		try {
			return inodeOf(readlinkSync(join(this.procRoot, pid, 'ns/net')));
		} catch {
			// it has ended, or is not ours to read
			return 0;
		}
	}

	private groupOf(pid: number): SafeText | undefined {
		try {
			const path = groupPath(readLatin1(join(this.procRoot, String(pid), 'cgroup')));
			return path === '' ? undefined : sanitize(Buffer.from(path, 'latin1'));
		} catch {
			return undefined;
		}
	}
}
