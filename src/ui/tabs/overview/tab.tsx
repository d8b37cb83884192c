/** The tab that the program opens on: what stands out and why, the machine in one line, and who does what. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { keysOf } from '../../../options/keymap.ts';
import type { OverviewExtra, OverviewRow } from '../../../tracers/overview/snapshot.ts';
import type { TabProps, TabView } from '../../tab.ts';
import { Lines } from '../../widgets/lines.tsx';
import { TabTable } from '../../widgets/tab-table.tsx';
import { whyLines } from './findings.ts';
import { metersLine } from './meters.ts';

/** Lines for the findings out of `height`: the table keeps most of a small screen. */
function whyRows(height: number): number {
	return height < 12 ? Math.max(0, height - 6) : height < 18 ? 4 : height < 30 ? 6 : 10;
}

function View(props: TabProps<OverviewRow, OverviewExtra>): ReactElement {
	const { snapshot, keymap, width, height } = props;
	const head = useMemo(() => {
		const why = whyLines(snapshot, keysOf(keymap, 'finding'), width, whyRows(height));
		return height < 8 ? why : [...why, metersLine(snapshot, snapshot.dt_ns, width)];
	}, [snapshot, keymap, width, height]);
	const y = head.length;
	return (
		<Box flexDirection="column">
			<Lines lines={head} width={width} height={y} />
			<TabTable tab={props} empty="nobody did anything in this interval" y={y} width={width} height={height - y} />
		</Box>
	);
}

export const overviewTab: TabView<OverviewRow, OverviewExtra> = {
	View,
	links: ({ findings }) => findings.map(({ link }) => link),
};
