/** Names of control groups: the kernel knows a group by an id, which is the inode number of its folder. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type SafeText, safe, sanitize, sanitizeLatin1 } from '../lib/sanitize.ts';

/** Where the unified hierarchy (cgroup v2) is mounted. */
export interface CgroupMount {
	/** Folder of the mount. */
	folder: string;
	/** Path in the hierarchy of the group that the folder shows: `/`, or the top of a subtree. */
	top: string;
	/** Levels that the top lies above the root of our cgroup namespace, whose paths begin with as many `/..` there. */
	above?: number;
}

/** mountinfo writes blanks as `\040`. */
function unescapeMount(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The mount that shows most of the unified hierarchy; undefined: there is none, or no proc. */
export function cgroupMount(procRoot: string): CgroupMount | undefined {
	return widest(mountLines(procRoot), ({ type }) => type === 'cgroup2');
}

/** The same of the v1 hierarchy of a controller (`cpu`, `memory`), which processes may be grouped by beside the unified one. */
export function v1Mount(procRoot: string, controller: string): CgroupMount | undefined {
	return v1Mounts(procRoot, [controller])[0];
}

/** Of the controllers in their order, without those that have no hierarchy. */
export function v1Mounts(procRoot: string, controllers: readonly string[]): CgroupMount[] {
	const mounts = mountLines(procRoot);
	return controllers.flatMap(
		(controller) => widest(mounts, ({ type, options }) => type === 'cgroup' && options.includes(controller)) ?? [],
	);
}

/** Path of a process in the v1 hierarchy of a controller, from the text of `/proc/PID/cgroup`; undefined: there is none. */
export function v1Path(text: string, controller: string): string | undefined {
	// without making lists of its lines: it is read for each new process
	for (let at = text.indexOf(controller); at >= 0; at = text.indexOf(controller, at + 1)) {
		// hierarchy:controllers:path, where the path may hold colons
		const from = text.indexOf(':', text.lastIndexOf('\n', at) + 1) + 1;
		const to = text.indexOf(':', from);
		if (at < from || at + controller.length > to) continue;
		const isWhole = /[:,]/.test(text.charAt(at - 1)) && /[:,]/.test(text.charAt(at + controller.length));
		if (!isWhole) continue;
		const end = text.indexOf('\n', to);
		return text.slice(to + 1, end < 0 ? text.length : end);
	}
	return undefined;
}

/** A line of mountinfo. */
interface MountLine extends CgroupMount {
	/** Id of the mount that it is mounted on. */
	parent: string;
	type: string;
	options: readonly string[];
}

/**
 * Whether the path of a mount leads to another one: a container engine mounts the groups of its container over those of
 * the host's /sys, which stay in the list.
 */
function isHidden(id: string, mounts: ReadonlyMap<string, MountLine>): boolean {
	const { folder } = mounts.get(id) as MountLine;
	let child: MountLine | undefined;
	for (let [at, mount] = [id, mounts.get(id)]; mount; at = mount.parent, mount = mounts.get(at)) {
		for (const other of mounts.values()) {
			if (other.parent !== at || other === child || other === mount) continue;
			// on the mount itself; beside the next one of its chain, nearer to the root
			const covers = child ? other.folder.length < child.folder.length : other.folder === folder;
			if (covers && below(folder, other.folder) !== undefined) return true;
		}
		if (mount.parent === at) break;
		child = mount;
	}
	return false;
}

/** By the id of the mount; none without proc. */
function mountLines(procRoot: string): ReadonlyMap<string, MountLine> {
	let text: string;
	try {
		text = readFileSync(join(procRoot, 'self/mountinfo'), 'utf8');
	} catch {
		return new Map();
	}
	const mounts = new Map<string, MountLine>();
	for (const line of text.split('\n').filter((line) => line !== '')) {
		const [before = '', after = ''] = line.split(' - ');
		const [id = '', parent = '', , top = '', folder = ''] = before.split(' ').map(unescapeMount);
		const [type = '', , options = ''] = after.split(' ');
		mounts.set(id, { parent, top, folder, type, options: options.split(',') });
	}
	return mounts;
}

function widest(mounts: ReadonlyMap<string, MountLine>, fits: (mount: MountLine) => boolean): CgroupMount | undefined {
	return (
		[...mounts]
			.filter(([id, mount]) => fits(mount) && !isHidden(id, mounts))
			// in a cgroup namespace the mount of the outer one begins above our root, `/../..`: paths in it are whole ones
			.map(([, { folder, top }]) =>
				/^(\/\.\.)+$/.test(top) ? { folder, top: '/', above: top.length / '/..'.length } : { folder, top },
			)
			.sort((a, b) => a.top.length - b.top.length)[0]
	);
}

/** A path below a folder of a tree, from the top of that tree; undefined: it lies elsewhere. */
function below(path: string, folder: string): string | undefined {
	if (folder === '/') return path;
	return path === folder ? '/' : path.startsWith(`${folder}/`) ? path.slice(folder.length) : undefined;
}

/** A path inside a folder, itself without a slash at the end. */
function inFolder(folder: string, inside: string): string {
	if (inside === '/') return folder;
	return folder === '/' ? inside : `${folder}${inside}`;
}

/**
 * The folder of a group by its path in the hierarchy; undefined: the mount does not show it. `/../x` is a group outside of our
 * cgroup namespace.
 */
export function cgroupFolder({ folder, top }: CgroupMount, path: string): string | undefined {
	const inside = path.split('/').includes('..') ? undefined : below(path, top);
	return inside === undefined ? undefined : inFolder(folder, inside);
}

/**
 * Bytes of a group's path as this process sees it, by the kernel's own table (`BpfAddon.cgroupPath`); none: the group has
 * gone. Throws where the kernel does not answer.
 */
export type CgroupLookup = (mount: string, id: number) => Uint8Array;

/** Names kept: those of a machine with very many groups. The oldest go first; asking again costs microseconds. */
const MAX_NAMES = 32_768;
/** A search covers at most this many folders; groups beyond are shown by their id. */
const MAX_FOLDERS = 20_000;
/** Between two searches, ms: a search of 20,000 folders takes up to a second. */
const SEARCH_PAUSE = 10_000;

/**
 * Paths of control groups by id, relative to the hierarchy's root (`/`, `/system.slice/ssh.service`). A group's path is
 * kept after the group has gone. Where the kernel resolves ids, a new one costs microseconds; elsewhere (no
 * CAP_DAC_READ_SEARCH) the hierarchy is searched, seldom.
 */
export class Cgroups {
	private readonly mount: CgroupMount | undefined;
	private readonly lookup: CgroupLookup | undefined;
	private readonly paths = new Map<number, SafeText>();
	private refused = false;
	/** Ids that were asked for since the last search. */
	private readonly unknown = new Set<number>();
	private searchedAt = Number.NEGATIVE_INFINITY;

	constructor(procRoot: string, lookup?: CgroupLookup) {
		this.mount = cgroupMount(procRoot);
		this.lookup = lookup;
	}

	/** `#id` where the group has no folder (any more) or none that this process may see. */
	path(id: number): SafeText {
		return this.paths.get(id) ?? this.resolve(id) ?? this.search(id) ?? safe`#${id}`;
	}

	private resolve(id: number): SafeText | undefined {
		if (!this.mount || !this.lookup || this.refused) return undefined;
		let path: Uint8Array;
		try {
			path = this.lookup(this.mount.folder, id);
		} catch {
			this.refused = true;
			return undefined;
		}
		const latin1 = this.inHierarchy(Buffer.from(path).toString('latin1'));
		if (latin1 !== '/' || this.isTop(path)) {
			return this.keep(id, latin1 === '' ? safe`#${id}` : sanitizeLatin1(latin1));
		}
		// the kernel's path of the root and all other groups outside of the subtree that is mounted
		return this.keep(id, safe`#${id}`);
	}

	/** Is it the folder of the mount? */
	private isTop(path: Uint8Array): boolean {
		return Buffer.from(path).equals(Buffer.from((this.mount as CgroupMount).folder));
	}

	/** A path as this process sees it → in the hierarchy; outside of a mounted subtree as it is. */
	private inHierarchy(latin1: string): string {
		const { folder, top } = this.mount as CgroupMount;
		const inside = below(latin1, Buffer.from(folder).toString('latin1'));
		return inside === undefined ? latin1 : inFolder(top, inside);
	}

	protected keep(id: number, path: SafeText): SafeText {
		if (this.paths.size >= MAX_NAMES) {
			const [oldest] = this.paths.keys();
			this.paths.delete(oldest as number);
		}
		this.paths.set(id, path);
		return path;
	}

	/** An id that a search began after, and did not find, is not searched for again. */
	private search(id: number): SafeText | undefined {
		if (!this.mount) return undefined;
		if (this.searchedAt + SEARCH_PAUSE > performance.now()) {
			this.unknown.add(id);
			if (this.unknown.size > MAX_NAMES) this.unknown.clear();
			return undefined;
		}
		this.searchedAt = performance.now();
		this.searchAll(this.mount);
		for (const one of [...this.unknown, id]) if (!this.paths.has(one)) this.keep(one, safe`#${one}`);
		this.unknown.clear();
		return this.paths.get(id);
	}

	private searchAll({ folder, top }: CgroupMount): void {
		const folders = ['/'];
		let device: number | undefined;
		for (let index = 0; index < folders.length && index < MAX_FOLDERS; index++) {
			const inside = folders[index] as string;
			const path = join(folder, inside);
			try {
				const { dev, ino } = statSync(path);
				device ??= dev;
				// another file system is mounted there: its inode numbers are no groups
				if (dev !== device) continue;
				this.keep(ino, sanitize(inFolder(top, inside)));
				for (const entry of readdirSync(path, { withFileTypes: true }))
					if (entry.isDirectory()) folders.push(join(inside, entry.name));
			} catch {
				// the group went during the search
			}
		}
	}
}

/** The id of a group by its path in the unified hierarchy; undefined: there is no such group. */
export function cgroupId(procRoot: string, path: string): number | undefined {
	const mount = cgroupMount(procRoot);
	const outer = '/..'.repeat(mount?.above ?? 0);
	const whole = outer !== '' && path.startsWith(`${outer}/`) ? path.slice(outer.length) : path;
	const folder = mount && cgroupFolder(mount, `/${whole.replace(/^\/+|\/+$/g, '')}`);
	if (!mount || folder === undefined) return undefined;
	try {
		const found = statSync(folder);
		return found.isDirectory() && found.dev === statSync(mount.folder).dev ? found.ino : undefined;
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
