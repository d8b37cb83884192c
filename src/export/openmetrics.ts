/**
 * OpenMetrics 1.0, which the library for the text format does not write: the begin of each counter (`_created`) is in it,
 * so that a restart of wattlag is seen as one even where no counter fell.
 */
import type { Instrument } from './instruments.ts';
import type { Family, Labels, Series } from './series.ts';

export const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

function escaped(text: string): string {
	return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function labelled(name: string, labels: Labels): string {
	const list = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
	return list.length === 0 ? name : `${name}{${list.join(',')}}`;
}

/** Upper bound in seconds as text: the same in every format and every scrape, since it is a label. */
export function boundText(bound_ns: number | undefined): string {
	return bound_ns === undefined ? '+Inf' : String(bound_ns / 1e9);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

/** The samples of one series, a line each. */
export function seriesLines({ kind, name, bounds_ns = [] }: Instrument, series: Series): string[] {
	const { labels, value, histogram, created } = series;
	if (kind === 'gauge') return [`${labelled(name, labels)} ${value}`];
	const begun = `${labelled(`${name}_created`, labels)} ${seconds(created)}`;
	if (kind === 'counter') return [`${labelled(`${name}_total`, labels)} ${value}`, begun];
	let below = 0;
	const buckets = Array.from(histogram?.counts ?? [], (count, index) => {
		below += count;
		return `${labelled(`${name}_bucket`, { ...labels, le: boundText(bounds_ns[index]) })} ${below}`;
	});
	return [
		...buckets,
		`${labelled(`${name}_count`, labels)} ${histogram?.count ?? 0}`,
		`${labelled(`${name}_sum`, labels)} ${histogram?.sum ?? 0}`,
		begun,
	];
}

/** The header of a family. `_info` is a type of its own in this format, with a name without it. */
export function headLines({ kind, name, unit, help }: Instrument): string[] {
	const info = name.endsWith('_info');
	const family = info ? name.slice(0, -'_info'.length) : name;
	return [
		`# TYPE ${family} ${info ? 'info' : kind}`,
		...(unit === 'none' ? [] : [`# UNIT ${family} ${unit}`]),
		`# HELP ${family} ${escaped(help)}`,
	];
}

export function openMetrics(families: Iterable<Family>): string {
	const lines: string[] = [];
	for (const { instrument, series } of families) {
		lines.push(...headLines(instrument));
		for (const one of series) lines.push(...seriesLines(instrument, one));
	}
	lines.push('# EOF', '');
	return lines.join('\n');
}
