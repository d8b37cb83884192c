/**
 * Time series as lines of text, drawn by blessed-contrib's line chart off-screen: it draws on any canvas, and ours collects
 * dots and labels in roles of the theme. To be imported lazily: it loads lodash.
 */
import Line from 'blessed-contrib/lib/widget/charts/line.js';
import drawille, { type DotCanvas } from 'drawille-canvas-blessed-contrib';
import { lastOf, type Timeline } from '../../history/timeline.ts';
import { paint, type Role } from '../../term/theme.ts';
import { type EventMark, markGlyph } from './event-marks.ts';
import { GAP } from './marks.ts';

export interface Series {
	role: Role;
	/** One value per interval, oldest first; NaN is a gap. */
	values: readonly number[];
}

export interface ChartOptions {
	series: readonly Series[];
	/** Cells. */
	width: number;
	height: number;
	/** Writes values of the vertical axis, unit included. */
	format: (value: number) => string;
	/** Times of the values, for the horizontal axis. */
	timeline: Timeline;
	/** Events of each value's interval, drawn on the horizontal axis; absent: none. */
	marks?: readonly EventMark[];
}

/** Cells of the axis labels. */
const labelWidth = 7;
/** Internal end of the vertical axis, large enough that the chart's rounding of labels has no effect. */
const top = 1000;

/** Braille dots by row and column of a cell. */
const dots = [
	[0x01, 0x08],
	[0x02, 0x10],
	[0x04, 0x20],
	[0x40, 0x80],
];

/** A canvas of cells: braille patterns and text, each in a role. */
class Cells implements DotCanvas {
	color: string = 'plain';
	fontFg: string = 'plain';
	private readonly columns: number;
	private readonly rows: number;
	private readonly patterns: Uint8Array;
	private readonly texts: (string | undefined)[];
	private readonly roles: string[] = [];

	constructor(width: number, height: number) {
		this.columns = Math.ceil(width / 2);
		this.rows = Math.ceil(height / 4);
		this.patterns = new Uint8Array(this.columns * this.rows);
		this.texts = new Array<string | undefined>(this.columns * this.rows);
	}

	/** Text for a number on the vertical axis. */
	label: (text: string) => string = (text) => text;

	set(x: number, y: number): void {
		const index = this.index(x, y);
		if (index < 0) return;
		this.patterns[index] = (this.patterns[index] as number) | (dots[y % 4]?.[x % 2] ?? 0);
		this.roles[index] = this.color;
	}

	/** A canvas is drawn on once; there is nothing to clear. */
	unset(): void {}

	writeText(text: string, x: number, y: number): void {
		const row = Math.floor(y / 4);
		const written = this.label(text);
		for (let i = 0; i < written.length; i++) {
			const column = Math.floor(x / 2) + i;
			if (column < 0 || column >= this.columns || row < 0 || row >= this.rows) continue;
			this.texts[row * this.columns + column] = written[i];
			this.roles[row * this.columns + column] = this.fontFg;
		}
	}

	/** Mark a gap: in row `axis`, and in the empty cells of the column above it. */
	mark(column: number, axis: number): void {
		for (let row = 0; row <= axis; row++) {
			const index = row * this.columns + column;
			if (row < axis && (this.patterns[index] !== 0 || this.texts[index] !== undefined)) continue;
			this.texts[index] = GAP;
			this.roles[index] = 'warn';
		}
	}

	/** One glyph in place of what is there. */
	put(column: number, row: number, glyph: string, role: Role): void {
		const index = row * this.columns + column;
		this.texts[index] = glyph;
		this.roles[index] = role;
	}

	measureText(text: string): { width: number } {
		return { width: text.length * 2 };
	}

	lines(): string[] {
		return Array.from({ length: this.rows }, (_, row) => this.line(row * this.columns));
	}

