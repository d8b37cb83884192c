/** Second view of the tab: slow requests one by one, and the waterfall of the selected one. */
import type { Span } from '../../../term/theme.ts';
import { recentSlow } from '../../../tracers/io/recent-slow.ts';
import type { FullPath, IoExtra, IoRow } from '../../../tracers/io/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabList, TabProps } from '../../tab.ts';
import { drawn } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { narrowToOwner } from './narrow.ts';
import { rowsOfSlow, type SlowRow, slowColumns, slowHeading, slowKey, slowNameOf } from './slow-rows.ts';
import { legend } from './stage-marks.ts';
import { summaryOf } from './summary.ts';
import { waterfallLines } from './waterfall.ts';

type Props = TabProps<SlowRow, IoExtra, IoRow>;

/** Most rows: more are not scrolled through. */
const listed = 2000;

interface WaterfallProps extends Area {
	row: SlowRow | undefined;
	rows: readonly SlowRow[];
	fullPath: FullPath;
}

const Waterfall = drawn(({ row, rows, fullPath, width, height }: WaterfallProps) =>
	row ? waterfallLines(row, rows, fullPath, width, height) : [],
);

function slowContent(props: Props): TabContent<SlowRow> {
	const { snapshot, history, rows, height } = props;
	const stages = new Set<string>();
	for (const { waterfall } of rows) for (const { stage } of waterfall) stages.add(stage);
	const [state = [], ...more] = summaryOf(snapshot, history, 'slow', height);
	const heading = slowHeading(snapshot, history, rows.length);
	const about: Span[][] = rows.length > 0 ? [[['dim', heading]], legend(stages)] : [];
	return {
		title: 'Disk IO › slow requests',
		head: summaryLines([state, ...about, ...more], props),
		empty: heading,
		pane: {
			rows: 8,
			least: 5,
			below: true,
			draw: (area, row = rows[0]) => <Waterfall row={row} rows={rows} fullPath={snapshot.full_path} {...area} />,
		},
	};
}

export const slowList: TabList<SlowRow, IoExtra, IoRow> = {
	columns: slowColumns,
	defaultSort: 'ago',
	rowKey: slowKey,
	rows: (snapshot, history) => rowsOfSlow(snapshot, recentSlow(history, listed)),
	content: slowContent,
	nameOf: slowNameOf,
	time: (row) => row.whole_ns,
	narrow: narrowToOwner,
};
