/** The second view of the tab: slow requests one by one, and the waterfall of the selected one. */
import { type ReactElement, useMemo } from 'react';
import type { Span } from '../../../term/theme.ts';
import { recentSlow } from '../../../tracers/io/recent-slow.ts';
import type { FullPath, IoExtra, IoRow } from '../../../tracers/io/snapshot.ts';
import type { TabList, TabProps } from '../../tab.ts';
import { drawn } from '../../widgets/lines.tsx';
import { Panes } from '../../widgets/panes.tsx';
import type { Area } from '../../widgets/split.ts';
import { narrowToOwner } from './narrow.ts';
import { rowsOfSlow, type SlowRow, slowColumns, slowHeading, slowKey, slowNameOf } from './slow-rows.ts';
import { legend } from './stage-marks.ts';
import { summaryOf } from './summary.ts';
import { waterfallLines } from './waterfall.ts';

type Props = TabProps<SlowRow, IoExtra, IoRow>;

/** Rows at most: as many as anyone scrolls through. */
const listed = 2000;

interface WaterfallProps extends Area {
	row: SlowRow | undefined;
	rows: readonly SlowRow[];
	fullPath: FullPath;
}

const Waterfall = drawn(({ row, rows, fullPath, width, height }: WaterfallProps) =>
	row ? waterfallLines(row, rows, fullPath, width, height) : [],
);

function SlowView(props: Props): ReactElement {
	const { snapshot, history, rows, view, height } = props;
	const seen = useMemo(() => new Set(rows.flatMap((one) => one.waterfall.map(({ stage }) => stage))), [rows]);
	const [state = [], ...more] = summaryOf(snapshot, history, view, height);
	const heading = slowHeading(snapshot, history, rows.length);
	const about: Span[][] = rows.length > 0 ? [[['dim', heading]], legend(seen)] : [];
	return (
		<Panes
			tab={props}
			title="Disk IO › slow requests"
			nameOf={slowNameOf}
			summary={[state, ...about, ...more]}
			empty={heading}
			pane={{
				rows: 8,
				least: 5,
				below: true,
				draw: (area, row = rows[0]) => <Waterfall row={row} rows={rows} fullPath={snapshot.full_path} {...area} />,
			}}
		/>
	);
}

export const slowList: TabList<SlowRow, IoExtra, IoRow> = {
	columns: slowColumns,
	defaultSort: 'ago',
	rowKey: slowKey,
	rows: (snapshot, history) => rowsOfSlow(snapshot, recentSlow(history, listed)),
	View: SlowView,
	nameOf: slowNameOf,
	time: (row) => row.whole_ns,
	narrow: narrowToOwner,
};
