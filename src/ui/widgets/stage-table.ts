/** Stages of a row as lines: figures, share of the time, and bars in sequence like the stages. */

import type { StageStats } from '../../core/stages/figures.ts';
import { formatCount, formatNs, formatShare } from '../../lib/format.ts';
import { fitCells, textWidth } from '../../lib/width.ts';
import { paint, type Role, type Span } from '../../term/theme.ts';
import { lineOf } from './line.ts';
import { bar } from './marks.ts';

interface Figure {
	title: string;
	width: number;
	text(stats: StageStats): string;
}

const ns = (title: string, of: 'mean_ns' | 'p50_ns' | 'p90_ns' | 'p99_ns' | 'max_ns'): Figure => ({
	title,
	width: 7,
	text: (stats) => formatNs(stats[of]),
});

/** In the order of the table; `least`: width of the whole table from which on a figure is shown. */
const figures: readonly (Figure & { least: number })[] = [
	{ title: 'COUNT', width: 6, text: ({ count }) => formatCount(count), least: 43 },
	{ ...ns('MEAN', 'mean_ns'), least: 0 },
	{ ...ns('P50', 'p50_ns'), least: 50 },
	{ ...ns('P90', 'p90_ns'), least: 57 },
	{ ...ns('P99', 'p99_ns'), least: 30 },
	{ ...ns('MAX', 'max_ns'), least: 37 },
];

const nameWidth = 9;
const shareWidth = 7;

/** Cells of the figures without bars, in a table of `width` cells. */
export function stageTableWidth(width: number): number {
	return (
		nameWidth + shareWidth + figures.reduce((sum, { least, width: cells }) => sum + (width >= least ? cells : 0), 0)
	);
}

/** A bar that starts at its time; `at` and `share` are fractions of the whole. */
export function placedBar(at: number, share: number, width: number): string {
	const start = Math.max(0, Math.min(width - 1, Math.floor(at * width)));
	return ' '.repeat(start) + bar(width > start ? (share * width) / (width - start) : 0, width - start);
}

export interface StageTable {
	stages: Readonly<Record<string, StageStats>>;
	/** Shown below, where there is room for a line. */
	note: string;
	roleOf(stage: string): Role;
	/** Subject of the stages. */
	name: string;
	/** The stage with a histogram; null: none. */
	chosen: string | null;
	width: number;
	/** Most lines; the shortest stages are left out first. */
	height: number;
}

/** The stages add up to the time from the first to the last; `total` is the part that the block layer measured. */
export function stageTableLines({ stages, note, roleOf, name, chosen, width, height }: StageTable): string[] {
	const { total, ...measured } = stages;
	if (!total || height < 2) return [];
	const shown = figures.filter(({ least }) => width >= least);
	const room = width - stageTableWidth(width) - 2;
	const timeOf = ({ count, mean_ns }: StageStats) => count * mean_ns;
	// processes and groups have a total only
	const sum = Object.values(measured).reduce((all, stats) => all + timeOf(stats), 0) || timeOf(total);
	let at = 0;
	const lines = Object.entries(measured).flatMap(([stage, stats]) => {
		if (stats.count === 0) return [];
		const share = timeOf(stats) / sum;
		const placed = room > 3 ? placedBar(at, share, room) : '';
		at += share;
		return [{ stage, stats, share, placed }];
	});
	const kept = [...lines].sort((a, b) => b.share - a.share).slice(0, Math.max(0, height - 2));
	const left = lines.length - kept.length;
	const row = (stage: string, stats: StageStats, share: number, placed: string): string => {
		const cells = shown.map((figure) => fitCells(figure.text(stats), figure.width, 'right')).join('');
		const text = `${fitCells(`${stage === chosen ? '▶' : ' '}${stage}`, nameWidth)}${cells}${fitCells(formatShare(share), shareWidth, 'right')}`;
		const line: Span[] = [stage === chosen ? ['selected', text] : text, '  ', [roleOf(stage), placed]];
		return lineOf(width, line);
	};
	const head = `${fitCells(' STAGE', nameWidth)}${shown.map((figure) => fitCells(figure.title, figure.width, 'right')).join('')}${fitCells('SHARE', shareWidth, 'right')}`;
	const out = [
		lineOf(width, [
			['dim', head],
			['dim', '  of '],
			['strong', name],
		]),
		...lines
			.filter((line) => kept.includes(line))
			.map(({ stage, stats, share, placed }) => row(stage, stats, share, placed)),
		row('total', total, timeOf(total) / sum, ''),
	];
	const noted = note !== '' && left === 0 && textWidth(note) < width;
	if (noted && out.length < height) out.push(paint('dim', lineOf(width, [` ${note}`])));
	return out;
}
