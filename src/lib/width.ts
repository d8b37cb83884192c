/**
 * Cells of text on a terminal, counted per code point, as terminals do (wcwidth), not per grapheme: over ssh and inside
 * tmux the cluster rules of modern emulators are not reliable. Where a terminal disagrees, the frame diff repositions the
 * cursor after the glyph.
 */
import { eastAsianWidth } from 'get-east-asian-width';

const plain = /^[\x20-\x7e]*$/;
/** Compiled for the first glyph that needs it: tables of Unicode properties take milliseconds to build. */
let invisible: RegExp | undefined;
const known = new Map<string, number>();

function widthOf(glyph: string): number {
	invisible ??=
		/^[\p{Default_Ignorable_Code_Point}\p{Control}\p{Format}\p{Nonspacing_Mark}\p{Enclosing_Mark}\p{Surrogate}]/u;
	const code = glyph.codePointAt(0) as number;
	return isJoinedJamo(code) || invisible.test(glyph) ? 0 : eastAsianWidth(code);
}

/** Vowels and finals of decomposed Hangul (names of files from macOS): terminals put them into the cells of the consonant before. */
function isJoinedJamo(code: number): boolean {
	return (code >= 0x1160 && code < 0x1200) || (code >= 0xd7b0 && code < 0xd800);
}

/** Blocks in which every glyph is one cell wide: Latin letters, dashes, arrows, mathematics, lines, blocks, shapes, braille. */
function surelyOne(code: number): boolean {
	return (
		(code >= 0x20 && code < 0x7f) ||
		(code >= 0xa0 && code < 0x300 && code !== 0xad) ||
		(code >= 0x2010 && code < 0x2028) ||
		(code >= 0x2190 && code < 0x2300) ||
		(code >= 0x2500 && code < 0x25fd) ||
		(code >= 0x2800 && code < 0x2900)
	);
}

/** Cells of one code point: 0 (combining), 1 or 2. */
export function glyphWidth(glyph: string): number {
	if (glyph.length === 1 && surelyOne(glyph.charCodeAt(0))) return 1;
	let width = known.get(glyph);
	if (width === undefined) {
		width = widthOf(glyph);
		// foreign names choose the characters, so the memory is bounded
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

/** Truncate to at most `width` cells; an ellipsis marks a cut. */
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

/** Exactly `width` cells: truncated, or padded with spaces. */
export function fitCells(text: string, width: number, align: 'left' | 'right' = 'left'): string {
	if (width <= 0) return '';
	if (plain.test(text) && text.length <= width) {
		return align === 'left' ? text.padEnd(width) : text.padStart(width);
	}
	const cut = truncate(text, width);
	const gap = ' '.repeat(Math.max(0, width - textWidth(cut)));
	return align === 'left' ? cut + gap : gap + cut;
}

/** Break at spaces into lines of at most `width` cells; all but the first begin with `indent`. */
export function wrapText(text: string, width: number, indent = ''): string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(' ')) {
		const longer = line === '' ? word : `${line} ${word}`;
		if (line !== '' && textWidth(longer) > width) {
			lines.push(line);
			line = indent + word;
		} else {
			line = longer;
		}
	}
	return [...lines, line];
}
