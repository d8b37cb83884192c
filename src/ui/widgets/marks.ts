/** How shares and times look, the same everywhere: bars, glyphs, colours. */
import type { Ns } from '../../lib/units.ts';
import type { Role } from '../../term/theme.ts';

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of `share` (0–1) of `width` cells, to an eighth of a cell; what is not zero is visible. */
export function bar(share: number, width: number): string {
	if (!(share > 0) || width < 1) return '';
	const units = Math.max(1, Math.min(width * 8, Math.round(share * width * 8)));
	return '█'.repeat(Math.floor(units / 8)) + eighths[units % 8];
}

const levels = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One glyph for a share (0–1), from nothing to all in eighths; what is there at all is seen. */
export function levelGlyph(share: number): string {
	return levels[share > 0 ? Math.max(1, Math.min(8, Math.round(share * 8))) : 0] as string;
}

/** Times that people notice: over 10 ms, over 1 ms. */
export function timeRole(ns: Ns): Role {
	return ns >= 8e6 ? 'bad' : ns >= 1e6 ? 'warn' : 'good';
}
