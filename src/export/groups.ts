/**
 * Which groups get a name: the largest, with hysteresis, so that few series come and go. The others are `other`, which takes
 * an interval's figures of a group only where the group has no name in that interval: it never falls.
 */
import type { Count } from '../lib/units.ts';

export interface GroupLimits {
	/** Groups with a name. */
	most: Count;
	/** A group replaces the smallest named one when it is this much larger … */
	factor: number;
	/** … in this many intervals in a row. */
	intervals: Count;
}

const defaults: GroupLimits = { most: 20, factor: 1.5, intervals: 3 };
/** Part of an interval in the mean of a group. */
const WEIGHT = 0.3;
/** Groups whose mean is kept: names of groups are foreign. */
const MOST_KNOWN = 1000;
/** Below it a group is forgotten. */
const FORGOTTEN = 1e-6;

interface Known {
	mean: number;
	/** Intervals in a row in which it was large enough to replace one. */
	above: Count;
}

/** The names in use, changed once in each interval. */
export class NamedGroups {
	private readonly limits: GroupLimits;
	private readonly known = new Map<string, Known>();
	private readonly named = new Set<string>();

	constructor(limits: Partial<GroupLimits> = {}) {
		this.limits = { ...defaults, ...limits };
	}

	has(group: string): boolean {
		return this.named.has(group);
	}

	/**
	 * One interval.
	 * @param sizes size of each group in it; those of others are 0
	 * @returns groups that lose their name
	 */
	update(sizes: ReadonlyMap<string, number>): string[] {
		for (const [group, known] of this.known) {
			known.mean *= 1 - WEIGHT;
			if (!sizes.has(group) && known.mean < FORGOTTEN && !this.named.has(group)) this.known.delete(group);
		}
		for (const [group, size] of sizes) {
			const known = this.known.get(group);
			if (known) known.mean += WEIGHT * size;
			else if (this.known.size < MOST_KNOWN) this.known.set(group, { mean: WEIGHT * size, above: 0 });
		}
		return this.choose();
	}

	private choose(): string[] {
		const { most, factor, intervals } = this.limits;
		const candidates = [...this.known]
			.filter(([group, { mean }]) => !this.named.has(group) && mean > 0)
			.sort(([, a], [, b]) => b.mean - a.mean);
		const left: string[] = [];
		for (const [group, known] of candidates) {
			if (this.named.size < most) {
				this.named.add(group);
				continue;
			}
			const smallest = this.smallest();
			const replaced = smallest !== undefined && known.mean > factor * (this.known.get(smallest)?.mean ?? 0);
			known.above = replaced ? known.above + 1 : 0;
			if (!replaced || known.above < intervals) continue;
			this.named.delete(smallest);
			this.named.add(group);
			left.push(smallest);
		}
		return left;
	}

	private smallest(): string | undefined {
		let smallest: string | undefined;
		let least = Number.POSITIVE_INFINITY;
		for (const group of this.named) {
			const mean = this.known.get(group)?.mean ?? 0;
			if (mean < least) [smallest, least] = [group, mean];
		}
		return smallest;
	}
}
