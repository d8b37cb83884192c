/** The selected group: the meaning of its reason, and its newest events; one event with all fields where there is room. */
import { formatCount, formatNs, sparkline } from '../../../lib/format.ts';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import { lostText } from '../../../tracers/events/singles.ts';
import type { EventRecord, EventRow, EventsExtra } from '../../../tracers/events/snapshot.ts';
import { clock } from '../../frame/header.ts';
import type { TabProps } from '../../tab.ts';
import { lineOf, wrapSpans } from '../../widgets/line.ts';
import { severityRole } from '../../widgets/severity.ts';
import { momentLines } from './moment.ts';

type Props = TabProps<EventRow, EventsExtra>;

/** Single events of a group in the history, newest first. */
export function eventsOf(history: Props['history'], row: EventRow, most: number): EventRecord[] {
	const found: EventRecord[] = [];
	for (let index = history.length - 1; index >= 0 && found.length < most; index--) {
		const events = history[index]?.events ?? [];
		for (let at = events.length - 1; at >= 0 && found.length < most; at--) {
			const one = events[at] as EventRecord;
			if (one.kind === row.kind && one.reason === row.reason && belongs(one, row)) found.push(one);
		}
	}
	return found;
}

/** Is the record of this group? Groups of sockets have no process where their records may know one. */
function belongs(record: EventRecord, row: EventRow): boolean {
	if (record.netns !== row.netns && row.netns !== 0 && record.netns !== 0) return false;
	if (row.pid > 0) return record.pid === row.pid;
	return record.who === row.who || record.device === row.who || row.who === 'not known' || record.pid === 0;
}

function figureText([name, value]: readonly [string, number]): SafeText {
	const time = /^(.*)_ns$/.exec(name)?.[1];
	return time === undefined
		? safe`${name as SafeText} ${Number.isInteger(value) ? value : Number(value.toPrecision(4))}`
		: safe`${time as SafeText} ${formatNs(value) as SafeText}`;
}

/**
 * One event whole.
 * @param above the one before it: its stack is not repeated
 */
export function recordLines(record: EventRecord, width: number, above?: EventRecord): Span[][] {
	const {
		time,
		text,
		figures,
		cgroup,
		netns,
		location,
		stack,
		device,
		lost_at,
		before_start,
		comm,
		pid,
		stack_shared,
	} = record;
	const about = Object.entries(figures).map(figureText);
	const again = above !== undefined && stack.join() === above.stack.join();
	const place: Span[] = [
		...(pid > 0 ? ([['dim', '  process '], `${comm}[${pid}]`] as Span[]) : []),
		...(cgroup === '' ? [] : ([['dim', '  control group '], cgroup] as Span[])),
		...(device === '' ? [] : ([['dim', '  device '], device] as Span[])),
		...(netns === 0 ? [] : ([['dim', '  network namespace '], String(netns)] as Span[])),
		...(location === '' ? [] : ([['dim', '  in '], location] as Span[])),
	];
	return [
		...wrapSpans(
			[['dim', `${clock(time)}${time.slice(19, 23)} `], text, ['dim', before_start ? ' (before start)' : '']],
			width,
		),
		...(about.length > 0 ? wrapSpans([['dim', `  ${about.join(', ')}`]], width) : []),
		...(place.length > 0 ? wrapSpans(place, width) : []),
		...(lost_at ? wrapSpans([['dim', '  '], lostText(lost_at)], width) : []),
		...(stack.length > 0
			? wrapSpans(
					[
						[
							'dim',
							`  stack${stack_shared && !again ? ' (of another such drop in this second)' : ''}: ${again ? 'as above' : stack.join(' ← ')}`,
						],
					],
					width,
				)
			: []),
	];
}

/** Intervals of the sparkline. */
const TREND = 120;

export function detailLines(tab: Props, row: EventRow, width: number, height: number): string[] {
	const { kind, reason, who, severity, cause, meaning, advice, count_total, recorded_total, suppressed_total } = row;
	const key = tab.rowKey(row);
	const spans: Span[][] = [
		[
			[severityRole[severity], `${kind} ${reason}`],
			['dim', ' · '],
			['strong', who],
			['dim', ` · ${cause} · ${formatCount(count_total)} in total, ${formatCount(recorded_total)} with a record`],
			...(suppressed_total > 0 ? ([['warn', `, ${formatCount(suppressed_total)} suppressed`]] as Span[]) : []),
		],
		...wrapSpans([['dim', 'means: '], meaning], width),
		...wrapSpans([['dim', 'do: '], advice], width),
	];
	const trend = tab.history.slice(-TREND).map(({ rows }) => rows.find((one) => tab.rowKey(one) === key)?.count ?? 0);
	if (trend.length > 1)
		spans.push([
			['dim', 'by interval '],
			['series1', sparkline(trend, Math.min(width - 40, 60))],
			['dim', ` since ${clock(row.first)}`],
		]);
	if (row.locations.length > 0) {
		const places = row.locations.map(({ location, count }) => `${location} ×${formatCount(count)}`).join(', ');
		spans.push(...wrapSpans([['dim', `in the kernel: ${places}`]], width));
	}
	const records = eventsOf(tab.history, row, tab.detail ? 20 : 4);
	for (const [index, record] of records.entries()) {
		spans.push(...recordLines(record, width, records[index - 1]));
		if (index === 0 && tab.detail) spans.push(...momentLines(record, tab.at, width));
	}
	// a group whose events have no record, or are older than what is kept
	if (records.length === 0 && tab.detail)
		spans.push(...momentLines({ mono_ns: row.last_mono_ns, pid: row.pid, start_time: row.start_time }, tab.at, width));
	return spans.slice(0, height).map((line) => lineOf(width, line));
}
