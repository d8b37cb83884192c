/** The time axis of a recording: how busy the machine was, findings, events and marks, and the moment shown. Pure. */
import type { Moment } from '../../history/moments.ts';
import type { Mark } from '../../history/store.ts';
import { textWidth } from '../../lib/width.ts';
import type { Role, Span } from '../../term/theme.ts';
import { lineOf } from '../widgets/line.ts';
import { levelGlyph } from '../widgets/marks.ts';
import { clock } from './header.ts';

export interface AxisProps {
	moments: readonly Moment[];
	marks: readonly Mark[];
	/** Intervals with events. */
	events: readonly Moment[];
	/** Wall clock of the moment shown, ms; null: none. */
	shown: number | null;
	width: number;
}

interface Cell {
	/** Moments in it. */
	count: number;
	/** Highest of them. */
	busy: number | null;
	level: number;
}

/** Time from one moment to the next without a gap, ms: a merged interval and half of one. */
const LONGEST = 15e3;

/** Events below this level (high) are not drawn: there may be some at any time. */
export const EVENT_LEVEL = 2;

/** By level of the worst finding. */
const roles: readonly Role[] = ['dim', 'good', 'warn', 'bad'];

/** `14:02:10`, with the date where the axis is longer than a day. */
function label(wall: number, days: boolean): string {
	const time = new Date(wall).toISOString();
	const date = new Date(wall);
	const two = (n: number) => String(n).padStart(2, '0');
	return days ? `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(time).slice(0, 5)}` : clock(time);
}

/** First and last wall clock; a clock that was set may have put the first one later. */
export function boundsOf(moments: readonly Moment[]): { first: number; last: number } {
	let first = Number.POSITIVE_INFINITY;
	let last = Number.NEGATIVE_INFINITY;
	for (const { wall } of moments) {
		if (wall < first) first = wall;
		if (wall > last) last = wall;
	}
	return { first, last };
}

function cellsOf(moments: readonly Moment[], first: number, last: number, count: number): Cell[] {
	const cells: Cell[] = Array.from({ length: count }, () => ({ count: 0, busy: null, level: 0 }));
	let before = first;
	for (const { wall, busy, level } of moments) {
		const to = cellAt(wall, first, last, count);
		// an interval fills the cells since the one before it
		const from = wall - before <= LONGEST && wall >= before ? Math.min(to, cellAt(before, first, last, count) + 1) : to;
		before = wall;
		for (const cell of cells.slice(from, to + 1)) {
			cell.count++;
			if (busy !== null && busy > (cell.busy ?? -1)) cell.busy = busy;
			if (level > cell.level) cell.level = level;
		}
	}
	return cells;
}

function cellAt(wall: number, first: number, last: number, count: number): number {
	const share = last > first ? (wall - first) / (last - first) : 1;
	return Math.min(count - 1, Math.max(0, Math.floor(share * count)));
}

/** One line. Without a moment it is empty. */
export function axisLine({ moments, marks, events, shown, width }: AxisProps): string {
	if (moments.length === 0) return '';
	const { first, last } = boundsOf(moments);
	const days = last - first > 86_400e3;
	const [from, to] = [` ${label(first, days)} `, ` ${label(last, days)} `];
	const room = width - textWidth(from) - textWidth(to);
	if (room < 8) return lineOf(width, [['dim', from]]);
	const cells = cellsOf(moments, first, last, room);
	const marked = new Set(
		marks.filter(({ wall }) => wall >= first && wall <= last).map(({ wall }) => cellAt(wall, first, last, room)),
	);
	const eventful = new Map<number, number>();
	for (const { wall, level } of events) {
		const at = cellAt(wall, first, last, room);
		if (level >= EVENT_LEVEL) eventful.set(at, Math.max(level, eventful.get(at) ?? 0));
	}
	const caret = shown === null ? -1 : cellAt(shown, first, last, room);
	const spans = cells.map(({ count, busy, level }, at): Span => {
		const event = eventful.get(at);
		const glyph = marked.has(at) ? '◆' : event !== undefined ? '!' : count === 0 ? ' ' : levelGlyph(busy ?? 0);
		if (at === caret) return ['selected', glyph];
		return [marked.has(at) ? 'accent' : (roles[event ?? level] as Role), glyph];
	});
	return lineOf(width, [['dim', from], ...spans, ['dim', to]]);
}
