/** Control groups that used up their CPU quota, from `cpu.stat` of active groups. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SafeText } from '../lib/sanitize.ts';
import type { Count, Ns } from '../lib/units.ts';
import { type CgroupMount, cgroupFolder, cgroupMount, withParents } from './cgroups.ts';

/** One group in one interval. */
export interface Throttled {
	cgroup: SafeText;
	/** Quota periods in which it ran, and those in which it was throttled. */
	periods: Count;
	throttled: Count;
	/** Throttled time, Σ over CPUs. */
	throttled_ns: Ns;
}

type Totals = Omit<Throttled, 'cgroup'>;

/** undefined: the group has no quota (without the cpu controller `nr_periods` is missing). */
export function parseCpuStat(text: string): Totals | undefined {
	const field = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
	const periods = field('nr_periods');
	if (!(periods > 0)) return undefined;
	return { periods, throttled: field('nr_throttled'), throttled_ns: 1e3 * field('throttled_usec') };
}

export class QuotaReader {
	private readonly mount: CgroupMount | undefined;
	private before = new Map<string, Totals>();

	constructor(procRoot: string) {
		this.mount = cgroupMount(procRoot);
	}

	/** Groups throttled since the last read, of `cgroups` and their ancestors. A group is known from its second read on. */
	read(cgroups: Iterable<SafeText>): Throttled[] {
		if (this.mount === undefined) return [];
		const totals = new Map<string, Totals>();
		const found: Throttled[] = [];
		for (const cgroup of withParents(cgroups)) {
			const now = this.stat(cgroup);
			if (!now) continue;
			totals.set(cgroup, now);
			const before = this.before.get(cgroup);
			const throttled = before ? now.throttled - before.throttled : 0;
			if (!before || throttled <= 0) continue;
			found.push({
				cgroup,
				periods: now.periods - before.periods,
				throttled,
				throttled_ns: now.throttled_ns - before.throttled_ns,
			});
		}
		this.before = totals;
		return found.sort((a, b) => b.throttled_ns - a.throttled_ns);
	}

	private stat(cgroup: string): Totals | undefined {
		const folder = cgroupFolder(this.mount as CgroupMount, cgroup);
		if (folder === undefined) return undefined;
		try {
			return parseCpuStat(readFileSync(join(folder, 'cpu.stat'), 'utf8'));
		} catch {
			// gone, or its sanitised name is not its name
			return undefined;
		}
	}
}
