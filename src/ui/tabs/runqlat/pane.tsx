/** The pane of the run queue: a view of the waits (bars, heat map, CPUs), and below it who waits. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { timelineOf } from '../../../history/timeline.ts';
import { formatNs } from '../../../lib/format.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import { fitCells } from '../../../lib/width.ts';
import { paint, type Span } from '../../../term/theme.ts';
import type { RunqlatExtra, RunqlatRow, Waiting } from '../../../tracers/runqlat/snapshot.ts';
import type { TabProps } from '../../tab.ts';
import { HeatMap } from '../../widgets/heat-map.tsx';
import { Histogram } from '../../widgets/histogram.tsx';
import { Lines, SpanLines } from '../../widgets/lines.tsx';
import type { Area } from '../../widgets/split.ts';
import { CpuWaits } from './cpu-waits.tsx';

export type Props = TabProps<RunqlatRow, RunqlatExtra>;

export const views = ['bars', 'heat map', 'CPUs'] as const;
const [BARS, HEAT_MAP] = [0, 1];

const noBuckets: RunqlatRow['buckets'] = [];
/** A pane with more rows has room for the view and for what is below it. */
const tall = 24;
/** Rows of the 26 powers of two, with title and axis. */
const wholeMap = 28;

export interface PaneProps extends Area {
	tab: Props;
	/** Whose waits the bars are. */
	row: RunqlatRow | undefined;
	name: SafeText | '';
}

/** Rows of the view, and of the heat map that bars have below them where there is room. */
function rowsOf(height: number, view: number, detail: boolean): { main: number; map: number } {
	if (height <= tall) return { main: height - 1, map: 0 };
	if (view === HEAT_MAP) return { main: Math.min(wholeMap, height >> 1), map: 0 };
	const rest = height - 17;
	return { main: 16, map: view !== BARS || detail || rest < 16 ? 0 : Math.min(14, rest >> 1) };
}

export function WaitsPane({ tab, row, name, width, height }: PaneProps): ReactElement {
	const { snapshot, history, logarithmic, detail, band, unit, view } = tab;
	const { main, map } = rowsOf(height, view, detail);
	const rest = height - 1 - main - map;
	const list = useMemo(() => (detail ? [] : waitingList(snapshot.waiting, rest)), [detail, snapshot, rest]);
	const columns = useMemo(() => history.map(({ log2 }) => log2), [history]);
	const timeline = useMemo(() => timelineOf(history), [history]);
	const heatMap = (rows: number) => (
		<HeatMap
			title="waits of all tasks"
			columns={columns}
			unit={snapshot.log2_unit_ns}
			timeline={timeline}
			width={width}
			height={rows}
		/>
	);
	const scale = `${unit === 1e6 ? ' (ms)' : ''}${logarithmic ? ' logarithmic' : ''}`;
	const whose: Span[] = [['dim', '  time from runnable to running: '], name, ['dim', scale]];
	return (
		<Box flexDirection="column">
			<SpanLines
				lines={[[...viewNames(view), ...(view === BARS ? whose : ['  all tasks'])]]}
				width={width}
				height={1}
			/>
			{view === BARS ? (
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
			) : view === HEAT_MAP ? (
				heatMap(main)
			) : (
				<CpuWaits cpus={snapshot.cpus} width={width} height={main} />
			)}
			{map > 0 && heatMap(map)}
			<Lines lines={list} width={width} height={rest} />
		</Box>
	);
}

function viewNames(view: number): Span[] {
	return views.flatMap((name, index): Span[] => [
		index > 0 ? ' ' : '',
		[index === view ? 'selected' : 'dim', ` ${name} `],
	]);
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
