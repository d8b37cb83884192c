/** Interrupts: CPU time by source, by CPU and over time. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import type { Snapshot } from '../../../core/snapshot.ts';
import { formatShare } from '../../../lib/format.ts';
import { fitCells } from '../../../lib/width.ts';
import { paint } from '../../../term/theme.ts';
import type { IrqExtra, IrqRow } from '../../../tracers/irq/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabProps, TabView } from '../../tab.ts';
import { Lines } from '../../widgets/lines.tsx';
import { summaryLines } from '../../widgets/panes.tsx';
import { TimeChart } from '../../widgets/time-chart.tsx';
import { cpuLines, heatLines, irqShares } from './cpus.ts';
import { latenessLines } from './lateness.ts';
import { Durations, nameOf } from './source.tsx';
import { summaryOf } from './summary.ts';

type Props = TabProps<IrqRow, IrqExtra>;

const views = ['time', 'lateness'] as const;

/** Kinds of interrupts, and the colour of each curve. */
const kinds = [
	['hard', 'series1'],
	['soft', 'series2'],
	['vector', 'series3'],
] as const;

function Shares({ history, width, height }: Area & Pick<Props, 'history'>): ReactElement {
	const series = useMemo(() => {
		const shares = history.slice(-width).map(irqShares);
		return kinds.map(([name, role]) => ({ role, name, values: shares.map((share) => share[name]) }));
	}, [history, width]);
	return (
		<TimeChart
			title="% of one CPU"
			series={series}
			format={formatShare}
			history={history}
			width={width}
			height={height}
		/>
	);
}

/** Processes with most IRQ time. */
function interruptedLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	if (height < 2) return [];
	const parts = width >= 60;
	const nameWidth = Math.max(10, Math.min(24, width - (parts ? 40 : 16)));
	const title = (text: string) => fitCells(text, 7, 'right');
	return [
		paint(
			'dim',
			fitCells(`interrupted processes (${snapshot.irq_time_count})`, nameWidth + 8) +
				(parts ? ['total', 'hard', 'soft', 'vector'] : ['total']).map(title).join(''),
		),
		...snapshot.irq_time.slice(0, height - 1).map((one) => {
			const figures = (parts ? [one.time_ns, one.hard_ns, one.soft_ns, one.vector_ns] : [one.time_ns]).map((ns) =>
				title(formatShare(ns / snapshot.dt_ns)),
			);
			const pid = one.pid > 0 ? String(one.pid) : '';
			return `${fitCells(one.comm, nameWidth)} ${fitCells(pid, 7, 'right')}${figures.join('')}`;
		}),
	];
}

/** Chart and heat strip, side by side where rows are few; CPUs and victims where there is room for them. */
function Pane({ snapshot, history, width, height }: Area & Pick<Props, 'snapshot' | 'history'>): ReactElement {
	const low = height <= 16;
	const chart = low ? height : Math.min(12, Math.floor(height / 3));
	const heatWidth = low ? Math.min(50, Math.floor(width / 2)) : width;
	const lines = useMemo(() => {
		if (low)
			return snapshot.rows.some(({ kind }) => kind !== 'irq_time')
				? heatLines(snapshot, heatWidth, height)
				: interruptedLines(snapshot, heatWidth, height);
		const cpus = ['', ...cpuLines(snapshot, width, Math.max(2, Math.floor((height - chart) / 4)))];
		const rest = height - chart - cpus.length - 2;
		const heat = heatLines(snapshot, width, Math.ceil(rest / 2));
		return [...cpus, '', ...heat, '', ...interruptedLines(snapshot, width, rest - heat.length)];
	}, [snapshot, width, height, chart, low, heatWidth]);
	return (
		<Box flexDirection={low ? 'row' : 'column'} gap={low ? 2 : 0}>
			<Shares history={history} width={low ? width - heatWidth - 2 : width} height={chart} />
			<Lines lines={lines} width={heatWidth} height={low ? height : height - chart} />
		</Box>
	);
}

function content(props: Props): TabContent<IrqRow> {
	const { snapshot, history, width } = props;
	const late = views[props.view] === 'lateness';
	return {
		title: 'Interrupts',
		head: summaryLines(summaryOf(snapshot, width), props),
		empty: 'no interrupts in this interval',
		pane: {
			rows: late ? 12 : 7,
			least: late ? 4 : 5,
			first: late,
			draw: (area, row) =>
				late && !props.detail ? (
					<Lines lines={latenessLines(snapshot, area.width, area.height)} {...area} />
				) : row && row.kind !== 'irq_time' ? (
					<Durations row={row} tab={props} {...area} />
				) : (
					<Pane snapshot={snapshot} history={history} {...area} />
				),
		},
	};
}

export const irqTab: TabView<IrqRow, IrqExtra> = { content, nameOf, views };
