/**
 * The bytes from one frame to the next: only changed cells are written. Pure.
 */
import { blankStyle, type Cells } from './cells.ts';

export interface Size {
	columns: number;
	rows: number;
}

/** Glyphs that every terminal draws one cell wide; after any other one the cursor is positioned again. */
function surelyNarrow(glyph: string): boolean {
	if (glyph.length !== 1) return false;
	const code = glyph.charCodeAt(0);
	return (
		code < 0x7f ||
		(code >= 0xa1 && code < 0x100 && code !== 0xad) ||
		(code >= 0x2500 && code < 0x25a0) ||
		(code >= 0x2800 && code < 0x2900)
	);
}

const empty: Cells = { glyphs: [], styles: [] };

function glyphAt(cells: Cells, x: number): string {
	return cells.glyphs[x] ?? ' ';
}

function styleAt(cells: Cells, x: number): string {
	return cells.styles[x] ?? '';
}

function isBlank(cells: Cells, x: number): boolean {
	return glyphAt(cells, x) === ' ' && styleAt(cells, x) === '';
}

/** First cell from which on the row is blank in the default style, i.e. can be erased. */
function blankFrom(cells: Cells): number {
	let end = cells.glyphs.length;
	while (end > 0 && isBlank(cells, end - 1)) end--;
	return end;
}

/** Unchanged cells between changes that are cheaper to write again than to skip. */
const bridge = 4;

interface PenState {
	out: string;
	x: number;
	y: number;
	style: string;
}

class Pen {
	out = '';
	private x = -1;
	private y = -1;
	private style = '';

	moveTo(x: number, y: number): void {
		if (this.x === x && this.y === y) return;
		if (this.y === y && this.x >= 0 && x > this.x) {
			const step = x - this.x;
			this.out += step === 1 ? '\x1b[C' : `\x1b[${step}C`;
		} else if (this.y === y) {
			this.out += x === 0 ? '\r' : `\x1b[${x + 1}G`;
		} else if (x === 0) {
			this.out += this.y >= 0 && y === this.y + 1 ? '\r\n' : `\x1b[${y + 1}H`;
		} else {
			this.out += `\x1b[${y + 1};${x + 1}H`;
		}
		this.x = x;
		this.y = y;
	}

	get state(): PenState {
		return { out: this.out, x: this.x, y: this.y, style: this.style };
	}

	/** Restore an earlier state; the output since is dropped. */
	set state({ out, x, y, style }: PenState) {
		this.out = out;
		this.x = x;
		this.y = y;
		this.style = style;
	}

	setStyle(style: string): void {
		if (style === this.style) return;
		// Adding a colour or attribute to the default needs no reset.
		this.out += style === '' ? '\x1b[m' : this.style === '' ? `\x1b[${style}m` : `\x1b[0;${style}m`;
		this.style = style;
	}

	/** A blank written now shows no style. */
	get blanksLookPlain(): boolean {
		return blankStyle(this.style) === '';
	}

	/** Write one glyph of `width` cells at (x, y). */
	glyph(glyph: string, width: number, x: number, y: number, columns: number): void {
		if (width === 2) {
			// If this terminal draws it narrow, the second cell must not keep its old glyph.
			this.moveTo(x, y);
			this.out += `  `;
			this.x = -1;
		}
		this.moveTo(x, y);
		this.out += glyph;
		// In the last column terminals differ on the position of the cursor.
		this.x = surelyNarrow(glyph) && x + 1 < columns ? x + 1 : -1;
	}

	eraseToEnd(x: number, y: number, style = ''): void {
		this.moveTo(x, y);
		this.setStyle(style);
		this.out += '\x1b[K';
	}
}

/** A background colour, and no attribute that erasing does not apply. */
const colouredOnly = /^(?:[12];)*(?:(?:38;5;\d+|3\d|9\d);)?(?:48;5;\d+|4[0-7]|10[0-7])$/;

/** Cells that are not blank in this style. */
function inked(cells: Cells, style: string): number {
	let count = 0;
	for (let x = 0; x < cells.glyphs.length; x++) if (cells.glyphs[x] !== ' ' || cells.styles[x] !== style) count++;
	return count;
}

/**
 * Changed cells or, where that takes fewer bytes, the row erased and drawn again: when a row is selected or deselected all
 * of its cells change, and most of them are blank.
 */
function diffRow(pen: Pen, previous: Cells, next: Cells, y: number, { columns }: Size, colourErase: boolean): void {
	const before = pen.state;
	writeChanges(pen, previous, next, y, columns);
	const changes = pen.state;
	const last = styleAt(next, columns - 1);
	const style = colourErase && colouredOnly.test(last) ? last : '';
	if (changes.out.length - before.out.length <= inked(next, style)) return;
	pen.state = before;
	pen.eraseToEnd(0, y, style);
	const erased = style === '' ? empty : { glyphs: [], styles: Array<string>(columns).fill(style) };
	writeChanges(pen, erased, next, y, columns);
	if (pen.out.length >= changes.out.length) pen.state = changes;
}

function writeChanges(pen: Pen, previous: Cells, next: Cells, y: number, columns: number): void {
	const blank = Math.min(blankFrom(next), columns);
	const before = Math.min(blankFrom(previous), columns);
	const changed = (x: number) => glyphAt(previous, x) !== glyphAt(next, x) || styleAt(previous, x) !== styleAt(next, x);
	let x = 0;
	while (x < blank) {
		if (!changed(x)) {
			x++;
			continue;
		}
		// Half of a wide glyph cannot be written alone.
		if (glyphAt(next, x) === '' && x > 0) x--;
		let end = x + 1;
		for (let ahead = end; ahead < blank && ahead <= end + bridge; ahead++) {
			if (changed(ahead)) end = ahead + 1;
			else if (styleAt(next, ahead) !== styleAt(next, end - 1) && !isBlank(next, ahead)) break;
		}
		while (end < blank && glyphAt(next, end) === '') end++;
		for (; x < end; x++) {
			const glyph = glyphAt(next, x);
			if (glyph === '') continue;
			const width = glyphAt(next, x + 1) === '' && x + 1 < columns ? 2 : 1;
			pen.moveTo(x, y);
			if (!isBlank(next, x) || !pen.blanksLookPlain) pen.setStyle(styleAt(next, x));
			pen.glyph(glyph, width, x, y, columns);
		}
	}
	if (before > blank) pen.eraseToEnd(blank, y);
}

/**
 * Bytes (as text) that turn the screen showing `previous` into `next`; '' when nothing changed. Without `previous`
 * the screen is cleared and drawn in full. Autowrap must be off, and the style between frames the default.
 * @param colourErase the terminal erases in the current background colour (terminfo's bce)
 */
export function diffFrames(
	previous: readonly Cells[] | null,
	next: readonly Cells[],
	size: Size,
	colourErase = false,
): string {
	const pen = new Pen();
	for (let y = 0; y < size.rows; y++) {
		const from = previous?.[y] ?? empty;
		const to = next[y] ?? empty;
		// Unchanged rows are the same object, see compose.ts.
		if (from !== to) diffRow(pen, from, to, y, size, colourErase);
	}
	pen.setStyle('');
	if (previous === null) return `\x1b[m\x1b[H\x1b[2J${pen.out}`;
	return pen.out;
}
