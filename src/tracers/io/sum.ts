/** Several rows of the IO tab as one. Pure. */

import type { StageStats } from '../../core/stages/figures.ts';
import { latency_histogram } from '../../generated/lib.ts';
import { type Buckets, mergeBuckets } from '../../lib/histogram.ts';
import type { Ns } from '../../lib/units.ts';
import { IO_PATH } from './path.ts';
import type { IoRow } from './snapshot.ts';

/** Stages in the order of the way, then the whole. */
export const STAGE_NAMES: readonly string[] = [...IO_PATH.stages.map(({ name }) => name), 'total'];

/** Buckets in a power of two. */
const perOctave = 2 ** latency_histogram.LATENCY_SUB_BITS;

/** Interpolated inside its bucket: as good as the percentiles of the rows themselves. */
function percentile(buckets: Buckets, rank: number, max: Ns): Ns {
	const wanted = rank * buckets.reduce((sum, [, count]) => sum + count, 0);
	let seen = 0;
	for (const [upper, count] of buckets) {
		if (seen + count < wanted) {
			seen += count;
			continue;
		}
		const width = 2 ** (Math.ceil(Math.log2(upper)) - 1) / perOctave;
		return Math.min(Math.round(upper - (1 - (wanted - seen) / count) * width), max);
	}
	return max;
}

function sumStage(parts: readonly StageStats[]): StageStats {
	const [only] = parts;
	if (only && parts.length === 1) return only;
	const count = parts.reduce((sum, part) => sum + part.count, 0);
	const sum_ns = parts.reduce((sum, part) => sum + part.count * part.mean_ns, 0);
	const max_ns = Math.max(0, ...parts.map((part) => part.max_ns));
	const buckets = mergeBuckets(parts.map((part) => part.buckets));
	const [p50_ns, p90_ns, p99_ns] = [0.5, 0.9, 0.99].map((rank) => percentile(buckets, rank, max_ns)) as [Ns, Ns, Ns];
	return { count, mean_ns: count > 0 ? Math.round(sum_ns / count) : 0, p50_ns, p90_ns, p99_ns, max_ns, buckets };
}

/** Stage → figures, of those stages that anything went through; `total` is last. */
export function sumStages(rows: readonly Pick<IoRow, 'stages'>[]): Record<string, StageStats> {
	const sums: Record<string, StageStats> = {};
	for (const name of STAGE_NAMES) {
		const parts = rows.flatMap(({ stages }) => (stages[name] && stages[name].count > 0 ? [stages[name]] : []));
		if (parts.length > 0) sums[name] = sumStage(parts);
	}
	return sums;
}

/** Devices without requests of their own have what the devices below them have: to count all once, leave them out. */
export function countedOnce(rows: readonly IoRow[]): readonly IoRow[] {
	return rows.filter(({ stacked }) => stacked !== true);
}
