/** The stages of a row as a table of text: any object's. */
import { formatCount, formatNs } from '../format.ts';
import type { StageStats } from '../stages/figures.ts';
import { fitCells } from '../term/width.ts';
import { bar } from './histogram.tsx';
import { paint } from './theme.ts';

const TITLES = ['stage', 'count', 'mean', 'p50', 'p99', 'max'];

/** Figures of each stage, and its mean as a part of the mean total. */
export function stageLines(of: Readonly<Record<string, StageStats>>, width: number): string[] {
	const { total, ...stages } = of;
	const whole = total?.mean_ns ?? 0;
	const entries = [...Object.entries(stages), ...(total ? [['total', total] as const] : [])];
	const barWidth = Math.max(0, Math.min(40, width - 60));
	const head = TITLES.map((title, index) => fitCells(title, 9, index === 0 ? 'left' : 'right')).join('');
	return [
		paint('dim', head),
		...entries.map(([name, stage]) => {
			const figures = [
				formatCount(stage.count),
				formatNs(stage.mean_ns),
				formatNs(stage.p50_ns),
				formatNs(stage.p99_ns),
				formatNs(stage.max_ns),
			];
			return `${fitCells(name, 9)}${figures.map((text) => fitCells(text, 9, 'right')).join('')}  ${name === 'total' ? '' : paint('accent', bar(whole > 0 ? stage.mean_ns / whole : 0, barWidth))}`;
		}),
	];
}
