/** Third view of the tab: tasks in uninterruptible sleep, by what they wait for. */
import type { Column } from '../../../core/tracer.ts';
import { formatNs } from '../../../lib/format.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import type { BlockedTask, EventRow, EventsExtra, WaitChain } from '../../../tracers/events/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabList, TabProps } from '../../tab.ts';
import { lineOf, wrapSpans } from '../../widgets/line.ts';
import { drawn } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { summaryOf } from './summary.ts';

type Props = TabProps<WaitChain, EventsExtra, EventRow>;

const path = ({ steps }: WaitChain): SafeText => sanitize(steps.map(({ name }) => name).join(' → '));

const columns: readonly Column<WaitChain>[] = [
	{
		key: 'age',
		title: 'OLDEST',
		kind: 'ns',
		width: 7,
		priority: 1,
		help: 'The longest sleep so far, at least.',
		value: (row) => row.oldest_ns,
	},
	{
		key: 'tasks',
		title: 'TASKS',
		kind: 'count',
		width: 6,
		priority: 0,
		help: 'Threads that wait for the first step.',
		value: (row) => row.tasks,
	},
	{
		key: 'root',
		title: 'ROOT',
		kind: 'text',
		width: 20,
		priority: 2,
		grow: true,
		help: 'End of the chain: all others wait for it.',
		value: (row) => row.root.name,
	},
	{
		key: 'chain',
		title: 'CHAIN',
		kind: 'text',
		width: 36,
		priority: 3,
		grow: true,
		help: 'What they wait for, and what that waits for.',
		value: path,
	},
];

/** The tasks of a chain, with their stacks. */
const Tasks = drawn(
	({ row, blocked, width, height }: Area & { row: WaitChain | undefined; blocked: readonly BlockedTask[] }) => {
		if (!row) return [];
		const tasks = blocked.filter(({ pid }) => row.pids.includes(pid));
		const lines = [
			...wrapSpans([['strong', row.text]], width),
			...tasks.flatMap(({ comm, tid, age_ns, cgroup, stack }): Span[][] => [
				[
					['accent', `${comm}[${tid}]`],
					['dim', ' for '],
					formatNs(age_ns),
					['dim', cgroup === '' ? '' : `  ${cgroup}`],
				],
				...(stack.length > 0 ? wrapSpans([['dim', `  ${stack.join(' ← ')}`]], width) : []),
			]),
		];
		return lines.slice(0, height).map((spans) => lineOf(width, spans));
	},
);

function content(props: Props): TabContent<WaitChain> {
	return {
		title: 'Events › wait chains',
		head: summaryLines(summaryOf(props), props),
		whole: true,
		empty: 'no task has slept uninterruptibly for longer than 1 s',
		pane: {
			rows: 10,
			least: 4,
			below: true,
			draw: (area, row = props.rows[0]) => <Tasks row={row} blocked={props.snapshot.blocked} {...area} />,
		},
	};
}

export const chainsList: TabList<WaitChain, EventsExtra, EventRow> = {
	columns,
	defaultSort: 'tasks',
	rowKey: path,
	rows: ({ wait_chains }) => wait_chains,
	content,
	nameOf: ({ root }) => safe`waiting for ${root.name}`,
	time: ({ oldest_ns }) => oldest_ns,
};
