/** Overview: findings, the machine in one line, and every process over all tabs. */
import { keysOf } from '../../../options/keymap.ts';
import type { OverviewExtra, OverviewRow } from '../../../tracers/overview/snapshot.ts';
import type { TabContent, TabProps, TabView } from '../../tab.ts';
import { whyLines } from './findings.ts';
import { memoryLine, metersLine } from './meters.ts';

type Props = TabProps<OverviewRow, OverviewExtra>;

/** Rows for the findings out of `height`: the table keeps most of a small screen. */
function whyRows(height: number): number {
	return height < 12 ? Math.max(0, height - 6) : height < 18 ? 4 : height < 30 ? 6 : 10;
}

function content({ snapshot, keymap, width, height }: Props): TabContent<OverviewRow> {
	const why = whyLines(snapshot, keysOf(keymap, 'finding'), width, whyRows(height));
	const machine = [
		...(height < 8 ? [] : [metersLine(snapshot, snapshot.dt_ns, width)]),
		...(height < 16 ? [] : [memoryLine(snapshot, snapshot.dt_ns, width)].filter((line) => line !== '')),
	];
	return {
		title: 'Overview',
		head: [...why, ...machine],
		empty: 'no process did anything in this interval',
	};
}

export const overviewTab: TabView<OverviewRow, OverviewExtra> = {
	content,
	links: ({ findings }) => findings.map(({ link }) => link),
};
