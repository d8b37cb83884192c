/** Who uses the power: ranking of processes, and watts over time. */
import { type ReactElement, useMemo } from 'react';
import { energyParts, historyOf, secondsOf, wattsOf } from '../../derive.ts';
import { formatCount, formatWatts } from '../../format.ts';
import { safe } from '../../sanitize.ts';
import type { Snapshot } from '../../snapshot.ts';
import type { EnergyExtra, EnergyRow } from '../../tracers/energy.ts';
import { Panes } from '../panes.tsx';
import type { Area } from '../split.ts';
import type { TabProps, TabView } from '../tab.ts';
import type { Span } from '../theme.ts';
import { TimeChart } from '../time-chart.tsx';

type Props = TabProps<EnergyRow, EnergyExtra>;

const nameOf = (row: EnergyRow) => safe`${row.comm}[${row.pid}]`;

function summary(snapshot: Snapshot<EnergyRow, EnergyExtra>): Span[][] {
	const parts = energyParts(snapshot);
	const { kind, uncertainty, description } = snapshot.source;
	return [
		[
			['strong', formatWatts(parts.measured)],
			['dim', ' = '],
			`processes ${formatWatts(parts.processes)}`,
			['dim', ' + '],
			`idle ${formatWatts(parts.idle)}`,
			['dim', ' + '],
			`irq ${formatWatts(parts.irq)}`,
			['dim', ' + '],
			`unattributed ${formatWatts(parts.unattributed)}`,
		],
		[
			['warn', `${kind} ${uncertainty}`],
			['dim', `: ${description} · ${formatCount(snapshot.alive)} processes, ${formatCount(snapshot.ended)} ended`],
		],
	];
}

function Watts({
	history,
	seconds,
	width,
	height,
}: Area & { history: Props['history']; seconds: number }): ReactElement {
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
			seconds={seconds}
			width={width}
			height={Math.min(height, 20)}
		/>
	);
}

function ProcessWatts({
	history,
	row,
	rowKey,
	seconds,
	width,
	height,
}: Area & Pick<Props, 'history' | 'rowKey'> & { row: EnergyRow; seconds: number }): ReactElement {
	const series = useMemo(() => {
		const values = historyOf(
			history,
			rowKey(row),
			rowKey,
			(entry, snapshot) => wattsOf(entry.energy_uj, snapshot.dt_ns),
			width,
		);
		return [{ role: 'series1' as const, name: nameOf(row), values, now: formatWatts(values.at(-1) ?? Number.NaN) }];
	}, [history, row, rowKey, width]);
	return (
		<TimeChart
			title="watts over time"
			series={series}
			format={formatWatts}
			seconds={seconds}
			width={width}
			height={height}
		/>
	);
}

function View(props: Props): ReactElement {
	const { snapshot, history, rows, selected, rowKey, detail } = props;
	const seconds = secondsOf(snapshot);
	const row = rows[selected];
	return (
		<Panes
			tab={props}
			title="Energy"
			name={row ? nameOf(row) : ''}
			summary={summary(snapshot)}
			empty="no process used CPU time in this interval"
			paneRows={7}
			paneLeast={5}
			pane={(area) =>
				row && detail ? (
					<ProcessWatts history={history} row={row} rowKey={rowKey} seconds={seconds} {...area} />
				) : (
					<Watts history={history} seconds={seconds} {...area} />
				)
			}
		/>
	);
}

export const energyTab: TabView<EnergyRow, EnergyExtra> = { View, nameOf };
