/** Several rows of the IO tab as one. Pure. */

import { LATENCY_SLOTS } from '../../bpf/latency.ts';
import type { StageStats } from '../../core/stages/figures.ts';
import { mergeFigures } from '../../lib/histogram.ts';
import { IO_PATH } from './path.ts';
import type { IoRow } from './snapshot.ts';

/** Stages in the order of the way, then the whole. */
export const STAGE_NAMES: readonly string[] = [...IO_PATH.stages.map(({ name }) => name), 'total'];

function sumStage(parts: readonly StageStats[]): StageStats {
	const [only] = parts;
	if (only && parts.length === 1) return only;
	const count = parts.reduce((sum, part) => sum + part.count, 0);
	const sum_ns = parts.reduce((sum, part) => sum + part.count * part.mean_ns, 0);
	const mean_ns = count > 0 ? Math.round(sum_ns / count) : 0;
	return { count, mean_ns, ...mergeFigures(parts, LATENCY_SLOTS) };
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
