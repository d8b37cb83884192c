/** Latencies as horizontal bars, one row per power of two of ns, µs or ms, as the bcc tools draw them. */
import { Box } from 'ink';
import type { ReactElement } from 'react';
import { formatCount, formatNs } from '../../lib/format.ts';
import { type Band, type Buckets, boundsOf, log2Slot } from '../../lib/histogram.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { fitCells } from '../../lib/width.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { Area } from '../layout/split.ts';
import { drawn, SpanLines } from './lines.tsx';
import { bar, timeRole } from './marks.ts';

export interface HistogramProps extends Area {
	buckets: Buckets;
	p50?: Ns | undefined;
	p99?: Ns | undefined;
	logarithmic: boolean;
	/** Rows are powers of two of this, ns. */
	unit?: Ns;
	/** Marked bar. */
	band?: Band | null;
}

export interface HistogramSlot {
	/** Inclusive, ns. */
	from: Ns;
	/** Exclusive, ns; the last of 26 is open. */
	to: Ns;
	count: Count;
}

/** Buckets folded into powers of two of `unit`, empty slots included; wider slots where those exceed `rows`. */
export function foldBuckets(buckets: Buckets, rows: number, unit: Ns = 1): HistogramSlot[] {
	const exponents = new Map<number, number>();
	for (const [upper, count] of buckets) {
		if (!(upper > 0) || !(count > 0)) continue;
		const exponent = log2Slot(upper, unit);
		exponents.set(exponent, (exponents.get(exponent) ?? 0) + count);
	}
	if (exponents.size === 0 || rows < 1) return [];
	const low = Math.min(...exponents.keys());
	const high = Math.max(...exponents.keys());
	const step = Math.ceil((high - low + 1) / rows);
	const slots: HistogramSlot[] = [];
	for (let start = low; start <= high; start += step) {
		let count = 0;
		for (let exponent = start; exponent < start + step; exponent++) count += exponents.get(exponent) ?? 0;
		const { from } = boundsOf({ unit, slot: start });
		const { to } = boundsOf({ unit, slot: start + step - 1 });
		slots.push({ from, to, count });
	}
	return slots;
}

function labelOf({ from, to }: HistogramSlot, wide: boolean): string {
	const open = to === Number.POSITIVE_INFINITY;
	if (!wide) return fitCells(open ? `≥${formatNs(from)}` : `≤${formatNs(to)}`, 7, 'right');
	return `${fitCells(formatNs(from), 7, 'right')} – ${fitCells(open ? '' : formatNs(to), 7, 'right')}`;
}

/** A time in the band. */
function middleOf(band: Band): Ns {
	const { from, to } = boundsOf(band);
	return from > 0 ? from * 1.25 : to / 2;
}

export function histogramLines({
	buckets,
	p50,
	p99,
	logarithmic,
	unit = 1,
	band = null,
	width,
	height,
}: HistogramProps): string[] {
	const slots = foldBuckets(buckets, height, unit);
	if (slots.length === 0) return [paint('dim', '  nothing in this interval')];
	const total = slots.reduce((sum, slot) => sum + slot.count, 0);
	const highest = Math.max(...slots.map((slot) => slot.count));
	const length = (count: number) => (logarithmic ? Math.log1p(count) / Math.log1p(highest) : count / highest);
	const wide = width >= 60;
	const labelWidth = wide ? 17 : 7;
	const tailWidth = wide ? 22 : 6;
	const barWidth = Math.max(0, width - labelWidth - tailWidth - 2);
	const inSlot = (slot: HistogramSlot, ns: Ns | undefined) =>
		ns !== undefined && ns > 0 && ns > slot.from && ns <= slot.to;
	const marked = band && middleOf(band);
	return slots.map((slot) => {
		const label = labelOf(slot, wide);
		const filled = bar(length(slot.count), barWidth);
		const blank = ' '.repeat(barWidth - filled.length);
		const count = fitCells(formatCount(slot.count, 6), wide ? 7 : 6, 'right');
		const share = fitCells(total > 0 ? `${((slot.count / total) * 100).toFixed(1)}%` : '', 7, 'right');
		const marks = [inSlot(slot, p50) ? 'p50' : '', inSlot(slot, p99) ? 'p99' : ''].filter(Boolean).join(' ');
		const chosen = marked !== null && slot.from <= marked && marked < slot.to;
		const line = `${paint(chosen ? 'selected' : 'dim', `${label} `)}${paint('dim', '│')}${paint(timeRole(slot.from), filled)}${blank}`;
		if (!wide) return line + count;
		return (
			line +
			(slot.count === 0 ? paint('dim', count + share) : count + share) +
			(marks ? ` ${paint('accent', marks)}` : '')
		);
	});
}

export const Histogram = drawn(histogramLines);

/** Bars under lines of a title. */
export function TitledHistogram({
	title,
	height,
	...bars
}: HistogramProps & { title: readonly (readonly Span[])[] }): ReactElement {
	return (
		<Box flexDirection="column">
			<SpanLines lines={title} width={bars.width} height={title.length} />
			<Histogram {...bars} height={height - title.length} />
		</Box>
	);
}
