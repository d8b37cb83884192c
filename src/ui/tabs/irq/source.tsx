/** One source of interrupts: how long its handler takes, where it runs, and how late it begins. */
import type { ReactElement } from 'react';
import { formatCount, formatNs } from '../../../format.ts';
import type { IrqExtra, IrqRow } from '../../../irq/rows.ts';
import { safe } from '../../../sanitize.ts';
import type { TabProps } from '../../tab.ts';
import type { Role, Span } from '../../theme.ts';
import { TitledHistogram } from '../../widgets/histogram.tsx';
import type { Area } from '../../widgets/split.ts';

export const nameOf = (row: IrqRow) => safe`${row.name}`;

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

/** Where an interrupt line goes and may go. */
function placeSpans({ device, affinity, effective_affinity, cpus }: IrqRow): Span[] {
	const total = cpus.reduce((sum, { count }) => sum + count, 0);
	const shares = cpus.slice(0, 8).map(({ cpu, count }) => `cpu${cpu} ${Math.round((count / total) * 100)}%`);
	return [
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
		...(shares.length === 0 ? [] : ([['dim', 'interrupts by CPU: '], shares.join('  ')] as Span[])),
	];
}

type DurationsProps = Area & { row: IrqRow; tab: TabProps<IrqRow, IrqExtra> };

export function Durations({ row, tab: { snapshot, logarithmic }, width, height }: DurationsProps): ReactElement {
	const lines: Span[][] = [
		[['dim', 'time in the handler: '], nameOf(row)],
		placeSpans(row),
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
