/** First view: the call tree as a table, and as an icicle above it. */
import { formatNs } from '../../../lib/format.ts';
import { safe, sanitize } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import type { ProfileExtra, ProfileRow } from '../../../tracers/profile/snapshot.ts';
import type { TabContent, TabList, TableColumn, TabProps } from '../../tab.ts';
import { SpanLines } from '../../widgets/lines.tsx';
import { bar } from '../../widgets/marks.ts';
import { summaryLines } from '../../widgets/panes.tsx';
import { headOf } from './head.ts';
import { branching, icicleLines, type Marks } from './icicle.ts';
import { aboveOf, type TreeRow, treeOfRows, treeRows } from './tree-rows.ts';

const share = (
	key: 'self_share' | 'total_share',
	title: string,
	priority: number,
	help: string,
): TableColumn<TreeRow> => ({ key, title, kind: 'share', width: 6, priority, help, value: (row) => row[key] });

const treeColumns: readonly TableColumn<TreeRow>[] = [
	{
		key: 'name',
		title: 'FUNCTION',
		kind: 'text',
		width: 24,
		grow: true,
		label: true,
		priority: 0,
		help: 'Function, below its callers. [file]: a function of that file, whose name is not known.',
		value: (row) => row.name,
	},
	share('self_share', 'SELF', 2, 'Share of the profile in the function itself.'),
	share('total_share', 'TOTAL', 1, 'Share of the profile in the function and those that it called.'),
	{
		key: 'delta',
		title: 'CHANGE',
		kind: 'text',
		width: 7,
		priority: 3,
		help: 'Change of TOTAL against the baseline (b), in points of percent.',
		value: (row) => deltaText(row.delta),
	},
	{
		key: 'bar',
		title: 'BAR',
		kind: 'text',
		width: 16,
		priority: 5,
		help: 'TOTAL as a bar.',
		value: (row) => safe`${Math.round(row.total_share * 100)}`,
		draw: ({ total_share, kind }, width): Span[] => [
			[kind === 'kernel' ? 'series3' : kind === 'jit' ? 'series1' : 'series2', bar(total_share, width)],
		],
	},
	{
		key: 'total',
		title: 'TIME',
		kind: 'ns',
		width: 7,
		priority: 4,
		help: 'Time in the function and those that it called; of running code, samples times the sampling period.',
		value: (row) => row.total,
	},
	{
		key: 'kind',
		title: 'KIND',
		kind: 'text',
		width: 6,
		priority: 9,
		help: 'user: of a program or library; kernel; jit: compiled at run time; label: no function.',
		value: (row) => sanitize(row.kind),
	},
];

/** Points of percent. */
export function deltaText(delta: number | null) {
	if (delta === null) return safe``;
	if (Math.abs(delta) < 0.0005) return safe`=`;
	return sanitize(`${delta > 0 ? '+' : '-'}${(100 * Math.abs(delta)).toFixed(1)}`);
}

/** Keys of the functions that a filter found: without those that are shown since they called one. */
function found({ filtered, rows }: Pick<Props, 'filtered' | 'rows'>): ReadonlySet<string> {
	if (!filtered) return new Set();
	const callers = new Set(rows.map(({ path }) => path.slice(0, -1).join('\n')));
	return new Set(rows.flatMap(({ key }) => (callers.has(key) ? [] : key)));
}

type Props = TabProps<TreeRow, ProfileExtra, ProfileRow>;

function content(props: Props): TabContent<TreeRow> {
	const { snapshot } = props;
	return {
		title: 'Profile',
		head: summaryLines(headOf(snapshot, props.recorded), { ...props, height: props.height + 8 }),
		empty: `no ${snapshot.mode === 'on-cpu' ? 'sample' : 'wait'} yet`,
		pane: {
			rows: Math.min(14, Math.max(6, Math.floor(props.height / 2) - 2)),
			least: 3,
			draw: (area, row) => {
				const { rows, group } = snapshot;
				// in the detail the selected function fills the width
				const zoomed = props.detail && row ? row : null;
				const from = zoomed ?? branching(treeOfRows(rows, aboveOf(snapshot, group, rows)));
				const shown = found(props);
				const changes = new Map(props.baseline ? props.rows.map(({ key, delta }) => [key, delta] as const) : []);
				const marks: Marks = {
					selected: row?.path ?? null,
					matches: (path) => shown.has(path.join('\n')),
					change: (path) => changes.get(path.join('\n')) ?? null,
				};
				const lines = from.node.total > 0 ? icicleLines(from.node, from.path, marks, area.width, area.height) : [];
				return <SpanLines lines={lines} width={area.width} height={area.height} />;
			},
		},
	};
}

const nameOf = (row: TreeRow) => sanitize(`${row.name}  ${formatNs(row.total)}`);

export const treeList: TabList<TreeRow, ProfileExtra, ProfileRow> = {
	columns: treeColumns,
	defaultSort: 'total_share',
	tree: true,
	rowKey: (row) => row.key,
	rows: (snapshot, _history, baseline) =>
		treeRows(snapshot.rows, baseline, aboveOf(snapshot, snapshot.group, snapshot.rows)),
	content,
	nameOf,
	time: (row) => row.total,
};
