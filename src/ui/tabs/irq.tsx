/** What interrupts take: by source, by CPU and over time. */
import { Box } from 'ink';
import { type ReactElement, useMemo } from 'react';
import { irqShares } from '../../derive.ts';
import { formatCount, formatNs, formatRate, formatShare } from '../../format.ts';
import type { IrqExtra, IrqRow } from '../../irq/rows.ts';
import { safe } from '../../sanitize.ts';
import type { Snapshot } from '../../snapshot.ts';
import { fitCells } from '../../term/width.ts';
import { timelineOf } from '../../timeline.ts';
import type { TabProps, TabView } from '../tab.ts';
import { paint, type Role, type Span } from '../theme.ts';
import { cpusPerCell, foldCpus, levelGlyph, perCellText } from '../widgets/cpu-strip.ts';
import { bar, Histogram } from '../widgets/histogram.tsx';
import { lineOf, widthOf } from '../widgets/line.ts';
import { Lines } from '../widgets/lines.tsx';
import { Panes, SummaryLines } from '../widgets/panes.tsx';
import type { Area } from '../widgets/split.ts';
import { TimeChart } from '../widgets/time-chart.tsx';
import { latenessLines } from './irq/lateness.ts';

type Props = TabProps<IrqRow, IrqExtra>;

const views = ['time', 'lateness'] as const;
const LATENESS = 1;

const nameOf = (row: IrqRow) => safe`${row.name}`;

/** A full block is a CPU that does nothing else. */
function cpuSpans(snapshot: Snapshot<IrqRow, IrqExtra>, width: number): Span[] {
	const loads = snapshot.cpu_share.map((cpu) => ({ cpu: cpu.cpu, load: cpu.hard + cpu.soft + cpu.vector }));
	const busiest = loads.reduce((a, b) => (b.load > a.load ? b : a), { cpu: 0, load: 0 });
	const head: Span[] = ['busiest ', ['strong', `cpu${busiest.cpu}`], ` ${formatShare(busiest.load)}`];
	const perCell = cpusPerCell(loads.length, width - widthOf(head) - 15);
	const cells = foldCpus(
		loads.map(({ load }) => (load > 0.001 ? load : 0)),
		perCell,
	);
	return [
		...head,
		['dim', `   ${perCellText(perCell)} `],
		...cells.map((load): Span => [load === 0 ? 'dim' : roleOf(load), levelGlyph(load)]),
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
	const timeline = useMemo(() => timelineOf(history), [history]);
	return (
		<TimeChart
			title="% of one CPU"
			series={series}
			format={formatShare}
			timeline={timeline}
			width={width}
			height={height}
		/>
	);
}

/** One CPU per line, for a pane with room to spare: the busiest where there is not enough for all. */
function cpuLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	const barWidth = Math.max(0, width - 40);
	const all = snapshot.cpu_share.map((share) => ({ ...share, total: share.hard + share.soft + share.vector }));
	const room = height - 1;
	const sorted = all.length > room ? all.toSorted((a, b) => b.total - a.total) : all;
	const shown = all.length > room ? sorted.slice(0, Math.max(0, room - 1)) : sorted;
	const rest = sorted.slice(shown.length);
	return [
		paint(
			'dim',
			`${fitCells('CPU', 6)}${['total', 'hard', 'soft', 'vector'].map((title) => fitCells(title, 8, 'right')).join('')}`,
		),
		...shown.map(({ cpu, total, hard, soft, vector }) => {
			const figures = [total, hard, soft, vector].map((share) => fitCells(formatShare(share), 8, 'right')).join('');
			return `${fitCells(`cpu${cpu}`, 6)}${figures}  ${paint(roleOf(total), bar(total, barWidth))}`;
		}),
		...(rest.length > 0 && room > 0
			? [paint('dim', `… and ${rest.length} more CPUs, at most ${formatShare(rest[0]?.total ?? 0)} each`)]
			: []),
	];
}

function roleOf(load: number): Role {
	return load >= 0.7 ? 'bad' : load >= 0.3 ? 'warn' : 'good';
}

/** Share of a CPU, 0–1, as a glyph: what is there at all is seen, a full block is a CPU that does nothing else. */
function heatSpan(share: number, storm: boolean): Span {
	return [storm ? 'alert' : share === 0 ? 'dim' : roleOf(share), levelGlyph(share)];
}

/**
 * Lines × CPUs: a glyph for each CPU, or for the busiest of some neighbours where there are more CPUs than cells. The
 * rows of one CPU alone (group cpu) are put together again.
 */
function heatLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	const last = snapshot.cpu_share.at(-1)?.cpu ?? 0;
	const names = Math.min(22, Math.max(12, width - 16));
	const nameWidth = last < width - names - 8 ? names : Math.min(16, names);
	const cells = Math.max(1, width - nameWidth - 8);
	const perCell = cpusPerCell(last + 1, cells);
	const strip = Math.ceil((last + 1) / perCell);
	const found = new Map<string, { name: string; time: number; shares: number[]; storms: boolean[] }>();
	for (const { kind, irq, name, cpus } of snapshot.rows) {
		if (kind === 'stolen') continue;
		const key = `${kind} ${irq} ${name}`;
		const line = found.get(key) ?? { name: kind === 'hard' ? `${irq} ${name}` : name, time: 0, shares: [], storms: [] };
		found.set(key, line);
		for (const { cpu, time_ns, storm } of cpus) {
			const cell = Math.floor(cpu / perCell);
			line.time += time_ns;
			line.shares[cell] = Math.max(line.shares[cell] ?? 0, time_ns / snapshot.dt_ns);
			line.storms[cell] = line.storms[cell] || storm;
		}
	}
	const busiest = [...found.values()].sort((a, b) => b.time - a.time).slice(0, Math.max(0, height - 1));
	const of = perCell === 1 ? `cpu0–${last}` : perCellText(perCell);
	return [
		lineOf(width, [['dim', `${fitCells('heat: % of CPU', nameWidth)} ${fitCells('all', 6, 'right')} ${of}`]]),
		...busiest.map((line) =>
			lineOf(width, [
				fitCells(line.name, nameWidth),
				' ',
				fitCells(formatShare(line.time / snapshot.dt_ns), 6, 'right'),
				' ',
				...Array.from({ length: strip }, (_, cell) => heatSpan(line.shares[cell] ?? 0, line.storms[cell] ?? false)),
			]),
		),
	];
}

