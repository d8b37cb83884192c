/** Who waits for a CPU, and how long: histogram of waits, ranking, and who is waiting at this moment. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { secondsOf } from '../../derive.ts';
import { formatCount, formatNs, formatShare } from '../../format.ts';
import { type SafeText, safe } from '../../sanitize.ts';
import { fitCells } from '../../term/width.ts';
import type { RunqlatExtra, RunqlatRow, Waiting } from '../../tracers/runqlat.ts';
import { HeatMap } from '../heat-map.tsx';
import { Histogram } from '../histogram.tsx';
import { Lines } from '../lines.tsx';
import { Panes, SummaryLines } from '../panes.tsx';
import type { Area } from '../split.ts';
import type { TabProps, TabView } from '../tab.ts';
import { paint, type Span } from '../theme.ts';

type Props = TabProps<RunqlatRow, RunqlatExtra>;

function nameOf({ key }: RunqlatRow) {
	if (key.kind === 'all') return safe`all tasks`;
	return key.kind === 'cpu' ? safe`CPU ${key.id}` : safe`${key.comm}[${key.id}]`;
}

function waitingLine(waiting: readonly Waiting[], count: number): Span[] {
	if (count === 0) return [['dim', 'waiting now: nobody']];
	const oldest = waiting
		.slice(0, 6)
		.flatMap((task): Span[] => [
			safe`  ${task.comm}[${task.tid}] `,
			['warn', formatNs(task.age_ns)],
			['dim', ` cpu${task.cpu}`],
		]);
	return ['waiting now: ', ['strong', formatCount(count)], ...oldest];
}

function allLine(all: RunqlatRow | undefined, filter: SafeText): Span[] {
	if (!all) return [];
	return [
		['strong', formatCount(all.count, 7)],
		' waits',
		['dim', '   p50 '],
		formatNs(all.p50_ns),
		['dim', '   p99 '],
		['strong', formatNs(all.p99_ns)],
		['dim', '   max '],
		formatNs(all.max_ns),
		['dim', '   sum '],
		formatNs(all.wait_ns),
		...(filter === '' ? [] : ([['alert', safe` only ${filter} `]] as Span[])),
	];
}

/** Waits by zone, in words: `<10µs 62%`. */
function zonesLine(all: RunqlatRow | undefined, limits: readonly number[]): Span[] {
	if (!all || all.count === 0) return [];
	return [
		['dim', 'zones'],
		...all.zones.flatMap((count, zone): Span[] => {
			const from = limits[zone - 1];
			const to = limits[zone];
			const name =
				to === undefined ? `≥${formatNs(from ?? 0)}` : from === undefined ? `<${formatNs(to)}` : `–${formatNs(to)}`;
			const role = zone === limits.length ? 'bad' : zone === limits.length - 1 ? 'warn' : 'good';
			return [
				['dim', `   ${name} `],
				[count > 0 ? role : 'dim', formatShare(count / all.count)],
			];
		}),
	];
}

const levels = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** A glyph per CPU by its share of all waiting; the highest is named, since imbalance is what one looks for. */
function cpuLine(cpus: RunqlatExtra['cpus']): Span[] {
	const most = cpus.reduce((max, cpu) => Math.max(max, cpu.wait_ns), 0);
	const sum = cpus.reduce((total, cpu) => total + cpu.wait_ns, 0);
	const worst = cpus.find(({ wait_ns }) => wait_ns === most);
	if (!worst || most === 0) return [['dim', 'waiting per CPU: none']];
	return [
		['dim', 'waiting per CPU '],
		cpus.map(({ wait_ns }) => levels[wait_ns > 0 ? Math.max(1, Math.round((wait_ns / most) * 8)) : 0]).join(''),
		['dim', '   most on '],
		['strong', `cpu${worst.cpu}`],
		` ${formatShare(most / sum)}`,
		['dim', ` of it (even: ${formatShare(1 / cpus.length)}), p99 `],
		formatNs(worst.p99_ns),
	];
}

function Waits({ tab, row, width, height }: Area & { tab: Props; row: RunqlatRow | undefined }): ReactElement {
	const { snapshot, history, logarithmic, detail, band } = tab;
	const scale = logarithmic ? ', logarithmic' : '';
	const bars = height > 24 ? 16 : height - 1;
	const rest = height - bars - 1;
	const map = detail || rest < 16 ? 0 : Math.min(14, rest >> 1);
	const list = useMemo(() => (detail ? [] : waitingList(snapshot.waiting, rest - map)), [detail, snapshot, rest, map]);
	const columns = useMemo(() => history.map(({ log2 }) => log2), [history]);
	return (
		<Box flexDirection="column">
			<SummaryLines
				lines={[[['dim', 'time from runnable to running: '], row ? nameOf(row) : '', ['dim', scale]]]}
				width={width}
				height={1}
			/>
			<Histogram
				buckets={row?.buckets ?? none}
				p50={row?.p50_ns}
				p99={row?.p99_ns}
				logarithmic={logarithmic}
				band={band}
				width={width}
				height={bars}
			/>
			<HeatMap
				title="all tasks over time"
				columns={columns}
				unit={snapshot.log2_unit_ns}
				seconds={secondsOf(snapshot)}
				width={width}
				height={map}
			/>
			<Lines lines={list} width={width} height={rest - map} />
		</Box>
	);
}

/** Who is waiting now, one per line, for a pane with room to spare. */
function waitingList(waiting: readonly Waiting[], height: number): string[] {
	if (height < 3) return [];
	const tasks = waiting
		.slice(0, height - 2)
		.map(
			(task) =>
				`${paint('warn', fitCells(formatNs(task.age_ns), 7, 'right'))}  ${fitCells(`cpu${task.cpu}`, 6)} ${task.comm}[${task.tid}]`,
		);
	return ['', paint('dim', tasks.length > 0 ? 'waiting now, longest first' : 'nobody is waiting now'), ...tasks];
}

const none: RunqlatRow['buckets'] = [];

function View(props: Props): ReactElement {
	const { snapshot, rows, selected } = props;
	const all = snapshot.rows.find((row) => row.key.kind === 'all');
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Run queue"
			name={row ? nameOf(row) : ''}
			summary={[
				allLine(all, snapshot.filter),
				waitingLine(snapshot.waiting, snapshot.waiting_count),
				cpuLine(snapshot.cpus),
				zonesLine(all, snapshot.zones_ns),
			]}
			empty="nobody waited for a CPU in this interval"
			paneRows={10}
			paneLeast={5}
			pane={(area) => <Waits tab={props} row={row ?? all} {...area} />}
		/>
	);
}

/** The process that a row is about. */
function pidOf(row: RunqlatRow | undefined): number {
	if (row?.key.kind === 'process') return row.key.id;
	return row?.key.pid ?? 0;
}

export const runqlatTab: TabView<RunqlatRow, RunqlatExtra> = {
	View,
	nameOf,
	listed: (row) => row.key.kind !== 'all',
	narrow(row, { filter }) {
		if (filter !== '') return { pid: 0, comm: '', cgroup: '' };
		const pid = pidOf(row);
		return pid > 0 ? { pid } : {};
	},
};
