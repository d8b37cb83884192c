/** The first view of the tab: devices and operations, or who does it, and in which stage the time goes. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { recentSlow, secondsOf } from '../../../derive.ts';
import type { Buckets } from '../../../histogram.ts';
import type { IoExtra, IoRow } from '../../../io/snapshot.ts';
import { countedOnce, sumStages } from '../../../io/sum.ts';
import { safe } from '../../../sanitize.ts';
import type { TabProps } from '../../tab.ts';
import { paint } from '../../theme.ts';
import { Histogram } from '../../widgets/histogram.tsx';
import { Lines } from '../../widgets/lines.tsx';
import { Panes, SummaryLines } from '../../widgets/panes.tsx';
import type { Area } from '../../widgets/split.ts';
import { stageTableLines, stageTableWidth } from '../../widgets/stage-table.ts';
import { tableLines } from '../../widgets/table.tsx';
import { missingStages, stageNote } from './missing-stages.ts';
import { rowsOfSlow, slowColumns, slowHeading } from './slow-rows.ts';
import { roleOf } from './stage-marks.ts';
import { summaryOf } from './summary.ts';

export type IoProps = TabProps<IoRow, IoExtra>;

/** Rows below which a histogram says nothing. */
const leastBars = 6;
const mostBars = 18;

export function nameOf(row: IoRow) {
	if (row.pid !== undefined) return safe`${row.comm ?? safe``}[${row.pid}]`;
	if (row.op === 'all' && row.device === 'all') return row.cgroup ?? safe`all`;
	return row.flags === undefined ? safe`${row.device} ${row.op}` : safe`${row.device} ${row.op} ${row.flags}`;
}

function Times({
	tab,
	name,
	buckets,
	p50,
	p99,
	stage,
	width,
	height,
}: Area & { tab: IoProps; name: string; buckets: Buckets; p50: number; p99: number; stage: string }): ReactElement {
	const scale = tab.logarithmic ? ', logarithmic' : '';
	const note = buckets.length === 0 ? missingStages(tab.snapshot.full_path, {}) : '';
	return (
		<Box flexDirection="column">
			<SummaryLines
				lines={[
					[['strong', stage], ['dim', ' times of '], name, ['dim', `${scale}${note === '' ? '' : `   ${note}`}`]],
				]}
				width={width}
				height={1}
			/>
			<Histogram
				buckets={buckets}
				p50={p50}
				p99={p99}
				logarithmic={tab.logarithmic}
				band={tab.band}
				width={width}
				height={height - 1}
			/>
		</Box>
	);
}

/**
 * Stages, and the histogram of one of them: below where there is room, else beside as soon as it is asked for. What is
 * left of a large pane shows the newest slow requests.
 */
function Pane({ tab, row, width, height }: Area & { tab: IoProps; row: IoRow | undefined }): ReactElement {
	const { snapshot, history, rows, stage, band, detail } = tab;
	// A band that no row has times in: where they are instead is still to be seen.
	const of = rows.length === 0 ? snapshot.rows : rows;
	const stages = useMemo(() => sumStages(row ? [row] : countedOnce(of)), [row, of]);
	const name = row ? nameOf(row) : 'all rows';
	const chosen = stage ?? 'total';
	const asked = stage !== null || band !== null;
	const count = Object.keys(stages).length;
	const below = height - count - 3 >= leastBars;
	const beside = !below && (asked || detail) && width >= 60;
	const tableWidth = beside ? stageTableWidth(width >> 1) : width;
	const lines = useMemo(
		() =>
			stageTableLines({
				stages,
				note: stageNote(snapshot.full_path, stages),
				roleOf,
				name,
				chosen: asked ? chosen : null,
				width: tableWidth,
				height,
			}),
		[stages, snapshot, name, asked, chosen, tableWidth, height],
	);
	const rest = height - lines.length - 1;
	const bars = Math.min(mostBars, rest);
	const stats = stages[chosen];
	const times = {
		tab,
		name,
		stage: chosen,
		buckets: stats?.buckets ?? none,
		p50: stats?.p50_ns ?? 0,
		p99: stats?.p99_ns ?? 0,
	};
	const slow = useMemo(() => {
		const size = rest - bars - 2;
		if (size < 4) return [];
		const list = rowsOfSlow(snapshot, recentSlow(history, size - 1));
		const sort = { key: 'ago', direction: 'ascending' } as const;
		const table = { columns: slowColumns, rows: list, sort, selected: -1, seconds: secondsOf(snapshot) };
		const body = list.length > 0 ? tableLines({ ...table, width, height: size }, 0) : [];
		return ['', paint('dim', slowHeading(snapshot, history, list.length, ', newest first')), ...body];
	}, [snapshot, history, rest, bars, width]);
	if (beside) {
		return (
			<Box flexDirection="row" gap={2}>
				<Lines lines={lines} width={tableWidth} height={height} />
				<Times {...times} width={width - tableWidth - 2} height={height} />
			</Box>
		);
	}
	if (!below) return <Lines lines={lines} width={width} height={height} />;
	return (
		<Box flexDirection="column">
			<Lines lines={lines} width={width} height={lines.length + 1} />
			<Times {...times} width={width} height={bars} />
			<Lines lines={slow} width={width} height={rest - bars} />
		</Box>
	);
}

const none: Buckets = [];

export function StagesView(props: IoProps): ReactElement {
	const { snapshot, rows, selected, band } = props;
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Disk IO"
			name={row ? nameOf(row) : ''}
			summary={summaryOf(snapshot, props.history, props.view, props.height)}
			empty={
				snapshot.filter === ''
					? 'no disk traffic in this interval'
					: `no disk traffic of ${snapshot.filter} in this interval; F measures everything again`
			}
			paneRows={10}
			paneLeast={rows.length > 0 || (band !== null && snapshot.rows.length > 0) ? 4 : Number.POSITIVE_INFINITY}
			paneBelow
			pane={(area) => <Pane tab={props} row={row} {...area} />}
		/>
	);
}
