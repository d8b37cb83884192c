/** Energy: watts, joules and CPU time by process, and watts over time. */
import { type ReactElement, useMemo } from 'react';
import type { Snapshot } from '../../../core/snapshot.ts';
import { formatCount, formatMicroJoules, formatShare, formatWatts } from '../../../lib/format.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import { amount, type Bill, INNER } from '../../../tracers/energy/machine-parts.ts';
import { energyParts, wattsOf } from '../../../tracers/energy/parts.ts';
import { wakeColumns } from '../../../tracers/energy/rest/columns.ts';
import type { EnergyExtra, EnergyForecastField, EnergyRow } from '../../../tracers/energy/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabProps, TabView } from '../../tab.ts';
import { summaryLines } from '../../widgets/panes.tsx';
import { TimeChart, type TimeSeries } from '../../widgets/time-chart.tsx';
import { restList } from './rest.ts';

type Props = TabProps<EnergyRow, EnergyExtra>;

const nameOf = (row: EnergyRow) => (row.pid > 0 ? safe`${row.comm}[${row.tid ?? row.pid}]` : row.comm);

/** Predicted joules, and the error of past predictions. */
function forecastSpans({ seconds, learning, joules, error_share, naive_error_share }: EnergyForecastField): Span[] {
	const next = `next ${seconds} s: `;
	if (learning || joules === undefined) return [['dim', `${next}not predicted yet: still learning this machine`]];
	const was = formatShare(naive_error_share ?? Number.NaN);
	return [
		['dim', next],
		['strong', formatMicroJoules(joules * 1e6)],
		` ±${formatShare(error_share ?? Number.NaN)}`,
		['dim', ` by past forecasts; taking the last ${seconds} s instead: ±${was}`],
	];
}

/** The energy counters; those that overlap with the total and are not part of it in brackets. */
function domainSpans({ domains, dt_ns }: Snapshot<EnergyRow, EnergyExtra>): Span[] {
	const spans = domains.flatMap(({ name, counted, energy_uj }): Span[] => {
		const watts = formatWatts(energy_uj === null ? Number.NaN : wattsOf(energy_uj, dt_ns));
		return [counted ? `${name} ${watts}` : ['dim', `(${name} ${watts})`], '  '];
	});
	return domains.every(({ counted }) => counted) ? spans : [...spans, ['dim', 'in brackets: overlaps, not added']];
}

function gpuSpans({ gpus, dt_ns }: Snapshot<EnergyRow, EnergyExtra>): Span[] {
	return gpus.flatMap(({ name, energy_uj, unattributed_uj, busy_ns }): Span[] => [
		['dim', 'beside it: '],
		`${name} ${formatWatts(energy_uj === null ? Number.NaN : wattsOf(energy_uj, dt_ns))}`,
		[
			'dim',
			` busy ${formatShare(busy_ns === null ? Number.NaN : busy_ns / dt_ns)}, of no known process ${formatWatts(wattsOf(unattributed_uj, dt_ns))}  `,
		],
	]);
}

/** The parts of the machine, where a part beside the source is known. The parts of a measured whole add up to it. */
function machineLines({ machine, domains, dt_ns }: Snapshot<EnergyRow, EnergyExtra>): Span[][] {
	if (!machine) return [];
	const whole = machine.parts.some(({ from }) => from === 'difference');
	const nested = new Set(domains.filter(({ level }) => !INNER.has(level)).map(({ name }) => name));
	const shown = machine.parts.filter(({ counted, name }) => (whole ? !counted && !nested.has(name) : counted));
	const beside = machine.parts.some(({ from, processes_uj }) => from === 'coefficient' || processes_uj !== null);
	if (!whole && !beside) return [];
	const watts = (uj: number | null): string => formatWatts(uj === null ? Number.NaN : wattsOf(uj, dt_ns));
	const divided = machine.parts.reduce((sum, { processes_uj }) => sum + (processes_uj ?? 0), 0);
	return [
		[
			['dim', 'machine '],
			['strong', watts(machine.total_uj)],
			['dim', ' = '],
			...shown.flatMap(({ name, energy_uj, error_share }, index): Span[] => [
				['dim', index > 0 ? ' + ' : ''],
				`${name} ${watts(energy_uj)}`,
				['dim', error_share === null ? '' : ` ±${formatShare(error_share)}`],
			]),
			['dim', divided > 0 ? ` · ${watts(divided)} of disks and network in DEVICE` : ''],
		],
	];
}

/** What a second of a CPU costs, by class. */
function classLines({ classes = [] }: Snapshot<EnergyRow, EnergyExtra>): Span[][] {
	if (classes.length < 2) return [];
	const { from = 'mean', residual_share = null } = classes[0] ?? {};
	const how = { regression: 'by the counter', capacity: 'by cpu_capacity ±50%', mean: 'all weigh the same' }[from];
	return [
		[
			['dim', 'a CPU second: '],
			...classes.flatMap(({ name, second_uj, error_share }): Span[] => [
				`${name} ${formatMicroJoules(second_uj ?? Number.NaN)}`,
				['dim', error_share === null ? '  ' : ` ±${formatShare(error_share)}  `],
			]),
			['dim', residual_share === null ? how : `${how}, residual ${formatShare(residual_share)}`],
		],
	];
}

