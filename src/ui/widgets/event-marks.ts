/** Marks of events on time axes: one for each interval, by its worst event. Pure. */

import type { Snapshot } from '../../core/snapshot.ts';
import type { Timed } from '../../history/timeline.ts';
import { formatDuration } from '../../lib/format.ts';
import { textWidth } from '../../lib/width.ts';
import type { Role, Span } from '../../term/theme.ts';
import type { EventRow, EventSeverity, EventsExtra } from '../../tracers/events/snapshot.ts';
import { lineOf, widthOf } from './line.ts';
import { severityRole } from './severity.ts';

export type EventsHistory = readonly Snapshot<EventRow, EventsExtra>[];

/** The worst event of an interval; null: it had none. */
export type EventMark = Exclude<EventSeverity, 'normal'> | null;

const order: readonly EventSeverity[] = ['normal', 'notice', 'high', 'severe'];

/** The axis has one cell for each interval: other glyphs than those of its curves and gaps. */
export const markGlyph: Readonly<Record<NonNullable<EventMark>, { glyph: string; role: Role }>> = {
	severe: { glyph: '◆', role: severityRole.severe },
	high: { glyph: '●', role: severityRole.high },
	notice: { glyph: '○', role: severityRole.notice },
};

interface Worst {
	mark: EventMark;
	row: EventRow | undefined;
}

const nothing: Worst = { mark: null, row: undefined };
const known = new WeakMap<object, Worst>();

/** Messages of the kernel from before the start come with the first interval, and are no events of it. */
const SLACK = 0.5e9;

/** The worst group of events of one interval; of equals the newest. */
function worstOf(snapshot: EventsHistory[number]): Worst {
	const before = known.get(snapshot);
	if (before) return before;
	let worst = nothing;
	let level = 0;
	for (const row of snapshot.rows) {
		const own = order.indexOf(row.severity);
		if (row.count === 0 || own < 1 || row.last_mono_ns < snapshot.mono_ns - snapshot.dt_ns - SLACK) continue;
		if (own < level || (own === level && row.last_mono_ns <= (worst.row?.last_mono_ns ?? 0))) continue;
		level = own;
		worst = { mark: row.severity as EventMark, row };
	}
	known.set(snapshot, worst);
	return worst;
}

/** For each interval of a tab its mark: intervals of tabs that are read in one turn end at about the same time. */
export function eventMarks(history: readonly Timed[], events: EventsHistory): EventMark[] {
	const marks: EventMark[] = new Array(history.length).fill(null);
	let at = events.length - 1;
	for (let index = history.length - 1; index >= 0 && at >= 0; index--) {
		const { mono_ns, dt_ns } = history[index] as Timed;
		while (at >= 0 && (events[at] as EventsHistory[number]).mono_ns > mono_ns + dt_ns / 2) at--;
		const one = events[at];
		if (one && one.mono_ns > mono_ns - dt_ns / 2) marks[index] = worstOf(one).mark;
	}
	return marks;
}

/** As wide as the labels of charts, so that both begin at the same cell. */
const LABEL = ' events';
/** Part of the line that the newest event may fill. */
const TEXT = 0.45;

/**
 * One line: the newest intervals, the newest at the right, then the newest event in words. Empty: no event in the
 * intervals that fit.
 */
export function eventStrip(events: EventsHistory, width: number): string {
	const newest = events.findLast((snapshot) => worstOf(snapshot).mark !== null);
	const last = events.at(-1);
	const row = newest && worstOf(newest).row;
	if (!last || !row || width < 24) return '';
	const text: Span[] = [
		['dim', `  ${formatDuration(Math.max(0, Math.round((last.mono_ns - row.last_mono_ns) / 1e9)))} ago `],
		[markGlyph[row.severity as NonNullable<EventMark>].role, `${row.kind} ${row.reason}`],
		` ${row.who}`,
	];
	const room = Math.max(8, width - textWidth(LABEL) - Math.min(widthOf(text), Math.floor(width * TEXT)));
	const cells = Math.min(room, events.length);
	const shown = events.slice(-cells);
	if (newest.mono_ns < (shown[0] as EventsHistory[number]).mono_ns) return '';
	const marks = shown.map((snapshot): Span => {
		const { mark } = worstOf(snapshot);
		return mark === null ? ['dim', '·'] : [markGlyph[mark].role, markGlyph[mark].glyph];
	});
	return lineOf(width, [['dim', LABEL], ' '.repeat(room - cells), ...marks, ...text]);
}
