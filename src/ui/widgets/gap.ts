/** How an interval that was far longer than asked is marked on time axes. */

import { lastOf, type Timeline } from '../../history/timeline.ts';
import { formatDuration } from '../../lib/format.ts';
import type { Span } from '../../term/theme.ts';

/** Stands on the axis, and in its column where nothing else does. */
export const GAP = '┊';

/** For a legend: the newest gap among the last `columns`. */
export function gapSpans(timeline: Timeline, columns: number): Span[] {
	const seconds = lastOf(timeline, columns).gaps.findLast((gap) => gap > 0);
	return seconds === undefined ? [] : [['warn', `   ${GAP} gap of ${formatDuration(seconds)}`]];
}
