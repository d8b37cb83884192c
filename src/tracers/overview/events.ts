/** Rows of the events tab as the rules need them. */
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { EventKind, EventRecord, EventRow } from '../events/snapshot.ts';
import type { Link, Owner, Suspicion } from './finding.ts';
import { count } from './format.ts';
import { equals, type Interval } from './interval.ts';

/** What happens once is reported for so long. */
export const SEEN_FOR: Ns = 60e9;

/** Rows of some kinds with events in the interval, most first. Messages of before the start are none. */
export function eventRows({ sources: { events } }: Interval, ...kinds: readonly EventKind[]): EventRow[] {
	if (!events) return [];
	const begin = events.mono_ns - events.dt_ns - 1e9;
	return events.rows
		.filter(
			({ kind, count, severity, last_mono_ns }) =>
				count > 0 && severity !== 'normal' && kinds.includes(kind) && last_mono_ns >= begin,
		)
		.sort((a, b) => b.count - a.count);
}

/** All rows of one kind and reason. */
export interface EventGroup extends Pick<EventRow, 'kind' | 'reason' | 'severity' | 'meaning'> {
	count: Count;
	/** Rows. */
	whos: Count;
	/** That with most events. */
	top: EventRow;
	/** The newest record of it in the interval. */
	newest: EventRecord | undefined;
}

export function grouped(rows: readonly EventRow[], records: readonly EventRecord[] = []): EventGroup[] {
	const groups = new Map<string, EventGroup>();
	for (const row of rows) {
		const { kind, reason, severity, meaning, count } = row;
		const group = groups.get(`${kind} ${reason}`);
		if (group) {
			group.count += count;
			group.whos++;
		} else
			groups.set(`${kind} ${reason}`, {
				kind,
				reason,
				severity,
				meaning,
				count,
				whos: 1,
				top: row,
				newest: newestOf(row, records),
			});
	}
	return [...groups.values()].sort((a, b) => b.count - a.count);
}

function newestOf({ kind, reason }: EventRow, records: readonly EventRecord[]): EventRecord | undefined {
	return records.findLast((one) => one.kind === kind && one.reason === reason);
}

/** Where the kernel itself says so: at a tracepoint, and in its log. */
function kernelWitnesses({ newest }: EventGroup): SafeText[] {
	if (newest?.origin === 'kernel-log') return [safe`kernel log: ${newest.text}`];
	if (newest?.origin !== 'tracepoint') return [];
	const log = newest.oom && newest.oom.constraint !== '' ? [safe`kernel log: ${newest.oom.constraint}`] : [];
	return [safe`tracepoint: ${newest.text}`, ...log];
}

/** The process of a row; null: none is known. */
export function eventOwner(role: SafeText, { pid, start_time, comm }: EventRow): Owner | null {
	return pid > 0 ? { role, pid, start_time, comm, processes: 1 } : null;
}

export function linkFilter(kind: EventKind, reason: SafeText): string {
	return `${equals('kind', kind)} and ${equals('reason', reason)}`;
}

export function eventLink(filter: string): Link {
	return { tab: 'events', filter: sanitize(filter) };
}

/** A sentence that begins with its subject, which stands before it anyway. */
function withoutSubject(text: SafeText, subject: SafeText): SafeText {
	return text.startsWith(`${subject} `) ? (text.slice(subject.length + 1) as SafeText) : text;
}

/** A suspicion for each kind and reason of events that are worth a word each. */
export function eachSeen(interval: Interval, rows: readonly EventRow[]): Suspicion[] {
	return grouped(rows, interval.sources.events?.events).map((group) => {
		const { kind, reason, count: seen, top, meaning, newest } = group;
		const times = seen > 1 ? safe` (${count(seen)} times)` : safe``;
		return {
			about: `${kind} ${reason} ${top.who}`,
			excess: seen,
			subject: top.who,
			text: safe`${withoutSubject(newest?.text ?? meaning, top.who)}${times}`,
			figures: { events: seen },
			witnesses: kernelWitnesses(group),
			owner: eventOwner(safe`of`, top),
			link: eventLink(linkFilter(kind, reason)),
		};
	});
}
