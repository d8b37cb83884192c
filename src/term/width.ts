/**
 * How many cells text takes on a terminal. Counted per code point, as terminals do (wcwidth), not per grapheme: over
 * ssh and inside tmux the cluster rules of modern emulators cannot be relied on, and where a terminal disagrees the
 * diff places the cursor again after the glyph.
 */
import stringWidth from 'string-width';

const plain = /^[\x20-\x7e]*$/;
const known = new Map<string, number>();

/** Cells of one code point: 0 (combining), 1 or 2. */
export function glyphWidth(glyph: string): number {
	if (glyph.length === 1 && glyph >= ' ' && glyph <= '~') return 1;
	let width = known.get(glyph);
	if (width === undefined) {
		width = Math.min(2, stringWidth(glyph));
		// Foreign names decide which characters come by, so the memory is bounded.
		if (known.size > 4096) known.clear();
		known.set(glyph, width);
	}
	return width;
}

/** Cells of text without escape sequences. */
export function textWidth(text: string): number {
	if (plain.test(text)) return text.length;
	let width = 0;
	for (const glyph of text) width += glyphWidth(glyph);
	return width;
}

/** Cut to at most `width` cells; what was cut is marked with an ellipsis. */
export function truncate(text: string, width: number): string {
	if (width <= 0) return '';
	if (text.length <= width && plain.test(text)) return text;
	if (textWidth(text) <= width) return text;
	let out = '';
	let used = 0;
	for (const glyph of text) {
		const cells = glyphWidth(glyph);
		if (used + cells > width - 1) break;
		out += glyph;
		used += cells;
	}
	return `${out}…`;
}

/** Exactly `width` cells: cut or padded with spaces. */
export function fitCells(text: string, width: number, align: 'left' | 'right' = 'left'): string {
	if (width <= 0) return '';
	if (plain.test(text) && text.length <= width) {
		return align === 'left' ? text.padEnd(width) : text.padStart(width);
	}
	const cut = truncate(text, width);
	const gap = ' '.repeat(Math.max(0, width - textWidth(cut)));
	return align === 'left' ? cut + gap : gap + cut;
}
