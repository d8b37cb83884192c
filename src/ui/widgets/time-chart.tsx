/** A titled chart over time. The drawing code is loaded on first use, after the first frame. */
import { type ReactElement, useContext, useEffect, useMemo, useState } from 'react';
import { type Timed, timelineOf } from '../../history/timeline.ts';
import type { Span } from '../../term/theme.ts';
import type { ChartOptions, Series } from './chart.ts';
import { eventMarks } from './event-marks.ts';
import { EventsContext } from './events-context.ts';
import { lineOf } from './line.ts';
import { Lines } from './lines.tsx';
import { gapSpans } from './marks.ts';

export interface TimeSeries extends Series {
	name: string;
}

export interface TimeChartProps extends Omit<ChartOptions, 'series' | 'timeline' | 'marks'> {
	title: string;
	series: readonly TimeSeries[];
	/** The snapshots of the values; older ones may precede them. */
	history: readonly Timed[];
}

type Draw = (options: ChartOptions) => string[];
let loaded: Draw | undefined;

/** The drawing code; undefined until it has been loaded. It is loaded once `wanted`. */
export function useDraw(wanted = true): Draw | undefined {
	const [draw, setDraw] = useState<{ draw: Draw } | undefined>(loaded && { draw: loaded });
	useEffect(() => {
		if (draw || !wanted) return;
		let mounted = true;
		import('./chart.ts').then(
			(module) => {
				loaded = module.chartLines;
				if (mounted) setDraw({ draw: module.chartLines });
			},
			// Without the chart a tab still has its table.
			() => {},
		);
		return () => {
			mounted = false;
		};
	}, [draw, wanted]);
	return draw?.draw;
}

export function TimeChart({ title, series, width, height, format, history }: TimeChartProps): ReactElement {
	const timeline = useMemo(() => timelineOf(history), [history]);
	const draw = useDraw();
	const events = useContext(EventsContext);
	const lines = useMemo(() => {
		const legend = series.flatMap(({ role, name, values }): Span[] => {
			const now = format(values.at(-1) ?? Number.NaN);
			return ['   ', [role, '● '], `${name} `, ['strong', now]];
		});
		const head = lineOf(width, [['dim', title], ...legend, ...gapSpans(timeline, width)]);
		const marks = eventMarks(history, events);
		return [head, ...(draw?.({ series, width, height: height - 1, format, timeline, marks }) ?? [])];
	}, [draw, title, series, width, height, format, timeline, history, events]);
	return <Lines lines={lines} width={width} height={height} />;
}
