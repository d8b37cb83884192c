/** Third view of the tab: requests in flight, and the stage of each. */
import type { Snapshot } from '../../../core/snapshot.ts';
import type { Column } from '../../../core/tracer.ts';
import { formatCount } from '../../../lib/format.ts';
import { sanitize } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import type { Inflight, IoExtra, IoRow } from '../../../tracers/io/snapshot.ts';
import type { TabContent, TabList, TabProps } from '../../tab.ts';
import { summaryLines } from '../../widgets/panes.tsx';
import { narrowToOwner } from './narrow.ts';
import { summaryOf } from './summary.ts';

interface InflightRow extends Inflight {
	key: string;
}

/** A request keeps its key in the next interval: its start, to the ms, separates it from others like it. */
function rowsOf(snapshot: Snapshot<IoRow, IoExtra>): readonly InflightRow[] {
	const seen = new Map<string, number>();
	return snapshot.inflight.map((request) => {
		const begun = Math.round((snapshot.mono_ns - request.age_ns) / 1e6);
		const like = `${begun} ${request.device} ${request.op} ${request.pid} ${request.bytes}`;
		const before = seen.get(like) ?? 0;
		seen.set(like, before + 1);
		return { ...request, key: `${like} ${before}` };
	});
}

export const inFlightColumns: readonly Column<InflightRow>[] = [
	{
		key: 'age',
		title: 'AGE',
		kind: 'ns',
		width: 7,
		priority: 0,
		help: 'Since its first stage began.',
		value: (row) => row.age_ns,
	},
	{
		key: 'stage',
		title: 'STAGE',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'Its current stage.',
		value: (row) => sanitize(row.stage),
	},
	{ key: 'op', title: 'OP', kind: 'text', width: 7, priority: 3, help: 'Operation.', value: (row) => row.op },
	{ key: 'device', title: 'DEVICE', kind: 'text', width: 10, priority: 2, help: 'Disk.', value: (row) => row.device },
	{ key: 'bytes', title: 'BYTES', kind: 'bytes', width: 7, priority: 6, help: 'Size.', value: (row) => row.bytes },
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 5,
		help: 'Process it belongs to, in the initial pid namespace; 0: unknown.',
		value: (row) => row.pid,
	},
	{
		key: 'comm',
		title: 'COMMAND',
		kind: 'text',
		width: 16,
		grow: true,
		priority: 4,
		help: 'Name of the task it belongs to.',
		value: (row) => row.comm,
	},
];

function inFlightContent(props: TabProps<InflightRow, IoExtra, IoRow>): TabContent<InflightRow> {
	const { snapshot, history, height, rows } = props;
	const [state = [], ...more] = summaryOf(snapshot, history, 'in flight', height);
	const { inflight_count: all, inflight } = snapshot;
	const cut = all > inflight.length ? `the oldest ${inflight.length} of ${formatCount(all)}` : formatCount(all);
	const about: Span[][] = rows.length > 0 ? [[['dim', `in flight at the end of the interval: ${cut}`]]] : [];
	return {
		title: 'Disk IO › in flight',
		head: summaryLines([state, ...about, ...more], props),
		empty: 'no request was in flight at the end of the interval',
	};
}

export const inFlightList: TabList<InflightRow, IoExtra, IoRow> = {
	columns: inFlightColumns,
	defaultSort: 'age',
	rowKey: (row) => row.key,
	rows: rowsOf,
	content: inFlightContent,
	time: (row) => row.age_ns,
	narrow: narrowToOwner,
};
