/** Distributions of the stages of one path: from the kernel's cumulative ones (bpf/lib/stages.bpf.h) to figures of an interval. */

import type { StageStats } from '../core/stages/figures.ts';
import type { Count, Ns } from '../lib/units.ts';
import { Distribution } from './latency.ts';

interface Sum {
	count: Count;
	sum_ns: Ns;
}

/** The figures of a stage in one interval, ns. */
export function stageStats(interval: Distribution): StageStats {
	return { count: interval.count, mean_ns: interval.mean(), ...interval.figures() };
}

/** Stages by name, in their order. */
export class StageDistributions {
	private readonly intervals = new Map<string, Distribution>();
	private readonly sums = new Map<string, Sum>();

	constructor(names: readonly string[]) {
		for (const name of names) {
			this.intervals.set(name, new Distribution());
			this.sums.set(name, { count: 0, sum_ns: 0 });
		}
	}

	/** Add the last interval and the totals. */
	add(from: StageHistory): void {
		for (const [name, { interval, total }] of from.stages) {
			this.intervals.get(name)?.add(interval);
			const sum = this.sums.get(name);
			if (!sum) continue;
			sum.count += total.count;
			sum.sum_ns += total.sum_ns;
		}
	}

	of(name: string): Distribution | undefined {
		return this.intervals.get(name);
	}

	figures(): Record<string, StageStats> {
		return Object.fromEntries([...this.intervals].map(([name, interval]) => [name, stageStats(interval)]));
	}

	totals(): Record<string, Sum> {
		return Object.fromEntries(this.sums);
	}
}

/** The last interval and the totals of the stages of one kind of object. */
export class StageHistory {
	readonly stages = new Map<string, { interval: Distribution; total: Sum }>();

	/** Begins the next interval. */
	begin(): void {
		for (const { interval } of this.stages.values()) if (interval.count > 0) interval.clear();
	}

	/** Adds events to the interval. */
	add(name: string, events: Distribution): void {
		let stage = this.stages.get(name);
		if (!stage) {
			stage = { interval: new Distribution(), total: { count: 0, sum_ns: 0 } };
			this.stages.set(name, stage);
		}
		stage.interval.add(events);
		stage.total.count += events.count;
		stage.total.sum_ns += events.sum_ns;
	}
}
