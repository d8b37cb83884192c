/** What the benchmarks find, and how it is written. */
import { median, pairedRatios, ratioOf } from './statistics.ts';

/** One figure of one contender, a value for each of its turns. */
export interface Figure {
	/** What was measured: `context switch`, `fio randread libaio direct`. */
	what: string;
	/** Who: `empty program`, `wattlag io`, `biolatency -Q`. */
	contender: string;
	unit: string;
	/** Empty: the contender has nothing there (no hook), which `note` says. */
	values: number[];
	/** What the baseline had in the same turns, where it has turns of its own with each; else its values are compared. */
	base?: number[];
	note?: string;
}

export interface SectionResult {
	id: string;
	title: string;
	/** How it was measured. */
	notes: string[];
	/** The contender that all others are compared with; none: no ratios. */
	baseline?: string;
	figures: Figure[];
}

/** By round: what drifts meanwhile is in both. */
export function ratiosTo(figure: Figure, base: Figure): number[] {
	return pairedRatios(figure.values, figure.base ?? base.values);
}

export function find(figures: readonly Figure[], what: string, contender: string): Figure | undefined {
	return figures.find((figure) => figure.what === what && figure.contender === contender);
}

/** Three digits, thousands apart. */
export function number(value: number): string {
	if (!Number.isFinite(value)) return '–';
	if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-GB');
	return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}

export function markdownTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
	const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
	return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function figureRow(figure: Figure, { baseline, figures }: SectionResult): string[] {
	const { what, contender, unit, values, note = '' } = figure;
	if (values.length === 0) return [what, contender, '–', '', '', note];
	const base = baseline === undefined ? undefined : find(figures, what, baseline);
	const cells = [
		what,
		contender,
		`${number(median(values))} ${unit}`,
		`${number(Math.min(...values))}–${number(Math.max(...values))}`,
	];
	if (!base || base === figure || base.values.every((value) => value === 0)) return [...cells, '', note];
	const ratio = ratioOf(ratiosTo(figure, base));
	const says = ratio.noise ? 'no difference beyond noise' : '';
	return [
		...cells,
		`${ratio.median.toFixed(3)} (${ratio.interval.map((end) => end.toFixed(3)).join('–')})`,
		[says, note].filter(Boolean).join('; '),
	];
}

/** A section as Markdown: heading, how it was measured, its figures as one table. */
export function sectionText(result: SectionResult): string {
	const { title, notes, baseline, figures } = result;
	const columns = ['what', 'contender', 'median', 'min–max', baseline ? `× ${baseline} (90 %)` : '', 'remark'];
	const rows = figures.map((figure) => figureRow(figure, result));
	return [`### ${title}`, ...notes.map((note) => `\n${note}`), '', markdownTable(columns, rows), ''].join('\n');
}