	private line(start: number): string {
		let line = '';
		let run = '';
		let role = '';
		for (let index = start; index < start + this.columns; index++) {
			const pattern = this.patterns[index] as number;
			const glyph = this.texts[index] ?? (pattern === 0 ? ' ' : String.fromCharCode(0x2800 + pattern));
			const next = glyph === ' ' ? role : (this.roles[index] ?? '');
			if (next !== role) {
				line += paint((role || 'plain') as Role, run);
				run = '';
				role = next;
			}
			run += glyph;
		}
		return line + paint((role || 'plain') as Role, run.trimEnd());
	}

	private index(x: number, y: number): number {
		const column = Math.floor(x / 2);
		const row = Math.floor(y / 4);
		return column >= 0 && column < this.columns && row >= 0 && row < this.rows ? row * this.columns + column : -1;
	}
}

/** 1, 2, 4, 6 or 8 times a power of ten, at least `value`: the axis does not change with every sample. */
export function niceCeiling(value: number): number {
	if (!(value > 0) || !Number.isFinite(value)) return 1;
	const power = 10 ** Math.floor(Math.log10(value));
	const factor = [1, 2, 4, 6, 8, 10].find((step) => step * power >= value * 0.999) ?? 10;
	return factor * power;
}

/** The newest value is at the right edge. `height` lines, or none without room for a chart. */
export function chartLines({ series, width, height, format, timeline, marks = [] }: ChartOptions): string[] {
	const points = width - labelWidth;
	if (points < 8 || height < 4) return [];
	const shown = series.map((one) => ({ ...one, values: one.values.slice(-points) }));
	const highest = niceCeiling(Math.max(0, ...shown.flatMap((one) => one.values.filter(Number.isFinite))));
	// few enough that no two labels share a line
	const numYLabels = height >= 9 ? 5 : height >= 6 ? 4 : 2;
	const chart = new Line({
		// The chart reserves cells for a frame (6 × 2) and an empty last row.
		width: width + 6,
		height: height + 1 + 2,
		minY: 0,
		maxY: top,
		numYLabels,
		showNthLabel: Math.ceil(points / 6),
		xLabelPadding: labelWidth * 2,
		xPadding: labelWidth * 2,
		style: { text: 'dim', baseline: 'dim' },
	});
	chart.calcSize();
	let cells: Cells | undefined;
	class Canvas extends Cells {
		constructor(columns: number, rows: number) {
			super(columns, rows);
			cells = this;
		}
	}
	chart.ctx = new drawille.Canvas(chart.canvasSize.width, chart.canvasSize.height, Canvas).getContext();
	// Clearing would visit every dot of an empty canvas.
	chart.ctx.clearRect = () => {};
	if (cells === undefined) return [];
	cells.label = (text) =>
		/^\d+(\.\d+)?$/.test(text) ? format((Number(text) / top) * highest).padStart(labelWidth - 1) : text;
	const { ages, gaps, step } = lastOf(timeline, points);
	const oldest = ages[0] ?? 0;
	const before = points - ages.length;
	const x = Array.from({ length: points }, (_, index) => ago(ages[index - before] ?? oldest + (before - index) * step));
	chart.setData(
		shown.map((one) => ({
			x,
			y: [
				...new Array<number>(points - one.values.length).fill(Number.NaN),
				...one.values.map((value) => onAxis(value, highest)),
			],
			style: { line: one.role },
		})),
	);
	for (const [index, gap] of gaps.entries()) if (gap > 0) cells.mark(labelWidth + before + index, height - 2);
	for (const [index, mark] of marks.slice(-ages.length).entries()) {
		if (mark === null) continue;
		const { glyph, role } = markGlyph[mark];
		cells.put(labelWidth + before + index, height - 2, glyph, role);
	}
	return cells.lines().slice(0, height);
}

/** NaN and infinity are gaps: the line drawing would not terminate on an infinite value. */
function onAxis(value: number, highest: number): number {
	return Number.isFinite(value) ? Math.max(0, Math.min(top, (value / highest) * top)) : Number.NaN;
}

function ago(seconds: number): string {
	const whole = Math.round(seconds);
	return whole >= 120 ? `-${Math.round(whole / 60)}m` : `-${whole}s`;
}
