/** Second view: every function with its own time and that of those that it called. */
import { sanitize } from '../../../lib/sanitize.ts';
import { functionsOf } from '../../../profile/tree.ts';
import type { ProfileExtra, ProfileRow } from '../../../tracers/profile/snapshot.ts';
import type { TabContent, TabList, TableColumn, TabProps } from '../../tab.ts';
import { summaryLines } from '../../widgets/panes.tsx';
import { headOf } from './head.ts';
import { deltaText } from './tree.tsx';
import { frameOf } from './tree-rows.ts';

interface FunctionRow {
	name: string;
	kind: string;
	/** ns. */
	self: number;
	total: number;
	self_share: number;
	total_share: number;
	/** Change of `self_share` against the baseline; null: there is none. */
	delta: number | null;
}

const MOST_ROWS = 2000;

const keyOf = ({ kind, name }: Pick<FunctionRow, 'kind' | 'name'>) => `${kind} ${name}`;

function figures(rows: readonly ProfileRow[]) {
	const sum = rows.reduce((total, row) => total + row.time_ns_total, 0);
	const functions = functionsOf(
		rows.map((row) => ({
			value: row.time_ns_total,
			frames: row.frames.map((text) => ({ ...frameOf(text), module: '' })),
		})),
	);
	return { sum, functions };
}

function rowsOf(rows: readonly ProfileRow[], baseline: readonly ProfileRow[] | null): readonly FunctionRow[] {
	const { sum, functions } = figures(rows);
	const before = baseline && figures(baseline);
	const earlier = before && new Map(before.functions.map((one) => [keyOf(one), one.self / before.sum] as const));
	return functions.slice(0, MOST_ROWS).map((one) => ({
		name: one.name,
		kind: one.kind,
		self: one.self,
		total: one.total,
		self_share: one.self / sum,
		total_share: one.total / sum,
		delta: earlier && one.self / sum - (earlier.get(keyOf(one)) ?? 0),
	}));
}

const functionColumns: readonly TableColumn<FunctionRow>[] = [
	{
		key: 'name',
		title: 'FUNCTION',
		kind: 'text',
		width: 24,
		grow: true,
		label: true,
		priority: 0,
		help: 'Function. [file]: a function of that file, whose name is not known.',
		value: (row) => sanitize(row.name),
	},
	{
		key: 'self_share',
		title: 'SELF',
		kind: 'share',
		width: 6,
		priority: 1,
		help: 'Share of the profile in the function itself.',
		value: (row) => row.self_share,
	},
	{
		key: 'total_share',
		title: 'TOTAL',
		kind: 'share',
		width: 6,
		priority: 2,
		help: 'Share of the profile in the function and those that it called; a recursive one counts once.',
		value: (row) => row.total_share,
	},
	{
		key: 'delta',
		title: 'CHANGE',
		kind: 'text',
		width: 7,
		priority: 3,
		help: 'Change of SELF against the baseline (b), in points of percent.',
		value: (row) => deltaText(row.delta),
	},
	{
		key: 'self',
		title: 'TIME',
		kind: 'ns',
		width: 7,
		priority: 4,
		help: 'Time in the function itself.',
		value: (row) => row.self,
	},
	{
		key: 'kind',
		title: 'KIND',
		kind: 'text',
		width: 6,
		priority: 5,
		help: 'user: of a program or library; kernel; jit: compiled at run time; label: no function.',
		value: (row) => sanitize(row.kind),
	},
];

function content(props: TabProps<FunctionRow, ProfileExtra, ProfileRow>): TabContent<FunctionRow> {
	const { snapshot } = props;
	return {
		title: 'Profile › functions',
		head: summaryLines(headOf(snapshot, props.recorded), { ...props, height: props.height + 8 }),
		empty: `no ${snapshot.mode === 'on-cpu' ? 'sample' : 'wait'} yet`,
	};
}

export const functionList: TabList<FunctionRow, ProfileExtra, ProfileRow> = {
	columns: functionColumns,
	defaultSort: 'self_share',
	rowKey: keyOf,
	rows: (snapshot, _history, baseline) => rowsOf(snapshot.rows, baseline),
	content,
	nameOf: (row) => sanitize(row.name),
	time: (row) => row.self,
};
