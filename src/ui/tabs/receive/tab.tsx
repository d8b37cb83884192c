/** Where received packets spend their time: by protocol and device, stage by stage. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { mergeBuckets } from '../../../lib/histogram.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import { RECEIVE_PATH } from '../../../tracers/receive/path.ts';
import type { ReceiveExtra, ReceiveRow } from '../../../tracers/receive/snapshot.ts';
import type { HelpSection, TabProps, TabView } from '../../tab.ts';
import { TitledHistogram } from '../../widgets/histogram.tsx';
import { Lines } from '../../widgets/lines.tsx';
import { Panes } from '../../widgets/panes.tsx';
import type { Area } from '../../widgets/split.ts';
import { stageTableLines } from '../../widgets/stage-table.ts';

type Props = TabProps<ReceiveRow, ReceiveExtra>;

const nameOf = (row: ReceiveRow) => safe`${row.device} ${row.protocol}`;

const missingLine = ({ stage, reason }: ReceiveExtra['missing'][number]): Span[] => [['warn', `${stage}: `], reason];

/** Stages of the selected row, and how long its packets (all, without a selection) took in all. */
function Pane({ tab, row, width, height }: Area & { tab: Props; row: ReceiveRow | undefined }): ReactElement {
	const lines =
		row && height >= 9
			? stageTableLines({
					stages: row.stages,
					note: '',
					roleOf: () => 'series2',
					name: nameOf(row),
					chosen: null,
					width,
					height: height - 4,
				})
			: [];
	const rows = tab.snapshot.rows;
	const buckets = useMemo(
		() => mergeBuckets((row ? [row] : rows).map((one) => one.stages.total?.buckets ?? [])),
		[row, rows],
	);
	const total = row?.stages.total;
	return (
		<Box flexDirection="column">
			<Lines lines={lines} width={width} height={lines.length} />
			<TitledHistogram
				title={[[['dim', 'time from driver to process: '], row ? nameOf(row) : 'all packets']]}
				buckets={buckets}
				p50={total?.p50_ns}
				p99={total?.p99_ns}
				logarithmic={tab.logarithmic}
				width={width}
				height={height - lines.length}
			/>
		</Box>
	);
}

function View(props: Props): ReactElement {
	return (
		<Panes
			tab={props}
			title="Received packets"
			nameOf={nameOf}
			summary={props.snapshot.missing.map(missingLine)}
			empty="no packet was received in this interval"
			pane={{ rows: 11, least: 5, draw: (area, row) => <Pane tab={props} row={row} {...area} /> }}
		/>
	);
}

const help: readonly HelpSection[] = [
	{
		title: 'Stages of a packet, in the order of the way',
		entries: RECEIVE_PATH.stages.map(({ name, from, to, help: words }): readonly [string, string] => [
			name,
			`${from} → ${to}: ${words}`,
		]),
	},
	{
		title: 'Receive – terms',
		entries: [
			[
				'GRO',
				'generic receive offload: the kernel puts packets of one connection together before the protocols see them',
			],
			['backlog', 'a queue of each CPU for packets whose device has none of its own'],
			['copied', 'a process has read the packet; what is still in a socket is not counted yet'],
			['followed', 'packets are followed from the moment the tab is opened until a minute after it was left'],
		],
	},
];

export const receiveTab: TabView<ReceiveRow, ReceiveExtra> = { View, nameOf, help };