function billSpans({ kwh, kwh_per_day, price, price_per_day, co2_g, co2_g_per_day }: Bill): Span[] {
	return [
		['strong', `${amount(kwh * 1000)} Wh`],
		['dim', ` since start, ${amount(kwh_per_day)} kWh a day`],
		...(price === null
			? []
			: ([`  cost ${amount(price)}`, ['dim', `, ${amount(price_per_day ?? 0)} a day`]] as Span[])),
		...(co2_g === null
			? []
			: ([`  CO2 ${amount(co2_g)} g`, ['dim', `, ${amount(co2_g_per_day ?? 0)} g a day`]] as Span[])),
	];
}

function totalSpans(snapshot: Snapshot<EnergyRow, EnergyExtra>): Span[] {
	if (!snapshot.measured) {
		return [
			[
				'warn',
				snapshot.source.kind === 'time' ? 'CPU time only, no watts' : 'power unknown in this interval: a gap, not 0 W',
			],
		];
	}
	const parts = energyParts(snapshot);
	return [
		['strong', formatWatts(parts.measured)],
		['dim', ' = '],
		`processes ${formatWatts(parts.processes)}`,
		['dim', ' + '],
		`idle ${formatWatts(parts.idle)}`,
		['dim', ' + '],
		`irq ${formatWatts(parts.irq)}`,
		['dim', ' + '],
		`unattributed ${formatWatts(parts.unattributed)}`,
	];
}

/** Most important first. */
function summary(snapshot: Snapshot<EnergyRow, EnergyExtra>): Span[][] {
	const { kind, uncertainty, description, scope, weighting } = snapshot.source;
	const shared = weighting === undefined || kind === 'time' ? '' : ` · shared out by ${weighting}`;
	const lines: Span[][] = [
		totalSpans(snapshot),
		[
			['warn', `${kind}: ${uncertainty}`],
			[
				'dim',
				`${shared} · covers ${scope} · ${formatCount(snapshot.alive)} processes, ${formatCount(snapshot.ended)} ended`,
			],
		],
		...(snapshot.marked.length > 0 ? [[['warn', snapshot.marked.join(' · ')] as Span]] : []),
		// the reason why BPF is not used is more than a detail
		...(kind === 'proc' ? [[['dim', description] as Span]] : []),
		forecastSpans(snapshot.forecast),
		[['dim', 'idle: drawn even when nothing runs · irq: interrupts · unattributed: no process']],
		...(snapshot.bill ? [billSpans(snapshot.bill)] : []),
		...machineLines(snapshot),
		...classLines(snapshot),
		...(snapshot.gpus.length > 0 ? [gpuSpans(snapshot)] : []),
		...(snapshot.domains.length > 0 ? [domainSpans(snapshot)] : []),
		...(kind === 'proc' ? [] : [[['dim', description] as Span]]),
	];
	return lines;
}

function totalSeries(history: Props['history'], points: number): TimeSeries[] {
	const parts = history.slice(-points).map(energyParts);
	return [
		{ role: 'series1', name: 'total', values: parts.map(({ measured }) => measured) },
		{ role: 'series3', name: 'processes', values: parts.map(({ processes }) => processes) },
	];
}

/** A gap in intervals without the row. */
function rowSeries(
	{ history, rowKey }: Pick<Props, 'history' | 'rowKey'>,
	row: EnergyRow,
	points: number,
): TimeSeries[] {
	const key = rowKey(row);
	const values = history.slice(-points).map(({ rows, dt_ns }) => {
		const then = rows.find((one) => rowKey(one) === key);
		return then && !then.unmeasured ? wattsOf(then.energy_uj, dt_ns) : Number.NaN;
	});
	return [{ role: 'series1', name: nameOf(row), values }];
}

/** Rows beyond which the chart of the totals gains nothing. */
const highest = 20;

/** Of the row in its detail, else of the machine. */
function Watts({ tab, row, width, height }: Area & { tab: Props; row: EnergyRow | undefined }): ReactElement {
	const { history, rowKey, detail } = tab;
	const shown = detail ? row : undefined;
	const series = useMemo(
		() => (shown ? rowSeries({ history, rowKey }, shown, width) : totalSeries(history, width)),
		[history, rowKey, shown, width],
	);
	return (
		<TimeChart
			title="watts over time"
			series={series}
			format={formatWatts}
			history={history}
			width={width}
			height={shown ? height : Math.min(height, highest)}
		/>
	);
}

function content(props: Props): TabContent<EnergyRow> {
	return {
		title: 'Energy',
		head: summaryLines(summary(props.snapshot), props),
		empty: 'no process used CPU time in this interval',
		pane: { rows: 10, least: 8, draw: (area, row) => <Watts tab={props} row={row} {...area} /> },
	};
}

const views = ['power', 'rest'] as const;

export const energyTab: TabView<EnergyRow, EnergyExtra> = {
	content,
	nameOf,
	views,
	lists: { rest: restList } satisfies Partial<Record<(typeof views)[number], unknown>> as never,
	// what ends idle periods is counted only while it is displayed
	viewOptions: (view) => ({ rest: view === 'rest' }),
	help: [
		{
			title: 'View rest (key v)',
			entries: wakeColumns.map(({ title, help }) => [title, help] as const),
		},
	],
};
