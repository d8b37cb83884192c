/** The help: keys from the keymap, columns from the tracer, terms. */

import type { Column, Term } from '../../core/tracer.ts';
import { fitCells, textWidth, wrapText } from '../../lib/width.ts';
import { type Keymap, keysText, sections } from '../../options/keymap.ts';
import { paint } from '../../term/theme.ts';
import type { Area } from '../layout/split.ts';
import type { HelpSection, TabTracer } from '../tab.ts';
import { drawn } from '../widgets/lines.tsx';

/** A table of two columns: a name, and text that wraps. */
function entries(list: readonly (readonly [string, string])[], nameWidth: number, width: number): string[] {
	return list.flatMap(([name, words]) => {
		const text = wrapText(words, Math.max(10, width - nameWidth - 4));
		return text.map((line, index) => `  ${paint('accent', fitCells(index === 0 ? name : '', nameWidth))}  ${line}`);
	});
}

const notes = ['Sizes are in powers of 1024 (K = KiB), counts in powers of 1000; – means unknown.'];

/** Terms of the screen that need an explanation. */
const glossary: readonly (readonly [string, string])[] = [
	[
		'stale',
		'shown in place of the interval: age of the figures, when none arrived for three intervals; stopped: sampling has failed for good',
	],
	[
		'lost',
		'events that the kernel side dropped since start, by cause, and for other tabs by title; the figures do not include them',
	],
	[
		'own cost',
		'CPU time of the BPF programs of all tabs, and of wattlag itself, each as a share of one CPU (own: their sum); then its memory (RSS), and the kernel memory of BPF maps and programs, which RSS does not include. That of BPF is the number of runs × a price per run, measured for a second after the start and then every 1, 2, 4 … 30 min: ± is its spread, then the age of the prices; ≥ while the programs of a tab have run and none of them while prices were measured; ? where it is not measured (--own-cost off, isolated CPUs: measuring would interrupt every CPU)',
	],
	[
		'p50, p99',
		'half, and 99 of 100, were at most this long; from a histogram, with an error of at most 25 % (run queue of the whole machine and of CPUs: 6.25 %); counts, sums and maxima are exact',
	],
	['bars', 'a histogram: number of times by length; each bar stands for twice the time of the one above it'],
	[
		'heat map',
		'a histogram over time: a column per interval, the newest on the right, long times on top; ·░▒▓█ from few to many, by order of magnitude',
	],
	['Δ, ▲, ▼', 'change against the baseline (b): Δ for the sort column, arrows from 10 % on; new: not in the baseline'],
	[
		'┊',
		'on a time axis: an interval far longer than requested (the program was stopped, the machine slept); rates use its true length',
	],
	[
		'source',
		'at the top (energy: of the watts): how the figures are measured, and their uncertainty (± or exact; percentiles are less exact); details in this help',
	],
	['model', 'energy computed from CPU time, because no power counter could be read'],
	['filter', 'a term whose column this tab lacks is ignored and listed; a path includes all below it'],
];

function generalTerms(width: number): string[] {
	const nameWidth = Math.max(...glossary.map(([name]) => textWidth(name)));
	return [paint('strong', 'Terms'), ...entries(glossary, nameWidth, width), ''];
}

/** The groups in as many lines as they need. */
function groupLines(groups: readonly string[], width: number): string[] {
	const title = 'groups (t):';
	return wrapText(groups.join(', '), Math.max(10, width - title.length - 3)).map(
		(line, index) => `  ${index === 0 ? paint('dim', title) : ' '.repeat(title.length)} ${line}`,
	);
}

function sectionLines({ title, entries: list }: HelpSection, width: number): string[] {
	const nameWidth = Math.min(Math.floor(width / 3), Math.max(...list.map(([name]) => textWidth(name))));
	return [paint('strong', title), ...entries(list, nameWidth, width), ''];
}

/** The help of a tab, in lines of this width. */
export function helpLines(
	tracer: TabTracer<never>,
	columns: readonly Column<never>[],
	{ bindings }: Keymap,
	width: number,
	more: readonly HelpSection[] = [],
	terms: readonly Term[] = [],
): string[] {
	const bound = bindings.filter(({ keys }) => keys.length > 0);
	const keyWidth = Math.max(...bound.map((binding) => textWidth(keysText(binding))));
	const keys = sections.flatMap((section) => [
		paint('strong', section),
		...entries(
			bound
				.filter((binding) => binding.section === section)
				.map((binding) => [keysText(binding), binding.help] as const),
			keyWidth,
			width,
		),
		'',
	]);
	const titleWidth = Math.max(...columns.map((column) => textWidth(column.title)));
	return [
		paint('strong', `${tracer.title} – columns`),
		...wrapText(tracer.summary, width - 2).map((line) => `  ${line}`),
		...entries(
			columns.map((column) => [column.title, column.help] as const),
			titleWidth,
			width,
		),
		...(tracer.groups.length > 1 ? ['', ...groupLines(tracer.groups, width)] : []),
		'',
		...more.flatMap((section) => sectionLines(section, width)),
		...(terms.length > 0 ? sectionLines({ title: `${tracer.title} – terms`, entries: terms }, width) : []),
		...keys,
		...generalTerms(width),
		...notes.flatMap((note) => wrapText(note, width - 2).map((line) => paint('dim', `  ${line}`))),
	];
}

interface HelpProps extends Area {
	lines: readonly string[];
	offset: number;
}

export const Help = drawn(({ lines, offset, width, height }: HelpProps) => {
	const last = Math.min(lines.length, offset + height - 1);
	const title = fitCells(` Help   ${offset + 1}–${last} of ${lines.length}   j k PgDn: scroll   Esc: back`, width);
	return [paint('header', title), ...lines.slice(offset, last)];
});
