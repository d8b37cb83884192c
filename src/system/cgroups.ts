/** Names of control groups: the kernel knows a group by an id, which is the inode number of its folder. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';

/** More folders than this are not searched; groups beyond are shown by their id. */
const MAX_FOLDERS = 20_000;

/** Mount point of the unified hierarchy (cgroup v2), or undefined. `mounts` writes blanks as `\040`. */
export function unifiedMount(procRoot: string): string | undefined {
	try {
		for (const line of readFileSync(join(procRoot, 'self/mounts'), 'utf8').split('\n')) {
			const [, path, type] = line.split(' ');
			if (type === 'cgroup2')
				return path?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
		}
	} catch {
		// no proc: ids are shown
	}
	return undefined;
}

/**
 * Paths of control groups by id, relative to the hierarchy's root (`/`, `/system.slice/ssh.service`). A group's path is
 * searched at the first request for its id and kept after the group has gone.
 */
export class Cgroups {
	private readonly root: string | undefined;
	private readonly paths = new Map<number, SafeText>();
	private searched = false;

	constructor(procRoot: string) {
		this.root = unifiedMount(procRoot);
	}

	/** Allow one more search of the tree. To be called once per interval, so that unresolvable ids stay cheap. */
	tick(): void {
		this.searched = false;
	}

	/** `#id` where the group has no folder (any more) or no visible one. */
	path(id: number): SafeText {
		let path = this.paths.get(id);
		if (path === undefined && !this.searched) {
			this.search();
			path = this.paths.get(id);
		}
		if (path === undefined) {
			path = safe`#${id}`;
			// another search would fail too: the group's folder is created before its first task
			if (this.searched) this.paths.set(id, path);
		}
		return path;
	}

	private search(): void {
		this.searched = true;
		if (this.root === undefined) return;
		const folders = ['/'];
		for (let index = 0; index < folders.length && index < MAX_FOLDERS; index++) {
			const folder = folders[index] as string;
			const path = join(this.root, folder);
			try {
				this.paths.set(statSync(path).ino, sanitize(folder));
				for (const entry of readdirSync(path, { withFileTypes: true }))
					if (entry.isDirectory()) folders.push(join(folder, entry.name));
			} catch {
				// gone since it was listed
			}
		}
	}
}

/** The id of a group by its path in the unified hierarchy; undefined: there is no such group. */
export function cgroupId(procRoot: string, path: string): number | undefined {
	const root = unifiedMount(procRoot);
	if (root === undefined) return undefined;
	try {
		const found = statSync(join(root, join('/', path)));
		return found.isDirectory() ? found.ino : undefined;
	} catch {
		return undefined;
	}
}

/** Groups per call of {@link withParents}. */
const MOST_GROUPS = 64;

/** Paths of groups and of all groups above them, without the root and without unknown paths (`#77`); at most 64. */
export function withParents(cgroups: Iterable<SafeText>): Set<SafeText> {
	const paths = new Set<SafeText>();
	for (const cgroup of cgroups) {
		for (let path: string = cgroup; path.startsWith('/') && path !== '/'; path = dirname(path)) {
			if (paths.size >= MOST_GROUPS) return paths;
			paths.add(path as SafeText);
		}
	}
	return paths;
}
