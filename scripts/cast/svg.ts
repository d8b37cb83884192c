/**
 * Frames of a terminal as one SVG: self-contained, without script. Frames stand side by side on a strip, which a CSS
 * animation moves a frame at a time; a row that occurs more than once is defined once. Blocks and lines are drawn as
 * shapes, so that no font leaves gaps between them.
 */
import type { Frame, Row, Run, Style } from './screen.ts';

/** One picture and how long it stays, ms. */
export interface Picture {
	frame: Frame;
	/** Keys that led to it, as they are named; empty: none. */
	keys: string;
	/** Effect of the keys, or a sentence about the picture. */
	caption: string;
	duration: number;
}

export interface SvgOptions {
	columns: number;
	/** In the title bar. */
	title: string;
	/** Of the whole picture, for readers that do not see it. */
	description: string;
	/** Width that the SVG asks for, pixels. */
	width: number;
}

/** Of a cell, in units of the picture. */
const [WIDTH, HEIGHT] = [10, 21] as const;
/** From the top of a row to the base line of its text. */
const BASE = 16;
const BAR = 40;
const MARGIN = 14;

const GROUND = '#10141c';
const TEXT = '#d5dae3';
const DIM = '#8b93a3';

/** The terminal's own 16 colours. */
const BASIC =
	'#1c2230 #f7768e #9ece6a #e0af68 #7aa2f7 #bb9af7 #7dcfff #c0c8d8 #5a6478 #ff8fa3 #b5e08a #f5c98b #9dbcff #cfb3ff #a5e0ff #ffffff'.split(
		' ',
	);

/** A colour of the palette of 256 as `#rrggbb`. */
function colour(index: number): string {
	const basic = BASIC[index];
	if (basic !== undefined) return basic;
	const hex = (value: number): string => value.toString(16).padStart(2, '0');
	if (index >= 232) return `#${hex(8 + (index - 232) * 10).repeat(3)}`;
	const levels = [0, 95, 135, 175, 215, 255];
	const cube = index - 16;
	return `#${[Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => hex(levels[level] ?? 0)).join('')}`;
}

