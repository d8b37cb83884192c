/** Columns of a path's stages, generated from its table. */
import type { Column } from '../tracer.ts';
import type { StageStats } from './figures.ts';
import type { Path, Stage } from './stages.ts';

interface Staged {
	stages: Record<string, StageStats>;
}

/** A figure of a stage; NaN where no object passed it. */
function stageFigure(name: string, of: 'mean_ns' | 'p50_ns' | 'p99_ns' | 'max_ns'): (row: Staged) => number {
	return (row) => {
		const stats = row.stages[name];
		return stats && stats.count > 0 ? stats[of] : Number.NaN;
	};
}

const describe = ({ from, to, help }: Stage): string => `From ${from} to ${to}: ${help}`;

/**
 * Mean and 99th percentile of each stage; optional stages have columns while they are measured.
 * @param priority of the first; on narrow screens the optional stages are dropped first, the last stages of the path last
 */
export function stageColumns(path: Path, priority: number): Column<Staged>[] {
	const always = path.stages.filter(({ depth }) => depth !== 'full');
	return path.stages.flatMap((stage): Column<Staged>[] => {
		const { name, depth } = stage;
		const importance = priority + 2 * (always.length - 1 - always.indexOf(stage));
		const shown = (snapshot: object): boolean =>
			(snapshot as { rows: readonly Staged[] }).rows.some(({ stages }) => name in stages);
		const sometimes = depth === 'full' ? { shown } : {};
		// two headers of a table are never the same: a filter takes them for names
		const first = path.stages.find(({ title }) => title[0] === stage.title[0]) === stage;
		return [
			{
				key: `${stage.name}_mean`,
				aliases: [stage.name],
				title: stage.title,
				kind: 'ns',
				width: 7,
				priority: importance,
				help: `Mean. ${describe(stage)}`,
				...sometimes,
				value: stageFigure(stage.name, 'mean_ns'),
			},
			{
				key: `${stage.name}_p99`,
				title: `${first ? stage.title[0] : stage.title}-P99`,
				kind: 'ns',
				width: 7,
				priority: importance + 1,
				help: `99 of 100 took at most this long (from a histogram: ±25 %). ${describe(stage)}`,
				...sometimes,
				value: stageFigure(stage.name, 'p99_ns'),
			},
		];
	});
}

/** A figure of the whole path. */
export function totalColumn(
	of: 'mean_ns' | 'p99_ns' | 'max_ns',
	title: string,
	priority: number,
	help: string,
): Column<Staged> {
	const name = of.slice(0, -'_ns'.length);
	return {
		key: `total_${name}`,
		...(of === 'mean_ns' ? {} : { aliases: [name] }),
		title,
		kind: 'ns',
		width: 7,
		priority,
		help,
		value: stageFigure('total', of),
	};
}
