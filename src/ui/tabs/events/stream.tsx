/** Second display of the tab: single events, the newest first, and the selected one with all fields. */

import type { Snapshot } from '../../../core/snapshot.ts';
import type { Column } from '../../../core/tracer.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { Span } from '../../../term/theme.ts';
import {
	EVENTS_LISTED,
	type EventRecord,
	type EventRow,
	type EventsExtra,
	processOfEvent,
} from '../../../tracers/events/snapshot.ts';
import { clock } from '../../frame/header.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabList, TabProps } from '../../tab.ts';
import { lineOf, wrapSpans } from '../../widgets/line.ts';
import { drawn } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { severityRole } from '../../widgets/severity.ts';
import { textColumn } from '../../widgets/text-column.ts';
import { recordLines } from './detail.ts';
import { momentLines } from './moment.ts';
import { summaryOf } from './summary.ts';

/** An event as a row: `ago_ns` is measured from the moment shown. */
export interface StreamRow extends EventRecord {
	ago_ns: Ns;
	key: string;
}

const text = textColumn<StreamRow>;

const columns: readonly Column<StreamRow>[] = [
	{
		key: 'ago',
		title: 'AGO',
		kind: 'ns',
		width: 6,
		priority: 1,
		smallestFirst: true,
		help: 'Since it happened.',
		value: (row) => row.ago_ns,
	},
	{
		key: 'time',
		title: 'TIME',
		kind: 'text',
		width: 8,
		priority: 5,
		help: 'When it happened.',
		value: (row) => sanitize(clock(row.time)),
	},
	text('severity', 'LEVEL', 7, 6, 'severe, high, notice or normal.'),
	text('kind', 'KIND', 13, 0, 'Kind of event.'),
	text('reason', 'REASON', 16, 3, "Reason, by the kernel's own name where it has one."),
	text('who', 'WHO', 16, 4, 'Process, socket, device or CPU that it happened to.', true),
	text('text', 'WHAT', 24, 2, 'What happened.', true),
	text('location', 'WHERE', 16, 8, 'Function of the kernel.', true),
	text(
		'cgroup',
		'CGROUP',
		16,
		9,
		'Control group of the process, or of a process in the network namespace of the device.',
		true,
	),
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 7,
		help: 'Process, in the initial pid namespace; 0: none, or not known.',
		value: (row) => row.pid,
	},
];

type EventsSnapshot = Snapshot<EventRow, EventsExtra>;

function rowsOf(snapshot: EventsSnapshot, history: readonly EventsSnapshot[]): readonly StreamRow[] {
	const rows: StreamRow[] = [];
	for (let index = history.length - 1; index >= 0 && rows.length < EVENTS_LISTED; index--) {
		const { events } = history[index] as EventsSnapshot;
		for (let at = events.length - 1; at >= 0 && rows.length < EVENTS_LISTED; at--) {
			const one = events[at] as EventRecord;
			rows.push({
				...one,
				ago_ns: Math.max(0, snapshot.mono_ns - one.mono_ns),
				key: `${one.mono_ns} ${one.kind} ${at}`,
			});
		}
	}
	return rows;
}

type Props = TabProps<StreamRow, EventsExtra, EventRow>;

interface WholeProps extends Area {
	row: StreamRow | undefined;
	tab: Pick<Props, 'at' | 'detail'>;
}

const Whole = drawn(({ row, tab, width, height }: WholeProps) => {
	if (!row) return [];
	const { severity, kind, reason, who, cause, meaning, advice } = row;
	const spans: Span[][] = [
		[
			[severityRole[severity], `${kind} ${reason}`],
			['dim', ' · '],
			['strong', who],
			['dim', ` · ${cause}`],
		],
		...recordLines(row, width),
		...wrapSpans([['dim', 'means: '], meaning], width),
		...wrapSpans([['dim', 'do: '], advice], width),
		...(tab.detail ? momentLines(row, tab.at, width) : []),
	];
	return spans.slice(0, height).map((line) => lineOf(width, line));
});

function content(props: Props): TabContent<StreamRow> {
	return {
		title: 'Events › stream',
		head: summaryLines(summaryOf(props), props),
		whole: true,
		enter: processOfEvent(props.rows[props.selected]) ? 'its process' : undefined,
		empty: 'no event with a record in the time that is kept',
		pane: {
			rows: 8,
			least: 4,
			below: true,
			draw: (area, row = props.rows[0]) => <Whole tab={props} row={row} {...area} />,
		},
	};
}

const nameOf = ({ kind, reason, who }: StreamRow): SafeText => safe`${sanitize(kind)} ${reason} ${who}`;

export const streamList: TabList<StreamRow, EventsExtra, EventRow> = {
	columns,
	defaultSort: 'ago',
	detailFirst: true,
	rowKey: ({ key }) => key,
	processOf: processOfEvent,
	rows: rowsOf,
	content,
	nameOf,
	time: ({ ago_ns }) => ago_ns,
};