/** Text of a file of XML: no character that is markup there or that XML 1.0 does not allow. */
export function xml(text: string): string {
	return text
		.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
		.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Short class names for styles, in the order of their first use. */
class Classes {
	private readonly names = new Map<string, string>();

	get(declarations: string): string {
		const known = this.names.get(declarations);
		if (known !== undefined) return known;
		const name = `c${this.names.size.toString(36)}`;
		this.names.set(declarations, name);
		return name;
	}

	text({ text, bold, dim }: Style): string {
		const fill = text < 0 ? (dim ? DIM : TEXT) : colour(text);
		return this.get(`fill:${fill}${bold ? ';font-weight:700' : ''}${dim && text >= 0 ? ';opacity:.65' : ''}`);
	}

	css(): string {
		return [...this.names].map(([declarations, name]) => `.${name}{${declarations}}`).join('');
	}
}

/** Parts of a cell that a block character fills, in eighths: left, top, right, bottom. undefined: no block character. */
function block(char: string): readonly (readonly [number, number, number, number])[] | undefined {
	const code = char.codePointAt(0) as number;
	if (code === 0x2588) return [[0, 0, 8, 8]];
	if (code === 0x2580) return [[0, 0, 8, 4]];
	if (code === 0x2590) return [[4, 0, 8, 8]];
	if (code >= 0x2581 && code <= 0x2587) return [[0, 8 - (code - 0x2580), 8, 8]];
	if (code >= 0x2589 && code <= 0x258f) return [[0, 0, 0x2590 - code, 8]];
	if (code >= 0x2596 && code <= 0x259f) {
		// quadrants: upper left, upper right, lower left, lower right
		const filled = [0b0010, 0b0001, 0b1000, 0b1011, 0b1001, 0b1110, 0b1101, 0b0100, 0b0110, 0b0111][code - 0x2596] ?? 0;
		const corners = [
			[0, 0, 4, 4],
			[4, 0, 8, 4],
			[0, 4, 4, 8],
			[4, 4, 8, 8],
		] as const;
		return corners.filter((_, index) => filled & (0b1000 >> index));
	}
	return undefined;
}

/** Lines from the middle of a cell: left, right, up, down. */
const LINES: Readonly<Record<string, string>> = {
	'─': 'lr',
	'━': 'lr',
	'│': 'ud',
	'┃': 'ud',
	'┌': 'rd',
	'┐': 'ld',
	'└': 'ru',
	'┘': 'lu',
	'├': 'rud',
	'┤': 'lud',
	'┬': 'lrd',
	'┴': 'lru',
	'┼': 'lrud',
	'╭': 'rd',
	'╮': 'ld',
	'╰': 'ru',
	'╯': 'lu',
};

function round(value: number): string {
	return String(Math.round(value * 100) / 100);
}

function box(left: number, top: number, right: number, bottom: number): string {
	const [width, height] = [round(right - left), round(bottom - top)];
	return `M${round(left)} ${round(top)}h${width}v${height}h-${width}z`;
}

/** Shape of a character that no font draws for us; undefined: text. Coordinates from the base line of the row. */
function shape(char: string, column: number): string | undefined {
	const [x, y] = [column * WIDTH, -BASE];
	const parts = block(char);
	if (parts)
		return parts
			.map(([left, top, right, bottom]) =>
				box(x + (left * WIDTH) / 8, y + (top * HEIGHT) / 8, x + (right * WIDTH) / 8, y + (bottom * HEIGHT) / 8),
			)
			.join('');
	const code = char.codePointAt(0) as number;
	if (code >= 0x2800 && code <= 0x28ff) return braille(code - 0x2800, x, y);
	const lines = LINES[char];
	if (lines === undefined) return undefined;
	const [middle, centre] = [x + WIDTH / 2, y + HEIGHT / 2];
	const ends: Readonly<Record<string, string>> = {
		l: box(x, centre - 0.6, middle + 0.6, centre + 0.6),
		r: box(middle - 0.6, centre - 0.6, x + WIDTH, centre + 0.6),
		u: box(middle - 0.6, y, middle + 0.6, centre + 0.6),
		d: box(middle - 0.6, centre - 0.6, middle + 0.6, y + HEIGHT),
	};
	return [...lines].map((end) => ends[end]).join('');
}

/** Dots of a Braille character, of which a chart is made: a grid of two by four for each cell. */
function braille(dots: number, x: number, y: number): string {
	// bit of each dot, column by column from the top
	const grid = [
		[0, 1, 2, 6],
		[3, 4, 5, 7],
	] as const;
	return grid
		.flatMap((bits, across) =>
			bits.flatMap((bit, down) => {
				if (!(dots & (1 << bit))) return [];
				const [left, top] = [x + 1.5 + across * 5, y + 1.5 + down * 5.25];
				return [`M${round(left)} ${round(top)}h2v2h-2z`];
			}),
		)
		.join('');
}

/** A piece of text at its column; its width is given, whatever font the reader has. */
function textAt(text: string, column: number, style: string): string {
	const cells = Array.from(text).length;
	const width = cells > 3 ? ` textLength="${cells * WIDTH}"` : '';
	return `<text class="${style}" x="${column * WIDTH}"${width}>${xml(text)}</text>`;
}

/** Words of a run with their columns: cut at two blanks or more, which XML would not keep. */
function words(run: Run): { column: number; text: string }[] {
	return [...run.text.matchAll(/\S+(?: \S+)*/gu)].map((match) => ({
		column: run.column + Array.from(run.text.slice(0, match.index)).length,
		text: match[0],
	}));
}

function rowMarkup(row: Row, classes: Classes): string {
	const shapes = new Map<string, string>();
	const add = (style: string, path: string): void => void shapes.set(style, (shapes.get(style) ?? '') + path);
	const texts: string[] = [];
	for (const run of row) {
		const cells = Array.from(run.text);
		if (run.style.ground >= 0) {
			const [left, right] = [run.column * WIDTH, (run.column + cells.length) * WIDTH];
			add(classes.get(`fill:${colour(run.style.ground)}`), box(left, -BASE, right, HEIGHT - BASE));
		}
		const style = classes.text(run.style);
		const rest = cells.map((char, index) => {
			const path = shape(char, run.column + index);
			if (path === undefined) return char;
			add(style, path);
			return ' ';
		});
		texts.push(...words({ ...run, text: rest.join('') }).map(({ column, text }) => textAt(text, column, style)));
	}
	return [...shapes].map(([style, path]) => `<path class="${style}" d="${path}"/>`).join('') + texts.join('');
}

function caption({ keys, caption: text }: Picture, width: number, classes: Classes): string {
	const label = textMarkup(text, width - MARGIN, classes.get(`fill:${DIM}`), 'end');
	if (keys === '') return label;
	const [cap, letters] = [Array.from(keys).length * WIDTH + 16, Array.from(text).length * WIDTH + 14];
	const right = width - MARGIN - letters;
	return `<rect class="${classes.get('fill:#2a3345;stroke:#5a6478')}" x="${right - cap}" y="9" width="${cap}" height="23" rx="5"/>${textMarkup(keys, right - cap / 2, classes.get(`fill:${TEXT};font-weight:700`), 'middle')}${label}`;
}

function textMarkup(text: string, x: number, style: string, anchor: 'start' | 'middle' | 'end'): string {
	const length = Array.from(text).length * WIDTH;
	return `<text class="${style}" x="${x}" y="26" text-anchor="${anchor}" textLength="${length}">${xml(text)}</text>`;
}

/** The strip's position at each moment: one step for each picture. */
function steps(pictures: readonly Picture[], width: number): { css: string; seconds: number } {
	const total = pictures.reduce((sum, { duration }) => sum + duration, 0);
	let passed = 0;
	const keyframes = pictures.map(({ duration }, index) => {
		const at = round((passed / total) * 100);
		passed += duration;
		return `${at}%{transform:translateX(${index === 0 ? 0 : -index * width}px)}`;
	});
	return { css: `@keyframes s{${keyframes.join('')}}`, seconds: total / 1000 };
}

/** One picture gives a still. */
export function castSvg(pictures: readonly Picture[], options: SvgOptions): string {
	const [first] = pictures;
	if (!first) throw new Error('no picture');
	const classes = new Classes();
	const width = options.columns * WIDTH + 2 * MARGIN;
	const height = first.frame.rows.length * HEIGHT + BAR + MARGIN;
	const frames = pictures.map(({ frame }) => frame.rows.map((row) => rowMarkup(row, classes)));
	const uses = new Map<string, number>();
	for (const row of frames.flat()) uses.set(row, (uses.get(row) ?? 0) + 1);
	const shared = [...uses].filter(([row, count]) => count > 1 && row.length > 40).map(([row]) => row);
	const ids = new Map(shared.map((row, index) => [row, `r${index.toString(36)}`]));
	const body = pictures.map((picture, index) => {
		const rows = (frames[index] as string[]).map((row, y) => {
			const top = y * HEIGHT + BAR + BASE;
			const id = ids.get(row);
			if (row === '') return '';
			return id === undefined
				? `<g transform="translate(${MARGIN} ${top})">${row}</g>`
				: `<use href="#${id}" x="${MARGIN}" y="${top}"/>`;
		});
		return `<g transform="translate(${index * width})">${caption(picture, width, classes)}${rows.join('')}</g>`;
	});
	const title = textMarkup(options.title, MARGIN + 78, classes.get(`fill:${TEXT}`), 'start');
	const { css, seconds } = steps(pictures, width);
	const moving = pictures.length > 1;
	const style = [
		`text{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,"Liberation Mono",monospace;font-size:16.5px}`,
		'path{shape-rendering:crispEdges}',
		moving ? `${css}.s{animation:s ${seconds}s steps(1,end) infinite}` : '',
		moving ? '@media (prefers-reduced-motion:reduce){.s{animation:none}}' : '',
		classes.css(),
	].join('');
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="t d" width="${options.width}" height="${Math.round((options.width * height) / width)}" viewBox="0 0 ${width} ${height}">`,
		`<title id="t">${xml(options.title)}</title><desc id="d">${xml(options.description)}</desc>`,
		`<style>${style}</style>`,
		`<clipPath id="w"><rect width="${width}" height="${height}" rx="10"/></clipPath>`,
		shared.length > 0 ? `<defs>${shared.map((row) => `<g id="${ids.get(row)}">${row}</g>`).join('')}</defs>` : '',
		`<g clip-path="url(#w)"><rect width="${width}" height="${height}" fill="${GROUND}"/><rect width="${width}" height="${BAR}" fill="#1b2130"/>`,
		['#f7768e', '#e0af68', '#9ece6a']
			.map((fill, index) => `<circle cx="${MARGIN + 8 + index * 22}" cy="20" r="6.5" fill="${fill}"/>`)
			.join(''),
		title,
		`<g class="s">${body.join('')}</g></g></svg>`,
		'',
	].join('\n');
}
