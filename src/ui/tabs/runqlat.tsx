/** Who waits for a CPU, and how long: histogram of waits, ranking, and who is waiting at this moment. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { formatCount, formatNs } from '../../format.ts';
import { safe } from '../../sanitize.ts';
import { fitCells } from '../../term/width.ts';
import type { RunqlatExtra, RunqlatRow, Waiting } from '../../tracers/runqlat.ts';
import { Histogram } from '../histogram.tsx';
import { Lines } from '../lines.tsx';
import { Panes, SummaryLines } from '../panes.tsx';
import type { Area } from '../split.ts';
import type { TabProps, TabView } from '../tab.ts';
import { paint, type Span } from '../theme.ts';

type Props = TabProps<RunqlatRow, RunqlatExtra>;

function nameOf({ key }: RunqlatRow) {
	if (key.kind === 'all') return safe`all tasks`;
	return key.kind === 'cpu' ? safe`CPU ${key.id}` : safe`${key.comm}[${key.id}]`;
}

function waitingLine(waiting: readonly Waiting[], count: number): Span[] {
	if (count === 0) return [['dim', 'waiting now: nobody']];
	const oldest = waiting
		.slice(0, 6)
		.flatMap((task): Span[] => [
			safe`  ${task.comm}[${task.tid}] `,
			['warn', formatNs(task.age_ns)],
			['dim', ` cpu${task.cpu}`],
		]);
	return ['waiting now: ', ['strong', formatCount(count)], ...oldest];
}

function allLine(all: RunqlatRow | undefined): Span[] {
	if (!all) return [];
	return [
		['strong', formatCount(all.count, 7)],
		' waits',
		['dim', '   p50 '],
		formatNs(all.p50_ns),
		['dim', '   p99 '],
		['strong', formatNs(all.p99_ns)],
		['dim', '   max '],
		formatNs(all.max_ns),
		['dim', '   sum '],
		formatNs(all.wait_ns),
	];
}

function Waits({
	row,
	waiting,
	logarithmic,
	width,
	height,
}: Area & { row: RunqlatRow | undefined; waiting: readonly Waiting[]; logarithmic: boolean }): ReactElement {
	const scale = logarithmic ? ', logarithmic' : '';
	const bars = height > 24 ? 20 : height - 1;
	const list = useMemo(() => waitingList(waiting, height - bars - 1), [waiting, height, bars]);
	return (
		<Box flexDirection="column">
			<SummaryLines
				lines={[[['dim', 'time from runnable to running: '], row ? nameOf(row) : '', ['dim', scale]]]}
				width={width}
				height={1}
			/>
			<Histogram
				buckets={row?.buckets ?? none}
				p50={row?.p50_ns}
				p99={row?.p99_ns}
				logarithmic={logarithmic}
				width={width}
				height={bars}
			/>
			<Lines lines={list} width={width} height={height - bars - 1} />
		</Box>
	);
}

/** Who is waiting now, one per line, for a pane with room to spare. */
function waitingList(waiting: readonly Waiting[], height: number): string[] {
	if (height < 3) return [];
	const tasks = waiting
		.slice(0, height - 2)
		.map(
			(task) =>
				`${paint('warn', fitCells(formatNs(task.age_ns), 7, 'right'))}  ${fitCells(`cpu${task.cpu}`, 6)} ${task.comm}[${task.tid}]`,
		);
	return ['', paint('dim', tasks.length > 0 ? 'waiting now, longest first' : 'nobody is waiting now'), ...tasks];
}

const none: RunqlatRow['buckets'] = [];

function View(props: Props): ReactElement {
	const { snapshot, rows, selected, logarithmic } = props;
	const all = snapshot.rows.find((row) => row.key.kind === 'all');
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Run queue"
			name={row ? nameOf(row) : ''}
			summary={[allLine(all), waitingLine(snapshot.waiting, snapshot.waiting_count)]}
			empty="nobody waited for a CPU in this interval"
			paneRows={10}
			paneLeast={5}
			pane={(area) => <Waits row={row ?? all} waiting={snapshot.waiting} logarithmic={logarithmic} {...area} />}
		/>
	);
}

export const runqlatTab: TabView<RunqlatRow, RunqlatExtra> = { View, nameOf, listed: (row) => row.key.kind !== 'all' };
