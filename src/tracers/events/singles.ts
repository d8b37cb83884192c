/** Single events as rows, so that filters work on them, and as lines of text. */
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { EventRecord, EventRow, EventsExtra } from './snapshot.ts';

function rowOf(record: EventRecord): EventRow {
	const { kind, reason, who, pid, start_time, comm, cgroup, netns, protocol, severity, cause } = record;
	const { time, mono_ns, meaning, advice, figures, location } = record;
	return {
		...{ kind, reason, who, pid, start_time, comm, cgroup, netns, protocol, severity, cause, meaning, advice },
		...{ count: 1, recorded: 1, suppressed: 0, count_total: 1, recorded_total: 1, suppressed_total: 0 },
		bytes: figures['bytes'] ?? 0,
		stalled_ns: figures['stalled_ns'] ?? 0,
		first: time,
		last: time,
		last_mono_ns: mono_ns,
		locations: location === '' ? [] : [{ location, count: 1 }],
	};
}

/** `2026-01-01T12:00:00.123Z severe oom VICTIM java[4711]: java[4711] was killed…` */
function lineOf({ time, before_start, severity, kind, reason, who, text, lost_at }: EventRecord): SafeText {
	const before = before_start ? safe` (before start)` : safe``;
	const lost = lost_at ? safe` (${lostText(lost_at)})` : safe``;
	return safe`${sanitize(time)} ${sanitize(severity)} ${sanitize(kind)} ${reason} ${who}: ${text}${lost}${before}`;
}

/** Where the segment was lost that TCP has sent again. */
export function lostText({ verdict, reason, location }: NonNullable<EventRecord['lost_at']>): SafeText {
	if (verdict === 'here') return safe`lost here: ${reason}${location === '' ? safe`` : safe` in ${location}`}`;
	return verdict === 'elsewhere'
		? safe`the loss was not seen on this machine`
		: safe`where it was lost is not known: not every drop of that time has a record`;
}

export function eventSingles(snapshot: object): { record: EventRecord; row: EventRow; line: SafeText }[] {
	return (snapshot as EventsExtra).events.map((record) => ({ record, row: rowOf(record), line: lineOf(record) }));
}
