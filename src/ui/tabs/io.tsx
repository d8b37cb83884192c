/** Where block IO spends its time: by device and operation, stage by stage, and the slow ones by name. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { mergeBuckets, recentSlow } from '../../derive.ts';
import { formatBytes, formatCount, formatNs } from '../../format.ts';
import type { Buckets } from '../../histogram.ts';
import type { FullPath, Inflight, IoExtra, IoRow, SlowRequest } from '../../io/snapshot.ts';
import { safe } from '../../sanitize.ts';
import { fitCells } from '../../term/width.ts';
import { bar, foldBuckets, Histogram } from '../histogram.tsx';
import { Lines } from '../lines.tsx';
import { Panes, SummaryLines } from '../panes.tsx';
import type { Area } from '../split.ts';
import type { TabProps, TabView } from '../tab.ts';
import { paint, type Span } from '../theme.ts';

type Props = TabProps<IoRow, IoExtra>;

const nameOf = (row: IoRow) => safe`${row.device} ${row.op}`;

function inflightLine(inflight: readonly Inflight[], count: number): Span[] {
	if (count === 0) return [['dim', 'in flight: none']];
	const oldest = inflight
		.slice(0, 4)
		.flatMap((request): Span[] => [
			safe`  ${request.comm}[${request.pid}] ${request.op} ${request.device} `,
			['warn', formatNs(request.age_ns)],
			['dim', ` in ${request.stage}`],
		]);
	return ['in flight: ', ['strong', formatCount(count)], ...oldest];
}

/** Nothing where nobody asked for it. */
function fullPathLines({ state, reason, cost_share, limit_share }: FullPath): Span[][] {
	if (state === 'off') return [];
	if (state !== 'on') return [[['warn', reason]]];
	const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
	return [
		[
			'full path: ',
			['strong', 'on'],
			['dim', `  costs ${percent(cost_share)} of a CPU with the requests, detached above ${percent(limit_share)}`],
		],
	];
}

/** Where the time of the system call went, those parts that are worth a word. */
function offCpuText({ call_ns, blocked_ns, runqueue_ns, preempted_ns }: NonNullable<SlowRequest['off_cpu']>): string {
	const parts = [
		['asleep', blocked_ns],
		['run queue', runqueue_ns],
		['preempted', preempted_ns],
	] as const;
	const told = parts.filter(([, ns]) => ns > call_ns / 100).map(([name, ns]) => `${name} ${formatNs(ns)}`);
	return [`  call ${formatNs(call_ns)}`, ...told].join('  ');
}

function slowLine(request: SlowRequest): string {
	const who = safe`${request.comm}[${request.pid}]`;
	const { total, ...stages } = request.stages;
	const parts = Object.entries(stages).map(([name, ns]) => `${name} ${formatNs(ns)}`);
	return `${paint('warn', fitCells(formatNs(total ?? Number.NaN), 7, 'right'))} ${fitCells(request.device, 8)} ${fitCells(request.op, 7)} ${fitCells(formatBytes(request.bytes), 6, 'right')}  ${fitCells(who, 22)} ${paint('dim', parts.join('  '))}${request.off_cpu ? offCpuText(request.off_cpu) : ''}`;
}

function SlowList({ history, width, height }: Area & { history: Props['history'] }): ReactElement {
	const last = history.at(-1);
	const lines = useMemo(() => {
		const slow = recentSlow(history, height - 1);
		const suppressed = last && last.slow_suppressed > 0 ? `, ${formatCount(last.slow_suppressed)} more not listed` : '';
		const over = formatNs(last?.slow_threshold_ns ?? Number.NaN);
		return [
			paint(
				'dim',
				slow.length === 0 ? `no request took longer than ${over}` : `requests over ${over}, newest first${suppressed}`,
			),
			...slow.map(slowLine),
		];
	}, [history, last, height]);
	return <Lines lines={lines} width={width} height={height} />;
}

/** Mean time per stage, as parts of the mean total. */
function stageLines(row: IoRow, width: number): string[] {
	const { total, ...stages } = row.stages;
	const whole = total?.mean_ns ?? 0;
	const entries = [...Object.entries(stages), ...(total ? [['total', total] as const] : [])];
	const barWidth = Math.max(0, Math.min(40, width - 60));
	const head = ['stage', 'count', 'mean', 'p50', 'p99', 'max']
		.map((title, index) => fitCells(title, index === 0 ? 9 : 9, index === 0 ? 'left' : 'right'))
		.join('');
	return [
		paint('dim', head),
		...entries.map(([name, stage]) => {
			const figures = [
				formatCount(stage.count),
				formatNs(stage.mean_ns),
				formatNs(stage.p50_ns),
				formatNs(stage.p99_ns),
				formatNs(stage.max_ns),
			];
			return `${fitCells(name, 9)}${figures.map((text) => fitCells(text, 9, 'right')).join('')}  ${name === 'total' ? '' : paint('accent', bar(whole > 0 ? stage.mean_ns / whole : 0, barWidth))}`;
		}),
	];
}

function Latencies({
	buckets,
	row,
	logarithmic,
	width,
	height,
}: Area & { buckets: Buckets; row: IoRow | undefined; logarithmic: boolean }): ReactElement {
	const total = row?.stages.total;
	return (
		<Box flexDirection="column">
			<SummaryLines
				lines={[[['dim', 'time from queueing to completion: '], row ? nameOf(row) : 'all devices']]}
				width={width}
				height={1}
			/>
			<Histogram
				buckets={buckets}
				p50={total?.p50_ns}
				p99={total?.p99_ns}
				logarithmic={logarithmic}
				width={width}
				height={height - 1}
			/>
		</Box>
	);
}

/** The pane: latencies, stages of the selected row, slow requests, as far as there is room. */
function Pane({ tab, row, width, height }: Area & { tab: Props; row: IoRow | undefined }): ReactElement {
	const stages = row && (tab.detail || height >= 24) ? stageLines(row, width) : [];
	const rest = height - stages.length;
	const rows = tab.snapshot.rows;
	const buckets = useMemo(
		() => mergeBuckets((row ? [row] : rows).map((one) => one.stages.total?.buckets ?? [])),
		[row, rows],
	);
	const least = rest >= 9 ? Math.min(12, Math.floor(rest * 0.4)) : 0;
	const bars = Math.max(1, foldBuckets(buckets, rest - least - 1).length);
	const slow = least > 0 ? rest - bars - 2 : 0;
	return (
		<Box flexDirection="column">
			<Lines lines={stages} width={width} height={stages.length} />
			<Latencies buckets={buckets} row={row} logarithmic={tab.logarithmic} width={width} height={rest - slow} />
			<SlowList history={tab.history} width={width} height={slow} />
		</Box>
	);
}

function View(props: Props): ReactElement {
	const { snapshot, rows, selected } = props;
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Block IO"
			name={row ? nameOf(row) : ''}
			summary={[...fullPathLines(snapshot.full_path), inflightLine(snapshot.inflight, snapshot.inflight_count)]}
			empty="no block IO in this interval"
			paneRows={11}
			paneLeast={5}
			pane={(area) => <Pane tab={props} row={row} {...area} />}
		/>
	);
}

export const ioTab: TabView<IoRow, IoExtra> = {
	View,
	nameOf,
	deepen({ full_path }) {
		const wanted = full_path.state !== 'on';
		return {
			changes: { 'full-path': wanted },
			message: wanted ? 'full path: following system calls from now on' : 'full path: no longer',
		};
	},
};
