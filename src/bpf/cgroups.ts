/** Names of control groups, once for all tracers of a host. */
import type { Host } from '../core/tracer.ts';
import type { SafeText } from '../lib/sanitize.ts';
import { type CgroupLookup, Cgroups } from '../system/cgroups.ts';
import type { ProcessId } from '../system/process-id.ts';
import { unifiedPathOf, V1Groups, v1Only } from '../system/v1-groups.ts';

/** What a tracer cannot name of control groups here, for its `missing`: a sentence, or none. */
export function unnamedGroups({ procRoot }: Pick<Host, 'procRoot'>): string[] {
	const group = v1Only(procRoot);
	return group === undefined
		? []
		: [
				`groups of cgroup v1 only (${group}) have their name from /proc/PID/cgroup: what ends before that is read is in /, and --cgroup does not know them`,
			];
}

/** ms between questions about one group. */
const PAUSE = 10_000;
/** Groups that are remembered as asked for. */
const MOST_ASKED = 4096;

/** Paths of control groups by the kernel's ids, and of processes that are in groups of v1 only. */
export class GroupNames extends Cgroups {
	private readonly procRoot: string;
	private readonly v1: V1Groups;
	/** ms when the path of a group was last asked for in `/proc`, by id. */
	private readonly asked = new Map<number, number>();

	constructor(procRoot: string, lookup?: CgroupLookup) {
		super(procRoot, lookup);
		this.procRoot = procRoot;
		this.v1 = new V1Groups(procRoot);
	}

	/**
	 * As {@link path}, of a process: one in the root has its group of v1, where it is in one. A group outside of the subtree
	 * that is mounted is named by `/proc` of the process.
	 */
	pathOf(id: number, process: ProcessId): SafeText {
		const path = this.path(id);
		if (path === '/') return this.v1.of(process) ?? path;
		if (!path.startsWith('#') || process.pid <= 0) return path;
		const last = this.asked.get(id) ?? Number.NEGATIVE_INFINITY;
		if (performance.now() - last < PAUSE) return path;
		if (this.asked.size >= MOST_ASKED) this.asked.clear();
		this.asked.set(id, performance.now());
		const own = unifiedPathOf(this.procRoot, process);
		return own === undefined ? path : this.keep(id, own);
	}
}

const shared = new WeakMap<Host, GroupNames>();

/** The names of control groups of a host: one cache for all its tracers. */
export function cgroupsOf(host: Host): GroupNames {
	let cgroups = shared.get(host);
	if (!cgroups) {
		cgroups = new GroupNames(host.procRoot, (mount, id) => host.addon.cgroupPath(mount, id));
		shared.set(host, cgroups);
	}
	return cgroups;
}
