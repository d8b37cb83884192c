/** The pane of the run queue: a view of the waits (bars, heat map, CPUs), and below it the tasks that wait now. */
import { Box } from 'ink';
import { type ReactElement, useContext, useMemo } from 'react';
import { timelineOf } from '../../../history/timeline.ts';
import { formatNs } from '../../../lib/format.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import { fitCells } from '../../../lib/width.ts';
import { paint, type Span } from '../../../term/theme.ts';
import type { RunqlatExtra, RunqlatRow, Waiting } from '../../../tracers/runqlat/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabProps } from '../../tab.ts';
import { eventMarks } from '../../widgets/event-marks.ts';
import { EventsContext } from '../../widgets/events-context.ts';
import { HeatMap } from '../../widgets/heat-map.tsx';
import { Histogram } from '../../widgets/histogram.tsx';
import { Lines, SpanLines } from '../../widgets/lines.tsx';
import { CpuWaits } from './cpu-waits.tsx';

export type Props = TabProps<RunqlatRow, RunqlatExtra>;

export const views = ['bars', 'heat map', 'CPUs'] as const;
type View = (typeof views)[number];

const noBuckets: RunqlatRow['buckets'] = [];
/** A pane with more rows has room for the view and the list below it. */
const tall = 24;
/** Rows of 26 powers of two, title and axis. */
const wholeMap = 28;

export interface PaneProps extends Area {
	tab: Props;
	/** The row whose waits the bars show. */
	row: RunqlatRow | undefined;
	name: SafeText | '';
}

/** Rows of the view, and of the heat map below the bars where there is room. */
function rowsOf(height: number, view: View, detail: boolean): { main: number; map: number } {
	if (height <= tall) return { main: height - 1, map: 0 };
	if (view === 'heat map') return { main: Math.min(wholeMap, height >> 1), map: 0 };
	const rest = height - 17;
	return { main: 16, map: view !== 'bars' || detail || rest < 16 ? 0 : Math.min(14, rest >> 1) };
}

export function WaitsPane({ tab, row, name, width, height }: PaneProps): ReactElement {
	const { snapshot, history, logarithmic, detail, band, unit } = tab;
	const view = views[tab.view] ?? 'bars';
	const { main, map } = rowsOf(height, view, detail);
	const rest = height - 1 - main - map;
	const list = useMemo(() => (detail ? [] : waitingList(snapshot.waiting, rest)), [detail, snapshot, rest]);
	const columns = useMemo(() => history.map(({ log2 }) => log2), [history]);
	const timeline = useMemo(() => timelineOf(history), [history]);
	const events = useContext(EventsContext);
	const marks = useMemo(() => eventMarks(history, events), [history, events]);
	const heatMap = (rows: number) => (
		<HeatMap
			title="waits of all tasks"
			columns={columns}
			unit={snapshot.log2_unit_ns}
			timeline={timeline}
			marks={marks}
			width={width}
			height={rows}
		/>
	);
	const scale = `${unit === 1e6 ? ' (ms)' : ''}${logarithmic ? ' logarithmic' : ''}`;
	const about: Span[] = [['dim', '  time from runnable to running: '], name, ['dim', scale]];
	return (
		<Box flexDirection="column">
			<SpanLines
				lines={[[...viewNames(view), ...(view === 'bars' ? about : ['  all tasks'])]]}
				width={width}
				height={1}
			/>
			{view === 'bars' ? (
				<Histogram
					buckets={row?.buckets ?? noBuckets}
					p50={row?.p50_ns}
					p99={row?.p99_ns}
					logarithmic={logarithmic}
					unit={unit}
					band={band}
					width={width}
					height={main}
				/>
			) : view === 'heat map' ? (
				heatMap(main)
			) : (
				<CpuWaits cpus={snapshot.cpus} width={width} height={main} />
			)}
			{map > 0 && heatMap(map)}
			<Lines lines={list} width={width} height={rest} />
		</Box>
	);
}

function viewNames(view: View): Span[] {
	return views.flatMap((name, index): Span[] => [
		index > 0 ? ' ' : '',
		[name === view ? 'selected' : 'dim', ` ${name} `],
	]);
}

/** Tasks that wait now, one per line, for a pane with rows to spare. */
function waitingList(waiting: readonly Waiting[], height: number): string[] {
	if (height < 3) return [];
	const tasks = waiting
		.slice(0, height - 2)
		.map(
			(task) =>
				`${paint('warn', fitCells(formatNs(task.age_ns), 7, 'right'))}  ${fitCells(`cpu${task.cpu}`, 6)} ${task.comm}[${task.tid}]${task.throttled ? ' throttled' : ''}`,
		);
	return ['', paint('dim', tasks.length > 0 ? 'waiting now, longest first' : 'no task waits now'), ...tasks];
}
