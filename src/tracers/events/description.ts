/** Events: kind, reason, the process or device, meaning and advice. */
import type { Description } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { eventOptions } from './options.ts';
import { eventSingles } from './singles.ts';
import { type EventRow, processOfEvent } from './snapshot.ts';

export const eventsDescription: Description<EventRow> = {
	id: 'events',
	title: 'Events',
	summary:
		'Packet drops, retransmits, OOM kills, stalls, blocked tasks, lockups, errors of disks and hardware: counted by reason, with cause and advice.',
	columns,
	defaultSort: 'last',
	groups: ['event'],
	options: eventOptions,
	rowKey: ({ kind, reason, who, netns, protocol }) => `${kind}|${reason}|${who}|${netns}|${protocol}`,
	processOf: processOfEvent,
	singles: eventSingles,
};
