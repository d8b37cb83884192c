/**
 * A line of text with SGR sequences, as cells. All control characters but SGR are dropped here: the last protection of the
 * terminal from foreign bytes.
 */
import { asciiGlyph } from '../lib/ascii.ts';
import { glyphWidth } from '../lib/width.ts';

/** One entry per cell. A glyph '' is the second half of the wide glyph before it. */
export interface Cells {
	readonly glyphs: string[];
	/** SGR parameters that give the style from a reset state; '' is the default, also of blanks that show no style. */
	readonly styles: string[];
}

/** Attributes in a fixed order, then foreground and background, so that equal styles are equal strings. */
interface Style {
	attributes: Set<string>;
	foreground: string;
	background: string;
}

const attributeOff: Record<string, string[]> = {
	'22': ['1', '2'],
	'23': ['3'],
	'24': ['4'],
	'25': ['5'],
	'27': ['7'],
	'28': ['8'],
	'29': ['9'],
};

function apply(style: Style, codes: string[]): void {
	for (let i = 0; i < codes.length; i++) {
		const code = codes[i] as string;
		const number = Number(code);
		if (code === '' || number === 0) {
			style.attributes.clear();
			style.foreground = '';
			style.background = '';
		} else if (number === 38 || number === 48) {
			const length = codes[i + 1] === '5' ? 3 : 5;
			const value = codes.slice(i, i + length).join(';');
			if (number === 38) style.foreground = value;
			else style.background = value;
			i += length - 1;
		} else if (number < 10) {
			style.attributes.add(code);
		} else if (attributeOff[code]) {
			for (const off of attributeOff[code]) style.attributes.delete(off);
		} else if (number === 39) {
			style.foreground = '';
		} else if (number === 49) {
			style.background = '';
		} else if ((number >= 30 && number < 38) || (number >= 90 && number < 98)) {
			style.foreground = code;
		} else if ((number >= 40 && number < 48) || (number >= 100 && number < 108)) {
			style.background = code;
		}
	}
}

const transitions = new Map<string, string>();

function nextStyle(current: string, params: string): string {
	const key = `${current}>${params}`;
	const known = transitions.get(key);
	if (known !== undefined) return known;
	const style: Style = { attributes: new Set(), foreground: '', background: '' };
	if (current !== '') apply(style, current.split(';'));
	apply(style, params.split(';'));
	const next = [...[...style.attributes].sort(), style.foreground, style.background].filter(Boolean).join(';');
	if (transitions.size > 4096) transitions.clear();
	transitions.set(key, next);
	return next;
}

const blanks = new Map<string, string>();

/** The style of a blank: colour of text, bold, faint and italic show on glyphs only, and are left out. */
export function blankStyle(style: string): string {
	if (style === '') return style;
	let seen = blanks.get(style);
	if (seen === undefined) {
		const plain = style.replace(/38;(5;\d+|2;\d+;\d+;\d+)/, '').split(';');
		seen = plain.every((code) => code === '' || /^([123]|3\d|9\d)$/.test(code)) ? '' : style;
		if (blanks.size > 4096) blanks.clear();
		blanks.set(style, seen);
	}
	return seen;
}

const sgr = /\x1b\[([0-9;]*)m/y;

/** A line as cells, cut to `columns`. With `ascii`, every glyph becomes one that a 7-bit terminal can show. */
export function parseCells(line: string, columns: number, ascii = false): Cells {
	const cells: Cells = { glyphs: [], styles: [] };
	drawLine(cells, line, 0, columns, ascii);
	return cells;
}

/** Append a line at cell `x`, cut to `width` cells; a gap before it is blank. */
export function drawLine({ glyphs, styles }: Cells, line: string, x: number, width: number, ascii: boolean): void {
	while (glyphs.length < x) {
		glyphs.push(' ');
		styles.push('');
	}
	const end = x + width;
	let style = '';
	for (let i = 0; i < line.length && glyphs.length < end; ) {
		const code = line.charCodeAt(i);
		if (code === 0x1b) {
			sgr.lastIndex = i;
			const match = sgr.exec(line);
			if (match) style = nextStyle(style, match[1] as string);
			i += match ? match[0].length : 1;
			continue;
		}
		if (code >= 0x20 && code < 0x7f) {
			glyphs.push(line[i] as string);
			styles.push(code === 0x20 ? blankStyle(style) : style);
			i++;
			continue;
		}
		const glyph = String.fromCodePoint(line.codePointAt(i) as number);
		i += glyph.length;
		if (code < 0xa0) continue;
		const cells = glyphWidth(glyph);
		if (cells === 0) {
			const last = glyphs.length - 1;
			if (last >= x && !ascii) glyphs[last] += glyph;
		} else if (glyphs.length + cells > end) {
			glyphs.push(' ');
			styles.push(style);
		} else {
			glyphs.push(ascii ? asciiGlyph(glyph) : glyph);
			styles.push(style);
			if (cells === 2) {
				glyphs.push(ascii ? '?' : '');
				styles.push(style);
			}
		}
	}
}
