/** Control groups that used up their CPU quota, from `cpu.stat` of active groups. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import { type SafeText, sanitizeLatin1 } from '../lib/sanitize.ts';
import type { Count, Ns } from '../lib/units.ts';
import { type CgroupMount, cgroupFolder, cgroupMount, v1Mount, v1Path, withParents } from './cgroups.ts';
import { hasMachinePids } from './pid-namespace.ts';
import type { ProcessId } from './process-id.ts';

/** One group in one interval. */
export interface Throttled {
	cgroup: SafeText;
	/** Quota periods in which it ran, and those in which it was throttled. */
	periods: Count;
	throttled: Count;
	/** Throttled time, Σ over CPUs. */
	throttled_ns: Ns;
	/** Of a v1 group, which rows do not name: the processes in it that were asked about, `pid:start`. */
	members?: readonly string[];
}

/** Processes whose group is read again in an interval; the others keep theirs. New ones are always read. */
const READ_AGAIN = 4;
/** Processes whose group is remembered: those that do little come and go in the lists that are asked about. */
const MOST_KNOWN = 1024;

type Totals = Pick<Throttled, 'periods' | 'throttled' | 'throttled_ns'>;

/** undefined: the group has no quota (without the cpu controller `nr_periods` is missing). */
export function parseCpuStat(text: string): Totals | undefined {
	const field = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
	const periods = field('nr_periods');
	if (!(periods > 0)) return undefined;
	// v1 has nanoseconds under another name
	const v1 = field('throttled_time');
	return {
		periods,
		throttled: field('nr_throttled'),
		throttled_ns: Number.isNaN(v1) ? 1e3 * field('throttled_usec') : v1,
	};
}

/** Differences of `cpu.stat` between two reads, of cgroup v2 and of the cpu controller of v1. */
export class QuotaReader {
	private readonly procRoot: string;
	private readonly mount: CgroupMount | undefined;
	/** v1 hierarchy of the cpu controller. */
	private readonly v1: CgroupMount | undefined;
	private before = new Map<string, Totals>();
	/** v1 groups of processes asked about, `pid:start`; undefined: the root. In the order of the last reading. */
	private readonly groups = new Map<string, SafeText | undefined>();

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		this.mount = cgroupMount(procRoot);
		// proc of a container has other pids than those asked about
		this.v1 = hasMachinePids(procRoot) ? v1Mount(procRoot, 'cpu') : undefined;
	}

	/**
	 * Groups throttled since the last read, of `cgroups` and of the v1 groups of `processes`, and their ancestors. A group is
	 * known from its second read on; at the first one its figures are 0.
	 */
	read(cgroups: Iterable<SafeText>, processes: Iterable<ProcessId> = []): Throttled[] {
		const totals = new Map<string, Totals>();
		const members = this.v1 ? this.membersOf(processes) : new Map<SafeText, string[]>();
		// a controller is in one hierarchy: where v1 has it, groups of the unified one have no quota
		const v2 = this.mount && !this.v1 ? this.grown(this.mount, withParents(cgroups), totals) : [];
		const v1 = this.v1 ? this.grown(this.v1, withParents(members.keys()), totals) : [];
		this.before = totals;
		const inside = (group: SafeText): string[] =>
			[...members].flatMap(([path, keys]) => (path === group || path.startsWith(`${group}/`) ? keys : []));
		return [...v2, ...v1.map((one) => ({ ...one, members: inside(one.cgroup) }))].sort(
			(a, b) => b.throttled_ns - a.throttled_ns,
		);
	}

	/** Processes by their v1 group, those of its root left out. */
	private membersOf(processes: Iterable<ProcessId>): Map<SafeText, string[]> {
		const members = new Map<SafeText, string[]>();
		const asked = new Map(Array.from(processes, ({ pid, start }) => [`${pid}:${start}`, pid]));
		const known = this.groups;
		// the order of the map is that of the last reading
		let again = 0;
		for (const key of known.keys()) {
			if (again === READ_AGAIN) break;
			if (asked.has(key) && ++again) known.delete(key);
		}
		for (const [key, pid] of asked) {
			if (known.has(key)) continue;
			try {
				const path = v1Path(readLatin1(join(this.procRoot, String(pid), 'cgroup')), 'cpu') ?? '/';
				known.set(key, path === '/' ? undefined : sanitizeLatin1(path));
			} catch {
				// it has ended: not asked again while it is in the lists
				known.set(key, undefined);
			}
		}
		for (const key of known.keys()) {
			if (known.size <= MOST_KNOWN) break;
			if (!asked.has(key)) known.delete(key);
		}
		for (const key of asked.keys()) {
			const group = known.get(key);
			if (group) members.set(group, [...(members.get(group) ?? []), key]);
		}
		return members;
	}

	private grown(mount: CgroupMount, cgroups: Iterable<SafeText>, totals: Map<string, Totals>): Throttled[] {
		const found: Throttled[] = [];
		for (const cgroup of cgroups) {
			const now = stat(mount, cgroup);
			if (!now) continue;
			const key = `${mount.folder} ${cgroup}`;
			totals.set(key, now);
			const before = this.before.get(key);
			if (!before) {
				// whether that was in this interval is not known: nothing to report, and no reason to blame others for its waits
				if (now.throttled > 0) found.push({ cgroup, periods: 0, throttled: 0, throttled_ns: 0 });
				continue;
			}
			const throttled = now.throttled - before.throttled;
			// a group of the same name that was made anew counts from 0
			if (throttled <= 0 || now.periods < before.periods || now.throttled_ns < before.throttled_ns) continue;
			found.push({
				cgroup,
				periods: now.periods - before.periods,
				throttled,
				throttled_ns: now.throttled_ns - before.throttled_ns,
			});
		}
		return found;
	}
}

function stat(mount: CgroupMount, cgroup: string): Totals | undefined {
	const folder = cgroupFolder(mount, cgroup);
	if (folder === undefined) return undefined;
	try {
		return parseCpuStat(readFileSync(join(folder, 'cpu.stat'), 'utf8'));
	} catch {
		// gone, or its sanitised name is not its name
		return undefined;
	}
}