/** Whom interrupts took the CPU from. */
function stolenLines(snapshot: Snapshot<IrqRow, IrqExtra>, width: number, height: number): string[] {
	if (height < 2) return [];
	const parts = width >= 60;
	const nameWidth = Math.max(10, Math.min(24, width - (parts ? 40 : 16)));
	const title = (text: string) => fitCells(text, 7, 'right');
	return [
		paint(
			'dim',
			fitCells(`stolen from (${snapshot.stolen_count} interrupted)`, nameWidth + 8) +
				(parts ? ['total', 'hard', 'soft', 'vector'] : ['total']).map(title).join(''),
		),
		...snapshot.stolen.slice(0, height - 1).map((one) => {
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
			return snapshot.rows.some(({ kind }) => kind !== 'stolen')
				? heatLines(snapshot, heatWidth, height)
				: stolenLines(snapshot, heatWidth, height);
		const cpus = ['', ...cpuLines(snapshot, width, Math.max(2, Math.floor((height - chart) / 4)))];
		const rest = height - chart - cpus.length - 2;
		const heat = heatLines(snapshot, width, Math.ceil(rest / 2));
		return [...cpus, '', ...heat, '', ...stolenLines(snapshot, width, rest - heat.length)];
	}, [snapshot, width, height, chart, low, heatWidth]);
	return (
		<Box flexDirection={low ? 'row' : 'column'} gap={low ? 2 : 0}>
			<Shares history={history} width={low ? width - heatWidth - 2 : width} height={chart} />
			<Lines lines={lines} width={heatWidth} height={low ? height : height - chart} />
		</Box>
	);
}

/** How late a softirq began, by zone. */
function latenessSpans(row: IrqRow, zones: IrqExtra['late_zones_ns']): Span[] {
	const { late } = row;
	if (!late) return [];
	if (late.count === 0) return [['dim', 'raise → entry: none in this interval']];
	const names = [
		`<${formatNs(zones[0])}`,
		`≥${formatNs(zones[0])}`,
		`≥${formatNs(zones[1])}`,
		`≥${formatNs(zones[2])}`,
	];
	const roles: Role[] = ['plain', 'plain', 'warn', 'bad'];
	return [
		['dim', 'raise → entry: '],
		...late.zones.flatMap((count, zone): Span[] => [
			['dim', `${names[zone]} `],
			[count > 0 ? (roles[zone] ?? 'plain') : 'dim', `${formatCount(count, 6)}  `],
		]),
		['dim', 'p99 '],
		formatNs(late.p99_ns),
		['dim', ' max '],
		formatNs(late.max_ns),
	];
}

/** The CPUs that got most of a line's interrupts, as many as fit; what is left of them is counted. */
function cpuPlaces(cpus: IrqRow['cpus'], width: number): string {
	const total = cpus.reduce((sum, { count }) => sum + count, 0);
	const texts = cpus
		.toSorted((a, b) => b.count - a.count)
		.map(({ cpu, count }) => `cpu${cpu} ${formatShare(count / total)}`);
	const more = (named: number) => (named < texts.length ? `… and ${texts.length - named} more` : '');
	const line = (named: number) => [...texts.slice(0, named), more(named)].filter((text) => text !== '').join('  ');
	let named = Math.min(texts.length, 8);
	while (named > 1 && line(named).length > width) named--;
	return line(named);
}

/** Where an interrupt line goes and may go. */
function placeSpans({ device, affinity, effective_affinity, cpus }: IrqRow, width: number): Span[] {
	const head: Span[] = [
		...(device === null ? [] : ([['dim', 'device '], device, ['dim', '   ']] as Span[])),
		...(affinity === null
			? []
			: ([
					['dim', 'may go to cpu '],
					affinity,
					['dim', ', goes to '],
					effective_affinity ?? '–',
					['dim', '   '],
				] as Span[])),
	];
	const title = 'interrupts by CPU: ';
	return cpus.length === 0
		? head
		: [...head, ['dim', title], cpuPlaces(cpus, Math.max(20, width - widthOf(head) - title.length))];
}

function Durations({
	row,
	snapshot,
	logarithmic,
	width,
	height,
}: Area & Pick<Props, 'snapshot' | 'logarithmic'> & { row: IrqRow }): ReactElement {
	const summary: Span[][] = [
		[['dim', 'time in the handler: '], nameOf(row)],
		placeSpans(row, width),
		latenessSpans(row, snapshot.late_zones_ns),
	];
	const shown = summary.filter((spans) => spans.length > 0).slice(0, Math.max(1, height - 4));
	return (
		<Box flexDirection="column">
			<SummaryLines lines={shown} width={width} height={shown.length} />
			<Histogram
				buckets={row.buckets}
				p99={row.p99_ns}
				logarithmic={logarithmic}
				width={width}
				height={height - shown.length}
			/>
		</Box>
	);
}

/** Storms, or from when on there would be one. */
function stormSpans({ storms, storm_bounds }: Snapshot<IrqRow, IrqExtra>): Span[] {
	const [worst, ...others] = [...storms].sort((a, b) => b.share - a.share);
	if (!worst) return [];
	return [
		['alert', ' STORM '],
		' ',
		['bad', worst.name],
		` on cpu${worst.cpu}: ${formatRate(worst.rate)}/s, ${formatShare(worst.share)} of it`,
		['dim', others.length > 0 ? `, and ${others.length} more` : ''],
		['dim', `   (from ${formatCount(storm_bounds.rate, 6)}/s or ${formatShare(storm_bounds.share)} of a CPU on)`],
	];
}

const stolenHint: Span[] = [
	['strong', 'stolen from'],
	[
		'dim',
		': time that interrupts took while these had the CPU; a cgroup filter means them, not who caused the interrupts',
	],
];

function summaryOf(snapshot: Snapshot<IrqRow, IrqExtra>, width: number): Span[][] {
	const storm = stormSpans(snapshot);
	const stolen = snapshot.group === 'process' || snapshot.group === 'cgroup';
	return [
		totalSpans(snapshot),
		...(storm.length > 0 ? [storm] : []),
		...(stolen ? [stolenHint] : []),
		...(storm.length > 0 || stolen ? [] : [cpuSpans(snapshot, width)]),
	];
}

function View(props: Props): ReactElement {
	const { snapshot, history, rows, selected, logarithmic } = props;
	const row = rows[selected];
	const late = props.view === LATENESS;
	return (
		<Panes
			tab={props}
			title="Interrupts"
			name={row ? nameOf(row) : ''}
			summary={summaryOf(snapshot, props.width)}
			empty="no interrupts in this interval"
			paneRows={late ? 12 : 7}
			paneLeast={late ? 4 : 5}
			paneFirst={late}
			pane={(area) =>
				late && !props.detail ? (
					<Lines lines={latenessLines(snapshot, area.width, area.height)} {...area} />
				) : row && row.kind !== 'stolen' ? (
					<Durations row={row} snapshot={snapshot} logarithmic={logarithmic} {...area} />
				) : (
					<Pane snapshot={snapshot} history={history} {...area} />
				)
			}
		/>
	);
}

export const irqTab: TabView<IrqRow, IrqExtra> = { View, nameOf, views };
