/** Distributions of the stages of one path: from the kernel's cumulative ones (bpf/lib/stages.bpf.h) to figures of an interval. */

import type { StageStats } from '../core/stages/figures.ts';
import type { Count, Ns } from '../lib/units.ts';
import { Distribution, type KernelLatency, type LatencyReader } from './latency.ts';

interface Sum {
	count: Count;
	sum_ns: Ns;
}

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

	/** Add the last interval and the totals of a kernel value. */
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

/** One value of a kernel map: the last interval and the totals of its stages. */
export class StageHistory {
	readonly stages = new Map<string, { interval: Distribution; total: Sum }>();
	private readonly id: string;

	/** @param id unique among the values of the reader */
	constructor(id: string) {
		this.id = id;
	}

	/** The kernel's value is gone. */
	forget(reader: LatencyReader): void {
		for (const name of this.stages.keys()) reader.forget(`${name} ${this.id}`);
	}

	/** Set the interval to the difference from the last call. */
	update(reader: LatencyReader, name: string, now: KernelLatency): void {
		const interval = reader.difference(`${name} ${this.id}`, now);
		const before = this.stages.get(name);
		if (before) {
			before.interval = interval;
			before.total.count += interval.count;
			before.total.sum_ns += interval.sum_ns;
		} else {
			this.stages.set(name, { interval, total: { count: interval.count, sum_ns: interval.sum_ns } });
		}
	}
}
