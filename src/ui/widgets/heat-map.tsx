/** Latency × time: a column per interval, a row per power of two, the newest on the right. */

import { lastOf, type Timeline } from '../../history/timeline.ts';
import { formatNs } from '../../lib/format.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { fitCells } from '../../lib/width.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { Area } from '../layout/split.ts';
import { type EventMark, markGlyph } from './event-marks.ts';
import { lineOf } from './line.ts';
import { drawn } from './lines.tsx';
import { GAP, gapSpans, timeRole } from './marks.ts';

export interface HeatMapProps extends Area {
	/** Subject of the counts, before the legend. */
	title: string;
	/** Oldest first: counts by power of two of `unit`. */
	columns: readonly (readonly Count[])[];
	unit: Ns;
	/** Times of the columns. */
	timeline: Timeline;
	/** Events of each column's interval, on the time axis; absent: none. */
	marks?: readonly EventMark[];
}

const shades = ['·', '░', '▒', '▓', '█'];
const labelWidth = 9;

/** By order of magnitude: one slow wait among thousands of short ones must be visible. */
function shade(count: Count, most: Count, gap: boolean): string {
	if (!(count > 0)) return gap ? GAP : ' ';
	const share = Math.log1p(count) / Math.log1p(most);
	return shades[Math.min(shades.length - 1, Math.floor(share * shades.length))] as string;
}

export function heatMapLines({ title, columns, unit, timeline, marks = [], width, height }: HeatMapProps): string[] {
	// on few rows the legend is left out first
	const legend = height > 4;
	const rows = height - (legend ? 2 : 1);
	const shown = columns.slice(-Math.max(0, width - labelWidth));
	const { ages, gaps, step: interval } = lastOf(timeline, shown.length);
	if (rows < 2 || shown.length === 0) return [];
	const filled = shown.flatMap((column) => [
		column.findIndex((count) => count > 0),
		column.findLastIndex((count) => count > 0),
	]);
	const low = Math.min(...filled.filter((slot) => slot >= 0));
	const high = Math.max(...filled);
	if (high < 0) return [];
	const step = Math.ceil((high - low + 1) / rows);
	const bands: { from: Ns; cells: Count[] }[] = [];
	for (let slot = low; slot <= high; slot += step) {
		const cells = shown.map((column) => column.slice(slot, slot + step).reduce((sum, count) => sum + count, 0));
		bands.push({ from: slot === 0 ? 0 : unit * 2 ** slot, cells });
	}
	const most = Math.max(...bands.flatMap(({ cells }) => cells));
	const body = bands
		.toReversed()
		.map(
			({ from, cells }) =>
				paint('dim', `${fitCells(`≥${formatNs(from)}`, labelWidth - 2, 'right')} │`) +
				paint(timeRole(from), cells.map((count, index) => shade(count, most, (gaps[index] ?? 0) > 0)).join('')),
		);
	const begin = `−${Math.round((ages[0] ?? 0) + interval)}s`;
	const room = shown.length - 3;
	const scale = [...`${fitCells(room > begin.length ? begin : '', Math.max(0, room))}now`];
	const marked = marks.slice(-shown.length);
	const axis = scale.map((glyph, index): Span => {
		const mark = marked[index] ?? null;
		if (mark !== null) return [markGlyph[mark].role, markGlyph[mark].glyph];
		return ['dim', glyph === ' ' && (gaps[index] ?? 0) > 0 ? GAP : glyph];
	});
	return [
		...(legend
			? [
					lineOf(width, [
						['dim', `${title}   `],
						'·░▒▓█',
						['dim', ' few to many waits (logarithmic)'],
						...gapSpans(timeline, shown.length),
					]),
				]
			: []),
		...body,
		lineOf(width, [' '.repeat(labelWidth), ...axis]),
	];
}

export const HeatMap = drawn(heatMapLines);
