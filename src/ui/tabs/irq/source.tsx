/** One source of interrupts: time in the handler, CPUs, and lateness. */
import type { ReactElement } from 'react';
import { formatCount, formatNs, formatShare } from '../../../lib/format.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Role, Span } from '../../../term/theme.ts';
import type { IrqExtra, IrqRow } from '../../../tracers/irq/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabProps } from '../../tab.ts';
import { TitledHistogram } from '../../widgets/histogram.tsx';
import { widthOf } from '../../widgets/line.ts';

export const nameOf = (row: IrqRow) => safe`${row.name}`;

/** Lateness of a softirq, by zone. */
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

/** The CPUs with most of a line's interrupts, as many as fit; the others are counted. */
function cpuShares(cpus: IrqRow['cpus'], width: number): string {
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

/** Device, allowed and current CPUs of an interrupt line. */
function routeSpans({ device, affinity, effective_affinity, cpus }: IrqRow, width: number): Span[] {
	const head: Span[] = [
		...(device === null ? [] : ([['dim', 'device '], device, ['dim', '   ']] as Span[])),
		...(affinity === null
			? []
			: ([['dim', 'allowed cpus '], affinity, ['dim', ', now '], effective_affinity ?? '–', ['dim', '   ']] as Span[])),
	];
	const title = 'interrupts by CPU: ';
	return cpus.length === 0
		? head
		: [...head, ['dim', title], cpuShares(cpus, Math.max(20, width - widthOf(head) - title.length))];
}

type DurationsProps = Area & { row: IrqRow; tab: TabProps<IrqRow, IrqExtra> };

export function Durations({ row, tab: { snapshot, logarithmic }, width, height }: DurationsProps): ReactElement {
	const lines: Span[][] = [
		[['dim', 'time in the handler: '], nameOf(row)],
		routeSpans(row, width),
		latenessSpans(row, snapshot.late_zones_ns),
	];
	return (
		<TitledHistogram
			title={lines.filter((spans) => spans.length > 0).slice(0, Math.max(1, height - 4))}
			buckets={row.buckets}
			p99={row.p99_ns}
			logarithmic={logarithmic}
			width={width}
			height={height}
		/>
	);
}
