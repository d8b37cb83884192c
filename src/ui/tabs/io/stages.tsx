/** First view of the tab: requests by device and operation, or by owner, and their time by stage. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { secondsOf } from '../../../core/snapshot.ts';
import type { Buckets } from '../../../lib/histogram.ts';
import { safe } from '../../../lib/sanitize.ts';
import { paint, type Span } from '../../../term/theme.ts';
import { recentSlow } from '../../../tracers/io/recent-slow.ts';
import type { IoExtra, IoRow } from '../../../tracers/io/snapshot.ts';
import { countedOnce, sumStages } from '../../../tracers/io/sum.ts';
import { tableColumns } from '../../layout/columns.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabProps } from '../../tab.ts';
import { TitledHistogram } from '../../widgets/histogram.tsx';
import { drawn, Lines } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { stageTableLines, stageTableWidth } from '../../widgets/stage-table.ts';
import { tableLines } from '../../widgets/table.tsx';
import { missingStages, stageNote } from './missing-stages.ts';
import { rowsOfSlow, slowColumns, slowHeading } from './slow-rows.ts';
import { roleOf } from './stage-marks.ts';
import { summaryOf } from './summary.ts';

export type IoProps = TabProps<IoRow, IoExtra>;

/** Fewest rows for a histogram to be useful. */
const leastBars = 6;
const mostBars = 18;

export function nameOf(row: IoRow) {
	if (row.pid !== undefined) return safe`${row.comm ?? safe``}[${row.pid}]`;
	if (row.op === 'all' && row.device === 'all') return row.cgroup ?? safe`all`;
	return row.flags === undefined ? safe`${row.device} ${row.op}` : safe`${row.device} ${row.op} ${row.flags}`;
}

/** Fills the rest of a large pane. */
const NewestSlow = drawn(({ snapshot, history, width, height }: Area & Pick<IoProps, 'snapshot' | 'history'>) => {
	const size = height - 2;
	if (size < 4) return [];
	const rows = rowsOfSlow(snapshot, recentSlow(history, size - 1));
	const sort = { key: 'ago', direction: 'ascending' } as const;
	const columns = tableColumns(slowColumns, sort, null, width);
	const table = { columns, rows, first: 0, sort, selected: -1, seconds: secondsOf(snapshot), width, height: size };
	const heading = slowHeading(snapshot, history, rows.length, ', newest first');
	return ['', paint('dim', heading), ...(rows.length > 0 ? tableLines(table) : [])];
});

/**
 * Stages, and the histogram of one of them: below where there is room, else beside once the user selects it. The rest
 * of a large pane shows the newest slow requests.
 */
function Pane({ tab, row, width, height }: Area & { tab: IoProps; row: IoRow | undefined }): ReactElement {
	const { snapshot, history, rows, stage, band, detail } = tab;
	// no row has times in the band: the histogram shows those of all
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
	const { buckets = none, p50_ns: p50, p99_ns: p99 } = stages[chosen] ?? {};
	const missing = buckets.length === 0 ? missingStages(snapshot.full_path, {}) : '';
	const about = `${tab.logarithmic ? ', logarithmic' : ''}${missing && `   ${missing}`}`;
	const title: Span[] = [['strong', chosen], ['dim', ' times of '], name, ['dim', about]];
	const times = { title: [title], buckets, p50, p99, logarithmic: tab.logarithmic, band };
	if (beside) {
		return (
			<Box flexDirection="row" gap={2}>
				<Lines lines={lines} width={tableWidth} height={height} />
				<TitledHistogram {...times} width={width - tableWidth - 2} height={height} />
			</Box>
		);
	}
	if (!below) return <Lines lines={lines} width={width} height={height} />;
	return (
		<Box flexDirection="column">
			<Lines lines={lines} width={width} height={lines.length + 1} />
			<TitledHistogram {...times} width={width} height={bars} />
			<NewestSlow snapshot={snapshot} history={history} width={width} height={rest - bars} />
		</Box>
	);
}

const none: Buckets = [];

export function stagesContent(props: IoProps): TabContent<IoRow> {
	const { snapshot, history, rows, band } = props;
	const worthwhile = rows.length > 0 || (band !== null && snapshot.rows.length > 0);
	const draw = (area: Area, row: IoRow | undefined) => <Pane tab={props} row={row} {...area} />;
	return {
		title: 'Disk IO',
		head: summaryLines(summaryOf(snapshot, history, 'stages', props.height), props),
		empty:
			snapshot.filter === ''
				? 'no disk traffic in this interval'
				: `no disk traffic of ${snapshot.filter} in this interval; F measures everything again`,
		pane: worthwhile ? { rows: 10, least: 4, below: true, draw } : undefined,
	};
}
