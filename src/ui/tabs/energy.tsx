/** Who uses the power: ranking of processes, and watts over time. */
import { type ReactElement, useMemo } from 'react';
import { energyParts, historyOf, wattsOf } from '../../derive.ts';
import type { EnergyExtra, EnergyForecastField, EnergyRow } from '../../energy/rows.ts';
import { formatCount, formatMicroJoules, formatShare, formatWatts } from '../../format.ts';
import { safe } from '../../sanitize.ts';
import type { Snapshot } from '../../snapshot.ts';
import { type Timeline, timelineOf } from '../../timeline.ts';
import type { TabProps, TabView } from '../tab.ts';
import type { Span } from '../theme.ts';
import { Panes } from '../widgets/panes.tsx';
import type { Area } from '../widgets/split.ts';
import { TimeChart } from '../widgets/time-chart.tsx';

type Props = TabProps<EnergyRow, EnergyExtra>;

const nameOf = (row: EnergyRow) => (row.pid > 0 ? safe`${row.comm}[${row.tid ?? row.pid}]` : row.comm);

/** Joules that are expected, and how far such expectations have been off. */
function forecastSpans({ seconds, learning, joules, error_share, naive_error_share }: EnergyForecastField): Span[] {
	const next = `next ${seconds} s: `;
	if (learning || joules === undefined) return [['dim', `${next}forecast still learning what this machine does`]];
	const was = formatShare(naive_error_share ?? Number.NaN);
	return [
		['dim', next],
		['strong', formatMicroJoules(joules * 1e6)],
		` ±${formatShare(error_share ?? Number.NaN)}`,
		['dim', ` by past forecasts; taking the last ${seconds} s instead: ±${was}`],
	];
}

/** The counters that were read; those outside of the total, which overlap with it, in brackets. */
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
			` busy ${formatShare(busy_ns === null ? Number.NaN : busy_ns / dt_ns)}, for no known process ${formatWatts(wattsOf(unattributed_uj, dt_ns))}  `,
		],
	]);
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

/** Most important first: what does not fit is left out from the end. */
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
		// says why BPF is not used, which is more than a detail
		...(kind === 'proc' ? [[['dim', description] as Span]] : []),
		forecastSpans(snapshot.forecast),
		[['dim', 'idle: drawn even when nothing runs · irq: interrupts · unattributed: nobody’s']],
		...(snapshot.gpus.length > 0 ? [gpuSpans(snapshot)] : []),
		...(snapshot.domains.length > 0 ? [domainSpans(snapshot)] : []),
		...(kind === 'proc' ? [] : [[['dim', description] as Span]]),
	];
	return lines;
}

function Watts({
	history,
	timeline,
	width,
	height,
}: Area & { history: Props['history']; timeline: Timeline }): ReactElement {
	const series = useMemo(() => {
		const parts = history.slice(-width).map(energyParts);
		const last = parts.at(-1);
		return [
			{
				role: 'series1' as const,
				name: 'total',
				values: parts.map((part) => part.measured),
				now: formatWatts(last?.measured ?? Number.NaN),
			},
			{
				role: 'series3' as const,
				name: 'processes',
				values: parts.map((part) => part.processes),
				now: formatWatts(last?.processes ?? Number.NaN),
			},
		];
	}, [history, width]);
	// Taller than this a curve is no clearer.
	return (
		<TimeChart
			title="watts over time"
			series={series}
			format={formatWatts}
			timeline={timeline}
			width={width}
			height={Math.min(height, 20)}
		/>
	);
}

function RowWatts({
	history,
	row,
	rowKey,
	timeline,
	width,
	height,
}: Area & Pick<Props, 'history' | 'rowKey'> & { row: EnergyRow; timeline: Timeline }): ReactElement {
	const series = useMemo(() => {
		const values = historyOf(
			history,
			rowKey(row),
			rowKey,
			(entry, snapshot) => (entry.unmeasured ? Number.NaN : wattsOf(entry.energy_uj, snapshot.dt_ns)),
			width,
		);
		return [{ role: 'series1' as const, name: nameOf(row), values, now: formatWatts(values.at(-1) ?? Number.NaN) }];
	}, [history, row, rowKey, width]);
	return (
		<TimeChart
			title="watts over time"
			series={series}
			format={formatWatts}
			timeline={timeline}
			width={width}
			height={height}
		/>
	);
}

function View(props: Props): ReactElement {
	const { snapshot, history, rows, selected, rowKey, detail } = props;
	const timeline = useMemo(() => timelineOf(history), [history]);
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Energy"
			name={row ? nameOf(row) : ''}
			summary={summary(snapshot)}
			empty="no process used CPU time in this interval"
			paneRows={10}
			paneLeast={8}
			pane={(area) =>
				row && detail ? (
					<RowWatts history={history} row={row} rowKey={rowKey} timeline={timeline} {...area} />
				) : (
					<Watts history={history} timeline={timeline} {...area} />
				)
			}
		/>
	);
}

export const energyTab: TabView<EnergyRow, EnergyExtra> = { View, nameOf };
