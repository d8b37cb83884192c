/** Sums of several rows of the IO tab. Pure. */

import { LATENCY_SLOTS } from '../../bpf/latency.ts';
import type { StageStats } from '../../core/stages/figures.ts';
import { mergeFigures } from '../../lib/histogram.ts';
import { IO_PATH } from './path.ts';
import type { IoRow } from './snapshot.ts';

/** Stages in path order, then `total`. */
const STAGE_NAMES: readonly string[] = [...IO_PATH.stages.map(({ name }) => name), 'total'];

/** One stage of several rows: percentiles come from the merged distributions. */
export function sumStats(parts: readonly StageStats[]): StageStats {
	const [only] = parts;
	if (only && parts.length === 1) return only;
	const count = parts.reduce((sum, part) => sum + part.count, 0);
	const sum_ns = parts.reduce((sum, part) => sum + part.count * part.mean_ns, 0);
	const mean_ns = count > 0 ? Math.round(sum_ns / count) : 0;
	return { count, mean_ns, ...mergeFigures(parts, LATENCY_SLOTS) };
}

/** Stage → figures, without empty stages; `total` is last. */
export function sumStages(rows: readonly Pick<IoRow, 'stages'>[]): Record<string, StageStats> {
	const sums: Record<string, StageStats> = {};
	for (const name of STAGE_NAMES) {
		const parts = rows.flatMap(({ stages }) => (stages[name] && stages[name].count > 0 ? [stages[name]] : []));
		if (parts.length > 0) sums[name] = sumStats(parts);
	}
	return sums;
}

/** Rows without stacked devices, whose bios are counted again as requests of the devices below. */
export function countedOnce(rows: readonly IoRow[]): readonly IoRow[] {
	return rows.filter(({ stacked }) => stacked !== true);
}
