/** What interrupts take: by source, by CPU and over time. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { irqShares, secondsOf } from '../../derive.ts';
import { formatShare } from '../../format.ts';
import { safe } from '../../sanitize.ts';
import type { Snapshot } from '../../snapshot.ts';
import { fitCells } from '../../term/width.ts';
import type { IrqExtra, IrqRow } from '../../tracers/irq.ts';
import { bar, Histogram } from '../histogram.tsx';
import { Lines } from '../lines.tsx';
import { Panes, SummaryLines } from '../panes.tsx';
import type { Area } from '../split.ts';
import type { TabProps, TabView } from '../tab.ts';
import { paint, type Role, type Span } from '../theme.ts';
import { TimeChart } from '../time-chart.tsx';

type Props = TabProps<IrqRow, IrqExtra>;

const nameOf = (row: IrqRow) => safe`${row.name}`;

const levels = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One glyph per CPU; a full block is a CPU that does nothing else. */
function cpuSpans(snapshot: Snapshot<IrqRow, IrqExtra>): Span[] {
	const loads = snapshot.cpu_share.map((cpu) => ({ cpu: cpu.cpu, load: cpu.hard + cpu.soft + cpu.vector }));
	const busiest = loads.reduce((a, b) => (b.load > a.load ? b : a), { cpu: 0, load: 0 });
	const glyphs = loads.map(({ load }): Span => {
		const level = Math.max(load > 0.001 ? 1 : 0, Math.min(8, Math.round(load * 8)));
		return [level === 0 ? 'dim' : roleOf(load), levels[level] as string];
	});
	return [
		'busiest ',
		['strong', `cpu${busiest.cpu}`],
		` ${formatShare(busiest.load)}`,
		['dim', '   per CPU '],
		...glyphs,
	];
}

function totalSpans(snapshot: Snapshot<IrqRow, IrqExtra>): Span[] {
	const shares = irqShares(snapshot);
	return [
		['strong', formatShare(shares.total)],
		' of one CPU in interrupts',
		['dim', ` (${snapshot.cpu_share.length} CPUs)   `],
		`hard ${formatShare(shares.hard)}`,
		['dim', '   '],
		`soft ${formatShare(shares.soft)}`,
		['dim', '   '],
		`vector ${formatShare(shares.vector)}`,
	];
}

function Shares({ history, width, height }: Area & { history: Props['history'] }): ReactElement {
	const series = useMemo(() => {
		const shares = history.slice(-width).map(irqShares);
		return (['hard', 'soft', 'vector'] as const).map((kind, index) => ({
			role: (['series1', 'series2', 'series3'] as const)[index] ?? 'series1',
			name: kind,
			values: shares.map((share) => share[kind]),
			now: formatShare(shares.at(-1)?.[kind] ?? Number.NaN),
		}));
	}, [history, width]);
	const last = history.at(-1);
	return (
		<TimeChart
			title="% of one CPU"
			series={series}
			format={formatShare}
			seconds={last ? secondsOf(last) : 1}
			width={width}
			height={height}
		/>
	);
}

/** One CPU per line, for a pane with room to spare. */
function cpuLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number): string[] {
	const barWidth = Math.max(0, width - 40);
	return [
		paint(
			'dim',
			`${fitCells('CPU', 6)}${['total', 'hard', 'soft', 'vector'].map((title) => fitCells(title, 8, 'right')).join('')}`,
		),
		...snapshot.cpu_share.map(({ cpu, hard, soft, vector }) => {
			const total = hard + soft + vector;
			const figures = [total, hard, soft, vector].map((share) => fitCells(formatShare(share), 8, 'right')).join('');
			return `${fitCells(`cpu${cpu}`, 6)}${figures}  ${paint(roleOf(total), bar(total, barWidth))}`;
		}),
	];
}

function roleOf(load: number): Role {
	return load >= 0.7 ? 'bad' : load >= 0.3 ? 'warn' : 'good';
}

/** Chart, and what each CPU spends where there is room for it. */
function Pane({ snapshot, history, width, height }: Area & Pick<Props, 'snapshot' | 'history'>): ReactElement {
	const chart = height > 24 ? 14 : height;
	const lines = useMemo(
		() => (height > chart ? ['', ...cpuLines(snapshot, width)] : []),
		[snapshot, width, height, chart],
	);
	return (
		<Box flexDirection="column">
			<Shares history={history} width={width} height={chart} />
			<Lines lines={lines} width={width} height={height - chart} />
		</Box>
	);
}

function Durations({ row, logarithmic, width, height }: Area & { row: IrqRow; logarithmic: boolean }): ReactElement {
	return (
		<Box flexDirection="column">
			<SummaryLines lines={[[['dim', 'time in the handler: '], nameOf(row)]]} width={width} height={1} />
			<Histogram buckets={row.buckets} p99={row.p99_ns} logarithmic={logarithmic} width={width} height={height - 1} />
		</Box>
	);
}

function View(props: Props): ReactElement {
	const { snapshot, history, rows, selected, logarithmic } = props;
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Interrupts"
			name={row ? nameOf(row) : ''}
			summary={[totalSpans(snapshot), cpuSpans(snapshot)]}
			empty="no interrupts in this interval"
			paneRows={7}
			paneLeast={5}
			pane={(area) =>
				row ? (
					<Durations row={row} logarithmic={logarithmic} {...area} />
				) : (
					<Pane snapshot={snapshot} history={history} {...area} />
				)
			}
		/>
	);
}

export const irqTab: TabView<IrqRow, IrqExtra> = { View, nameOf };
