/** Reasons for missing stages. */

import type { StageStats } from '../../../core/stages/figures.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';
import type { FullPath } from '../../../tracers/io/snapshot.ts';

type Stages = Readonly<Record<string, StageStats>>;

/** Reason for the missing stages; empty: none is missing. */
export function missingStages({ state, reason }: FullPath, stages: Stages): string {
	if (state === 'on') return '';
	const names = IO_PATH.stages.filter(({ depth, name }) => depth === 'full' && !stages[name]).map(({ name }) => name);
	if (names.length === 0) return '';
	const why = {
		off: 'only with the full path (f)',
		detached: `full path detached${reason === '' ? '' : `: ${reason}`}`,
		unavailable: `full path unavailable${reason === '' ? '' : `: ${reason}`}`,
	}[state];
	return `${names.join(', ')}: ${why}`;
}

/** A note for the table of a row's stages; empty: none is missing. */
export function stageNote(fullPath: FullPath, stages: Stages): string {
	const measured = Object.entries(stages).some(([name, { count }]) => name !== 'total' && count > 0);
	return measured
		? missingStages(fullPath, stages)
		: 'of a process or control group only the total is measured (t: other rows)';
}
