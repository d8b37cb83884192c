/** Receive: time of received packets by protocol and device, stage by stage. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { mergeBuckets } from '../../../lib/histogram.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import { RECEIVE_PATH } from '../../../tracers/receive/path.ts';
import type { ReceiveExtra, ReceiveRow } from '../../../tracers/receive/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { HelpSection, TabContent, TabProps, TabView } from '../../tab.ts';
import { TitledHistogram } from '../../widgets/histogram.tsx';
import { Lines } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { stageTableLines } from '../../widgets/stage-table.ts';

type Props = TabProps<ReceiveRow, ReceiveExtra>;

const nameOf = (row: ReceiveRow) => safe`${row.device} ${row.protocol}`;

const missingLine = ({ stage, reason }: ReceiveExtra['missing'][number]): Span[] => [['warn', `${stage}: `], reason];

/** Stages of the selected row, and the histogram of its total times (of all packets without a selection). */
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

function content(props: Props): TabContent<ReceiveRow> {
	return {
		title: 'Received packets',
		head: summaryLines(props.snapshot.missing.map(missingLine), props),
		empty: 'no packet was received in this interval',
		pane: { rows: 11, least: 5, draw: (area, row) => <Pane tab={props} row={row} {...area} /> },
	};
}

const help: readonly HelpSection[] = [
	{
		title: 'Stages of a packet, in order',
		entries: RECEIVE_PATH.stages.map(({ name, from, to, help: words }): readonly [string, string] => [
			name,
			`${from} → ${to}: ${words}`,
		]),
	},
	{
		title: 'Receive – terms',
		entries: [
			['GRO', 'generic receive offload: the kernel merges packets of one connection before the protocols process them'],
			['backlog', 'a queue per CPU, for packets of devices without a queue'],
			['copied', 'a process has read the packet; packets still in a socket are not counted yet'],
			['followed', 'packets are traced from the opening of the tab until a minute after it is left'],
		],
	},
];

export const receiveTab: TabView<ReceiveRow, ReceiveExtra> = { content, nameOf, help };
