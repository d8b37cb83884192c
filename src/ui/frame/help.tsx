/** Keys from the keymap, columns from the tracer. */

import type { Column } from '../../core/tracer.ts';
import { fitCells, textWidth, wrapText } from '../../lib/width.ts';
import { type Keymap, keysText, sections } from '../../options/keymap.ts';
import { paint } from '../../term/theme.ts';
import type { HelpSection, TabTracer } from '../tab.ts';
import { drawn } from '../widgets/lines.tsx';
import type { Area } from '../widgets/split.ts';

/** A table of two columns: a name, and words that wrap. */
function entries(list: readonly (readonly [string, string])[], nameWidth: number, width: number): string[] {
	return list.flatMap(([name, words]) => {
		const text = wrapText(words, Math.max(10, width - nameWidth - 4));
		return text.map((line, index) => `  ${paint('accent', fitCells(index === 0 ? name : '', nameWidth))}  ${line}`);
	});
}

const notes = ['Sizes are in powers of 1024 (K = KiB), counts in powers of 1000; – means not known.'];

/** What the screen says in one word and a newcomer may not know. */
const glossary: readonly (readonly [string, string])[] = [
	[
		'stale',
		'in the place of the interval: how old the figures are, when no new ones came for three intervals; stopped: sampling has failed for good',
	],
	[
		'lost',
		'events that the kernel side had to drop since start, by cause, and of other tabs by their name; figures miss them',
	],
	[
		'own cost',
		'time in the BPF programs of all tabs and of the program itself, each as a share of one CPU (own: both together); then its memory (RSS), and what the kernel holds for the maps and programs of BPF, which is not in it',
	],
	[
		'p50, p99',
		'half, and 99 of 100, were at most this long; read from a histogram, hence off by at most 25 % (run queue of the whole machine and of CPUs: 6.25 %); counts, sums and maxima are not',
	],
	['bars', 'a histogram: how many times were so long, each bar standing for twice the time of the one above it'],
	[
		'heat map',
		'the same over time: a column per interval, the newest on the right, long times on top; ·░▒▓█ from few to many, by order of magnitude',
	],
	['Δ, ▲, ▼', 'change against the baseline (b): Δ of the sorted column, arrows from 10 % on; new: it was not there'],
	[
		'┊',
		'on a time axis: an interval far longer than asked (the program was stopped, the machine slept); rates are over its true length',
	],
	[
		'source',
		'on top (energy: of the watts): what the figures are measured by, and how far they are right (± or exact; percentiles less so); all about it in this help',
	],
	['model', 'energy computed from CPU time, because no power counter could be read'],
	['filter', 'a term whose column this tab lacks is ignored here and named; a path means it and all below it'],
];

function terms(width: number): string[] {
	const nameWidth = Math.max(...glossary.map(([name]) => textWidth(name)));
	return [paint('strong', 'Terms'), ...entries(glossary, nameWidth, width), ''];
}

function sectionLines({ title, entries: list }: HelpSection, width: number): string[] {
	const nameWidth = Math.min(Math.floor(width / 3), Math.max(...list.map(([name]) => textWidth(name))));
	return [paint('strong', title), ...entries(list, nameWidth, width), ''];
}

/** The whole help for a tab and those of its columns that mean something, at this width. */
export function helpLines(
	tracer: TabTracer<never, object>,
	columns: readonly Column<never>[],
	{ bindings }: Keymap,
	width: number,
	more: readonly HelpSection[] = [],
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
		...(tracer.groups.length > 1 ? ['', `  ${paint('dim', 'groups (t):')} ${tracer.groups.join(', ')}`] : []),
		'',
		...more.flatMap((section) => sectionLines(section, width)),
		...(tracer.terms ? sectionLines({ title: `${tracer.title} – terms`, entries: tracer.terms }, width) : []),
		...keys,
		...terms(width),
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
