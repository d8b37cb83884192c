/** Bars, glyphs and colours of shares, times and gaps in time. */
import { lastOf, type Timeline } from '../../history/timeline.ts';
import { formatDuration } from '../../lib/format.ts';
import type { Ns } from '../../lib/units.ts';
import type { Role, Span } from '../../term/theme.ts';

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of `share` (0–1) of `width` cells, to an eighth of a cell; a share above 0 is visible. */
export function bar(share: number, width: number): string {
	if (!(share > 0) || width < 1) return '';
	const units = Math.max(1, Math.min(width * 8, Math.round(share * width * 8)));
	return '█'.repeat(Math.floor(units / 8)) + eighths[units % 8];
}

const levels = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One glyph for a share (0–1), in eighths; a share above 0 is visible. */
export function levelGlyph(share: number): string {
	return levels[share > 0 ? Math.max(1, Math.min(8, Math.round(share * 8))) : 0] as string;
}

/** Colour of a latency: bad from 8 ms, warn from 1 ms. */
export function timeRole(ns: Ns): Role {
	return ns >= 8e6 ? 'bad' : ns >= 1e6 ? 'warn' : 'good';
}

/** Marks an interval that was far longer than asked: on the time axis, and in its column where that is empty. */
export const GAP = '┊';

/** For a legend: the newest gap among the last `columns`. */
export function gapSpans(timeline: Timeline, columns: number): Span[] {
	const seconds = lastOf(timeline, columns).gaps.findLast((gap) => gap > 0);
	return seconds === undefined ? [] : [['warn', `   ${GAP} gap of ${formatDuration(seconds)}`]];
}
