/** The control group that is stalled most, from `memory.pressure` and `io.pressure` of active groups. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SafeText } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { type CgroupMount, cgroupFolder, cgroupMount, withParents } from './cgroups.ts';
import { type Pressure, parsePressure, type Stall } from './pressure.ts';

/** Resources whose pressure is read per group. */
const resources = ['memory', 'io'] as const;

/** Share of the interval from which on the groups are read; below it nothing is. */
const ASKED_FROM = 0.05;

/** A group's pressure includes that of its descendants: the deepest group with this share of the largest is the source. */
const MOST_OF_IT = 0.8;

/** Stalled time of one control group in the interval. */
export interface GroupStall extends Stall {
	cgroup: SafeText;
}

/** By resource, the stalled group; missing: not known. */
export type Stalled = Partial<Record<(typeof resources)[number], GroupStall>>;

const depth = (path: string): number => path.split('/').length;

/** Reads groups only while the machine's own pressure is above 5 %. */
export class GroupPressureReader {
	private readonly mount: CgroupMount | undefined;
	private before = new Map<string, Stall>();

	constructor(procRoot: string) {
		this.mount = cgroupMount(procRoot);
	}

	/**
	 * Since the last read, of `cgroups` and their ancestors. A group is known from its second read on.
	 * @param pressure of the whole machine
	 */
	read(pressure: Pressure | null, dt_ns: Ns, cgroups: Iterable<SafeText>): Stalled {
		const asked = resources.filter((resource) => (pressure?.[resource]?.some_ns ?? 0) >= dt_ns * ASKED_FROM);
		const before = this.before;
		this.before = new Map();
		if (this.mount === undefined || asked.length === 0) return {};
		const groups = [...withParents(cgroups)];
		return Object.fromEntries(
			asked.flatMap((resource) => {
				const stalls = groups.flatMap((cgroup) => this.since(before, cgroup, resource));
				const most = Math.max(...stalls.map(({ some_ns }) => some_ns));
				const [worst] = stalls
					.filter(({ some_ns }) => some_ns > 0 && some_ns >= most * MOST_OF_IT)
					.sort((a, b) => depth(b.cgroup) - depth(a.cgroup) || b.some_ns - a.some_ns);
				return worst ? [[resource, worst]] : [];
			}),
		);
	}

	private since(before: ReadonlyMap<string, Stall>, cgroup: SafeText, resource: string): GroupStall[] {
		const folder = cgroupFolder(this.mount as CgroupMount, cgroup);
		if (folder === undefined) return [];
		const file = join(folder, `${resource}.pressure`);
		try {
			const now = parsePressure(readFileSync(file, 'utf8'));
			this.before.set(file, now);
			const then = before.get(file);
			// a group of the same name that was made anew counts from 0
			const since = (key: keyof Stall): Ns => Math.max(0, now[key] - (then?.[key] ?? 0));
			return then ? [{ cgroup, some_ns: since('some_ns'), full_ns: since('full_ns') }] : [];
		} catch {
			// gone, or its sanitised name is not its name
			return [];
		}
	}
}
