/** The second view of the tab: slow requests one by one, and the waterfall of the selected one. */
import { type ReactElement, useMemo } from 'react';
import { recentSlow } from '../../../derive.ts';
import type { IoExtra, IoRow } from '../../../io/snapshot.ts';
import type { TabList, TabProps } from '../../tab.ts';
import type { Span } from '../../theme.ts';
import { Lines } from '../../widgets/lines.tsx';
import { Panes } from '../../widgets/panes.tsx';
import { narrowTo } from './narrow.ts';
import { rowsOfSlow, type SlowRow, slowColumns, slowHeading, slowKey, slowNameOf } from './slow-rows.ts';
import { legend } from './stage-marks.ts';
import { summaryOf } from './summary.ts';
import { waterfallLines } from './waterfall.ts';

type Props = TabProps<SlowRow, IoExtra, IoRow>;

/** Rows at most: as many as anyone scrolls through. */
const listed = 2000;

function Waterfall({ tab, row, width, height }: { tab: Props; row: SlowRow; width: number; height: number }) {
	const { rows, snapshot } = tab;
	const lines = useMemo(
		() => waterfallLines(row, rows, snapshot.full_path, width, height),
		[row, rows, snapshot, width, height],
	);
	return <Lines lines={lines} width={width} height={height} />;
}

function SlowView(props: Props): ReactElement {
	const { snapshot, history, rows, selected, view, height } = props;
	const row = rows[selected] ?? rows[0];
	const seen = useMemo(() => new Set(rows.flatMap((one) => one.waterfall.map(({ stage }) => stage))), [rows]);
	const [state = [], ...more] = summaryOf(snapshot, history, view, height);
	const heading = slowHeading(snapshot, history, rows.length);
	const about: Span[][] = rows.length > 0 ? [[['dim', heading]], legend(seen)] : [];
	return (
		<Panes
			tab={props}
			title="Disk IO › slow requests"
			name={row ? slowNameOf(row) : ''}
			summary={[state, ...about, ...more]}
			empty={heading}
			paneRows={8}
			paneLeast={5}
			paneBelow
			pane={(area) => (row ? <Waterfall tab={props} row={row} {...area} /> : <Lines lines={none} {...area} />)}
		/>
	);
}

const none: readonly string[] = [];

export const slowList: TabList<SlowRow, IoExtra, IoRow> = {
	columns: slowColumns,
	defaultSort: 'ago',
	rowKey: slowKey,
	rows: (snapshot, history) => rowsOfSlow(snapshot, recentSlow(history, listed)),
	View: SlowView,
	nameOf: slowNameOf,
	time: (row) => row.whole_ns,
	narrow: (row, snapshot) => narrowTo(row && (row.pid > 0 ? { pid: row.pid } : { device: row.device }), snapshot),
};
