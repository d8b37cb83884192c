/** Lens: what happened to one process. */

import { formatCount } from '../../lib/format.ts';
import type { ProcessId } from '../../system/process-id.ts';
import type { Span } from '../../term/theme.ts';
import type { EventRecord, EventRow } from '../../tracers/events/snapshot.ts';
import { clock } from '../frame/header.ts';
import { lineOf } from '../widgets/line.ts';
import { severityRole } from '../widgets/severity.ts';
import { type Histories, isSame, type LensContext, type Section, TREND } from './context.ts';

type EventsSnapshot = Histories['events'][number];

/** Most events that are listed. */
const LISTED = 12;

/** Some rows and records know the pid only. */
function isAbout(process: ProcessId, { pid, start_time }: Pick<EventRow, 'pid' | 'start_time'>): boolean {
	return start_time === 0 ? pid === process.pid : isSame(process, pid, start_time);
}

function countOf(process: ProcessId, { rows }: EventsSnapshot): number {
	return rows.reduce((sum, row) => sum + (isAbout(process, row) ? row.count : 0), 0);
}

export const eventsSection: Section = {
	tab: 'events',
	title: 'Events',
	trend: ({ process, histories }) => histories.events.slice(-TREND).map((snapshot) => countOf(process, snapshot)),
	figures({ process, histories }) {
		const last = histories.events.at(-1);
		// no line where nothing happened: most processes have no event
		if (!last) return [];
		const rows = last.rows.filter((row) => isAbout(process, row));
		const blocked = last.blocked.find((task) => isSame(process, task.pid, task.start_time));
		const waits: Span[] = blocked
			? [['bad', `blocked: waits for ${blocked.chain.map(({ name }) => name).join(', which waits for ')}  `]]
			: [];
		if (rows.length === 0) return waits;
		const shown = rows
			.slice(0, 3)
			.flatMap(({ kind, reason, count_total, severity }): Span[] => [
				[severityRole[severity], `${kind} ${reason} `],
				`${formatCount(count_total)}  `,
			]);
		return [...waits, ...shown, ...(rows.length > 3 ? ([['dim', `and ${rows.length - 3} more`]] as Span[]) : [])];
	},
	details({ process, histories, width }: LensContext) {
		const found: EventRecord[] = [];
		for (let index = histories.events.length - 1; index >= 0 && found.length < LISTED; index--) {
			const { events } = histories.events[index] as EventsSnapshot;
			found.push(...events.filter((one) => isAbout(process, one)).reverse());
		}
		return found
			.slice(0, LISTED)
			.map(({ time, text, severity }) =>
				lineOf(width, [['dim', `${clock(time)} `], [severityRole[severity], '● '], text]),
			);
	},
};
