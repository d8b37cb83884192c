/** Compared figures as the columns of a tab, for filters, `--fail-if` and the screen. */
import type { Column, Description } from '../../core/tracer.ts';
import { formatAmount } from '../../lib/format-change.ts';
import { safe } from '../../lib/sanitize.ts';
import type { CompareRow } from '../../recording/compare/row.ts';

export type ChangeTracer = Pick<
	Description<CompareRow>,
	'id' | 'title' | 'summary' | 'columns' | 'defaultSort' | 'groups' | 'rowKey' | 'terms' | 'options'
>;

/** NaN: not known, which sorts last and matches no limit. */
const change = (ratio: number | null): number => (ratio === null ? Number.NaN : ratio - 1);

/** Size of a change that is sure; less for what is not, so that a sort has the sure ones first. */
function weight({ verdict, ratio, a, b }: CompareRow): number {
	if (verdict === 'more' || verdict === 'less') return 10 + Math.abs(Math.log(ratio ?? 1));
	if (verdict === 'only A' || verdict === 'only B') return 5 + Math.min(1, a ?? b ?? 0);
	return Math.min(4, Math.abs(Math.log(ratio ?? 1)));
}

const columns: readonly Column<CompareRow>[] = [
	{
		key: 'kind',
		title: 'KIND',
		kind: 'text',
		width: 9,
		priority: 6,
		help: 'machine, process, device or interrupt',
		value: ({ kind }) => safe`${kind as never}`,
	},
	{
		key: 'name',
		title: 'NAME',
		aliases: ['comm', 'device'],
		kind: 'text',
		width: 16,
		label: true,
		priority: 0,
		help: 'name of the process, device and operation, or interrupt; processes of one name and control group are one',
		value: ({ name }) => name,
	},
	{
		key: 'figure',
		title: 'FIGURE',
		kind: 'text',
		width: 8,
		priority: 0,
		help: 'what is compared: power, cpu, wait, io, bytes, irqs per second; p50 and p99 from merged distributions',
		value: ({ figure }) => safe`${figure as never}`,
	},
	{
		key: 'a',
		title: 'A',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'the figure in the first recording; –: nothing was recorded',
		value: ({ a, measure }) => formatAmount(a, measure),
	},
	{
		key: 'b',
		title: 'B',
		kind: 'text',
		width: 8,
		priority: 1,
		help: 'the figure in the second recording',
		value: ({ b, measure }) => formatAmount(b, measure),
	},
	{
		key: 'change',
		title: 'Δ',
		kind: 'share',
		width: 7,
		priority: 0,
		help: 'B against A: +20 % is a fifth more',
		value: ({ ratio }) => change(ratio),
	},
	{
		key: 'low',
		title: 'LOW',
		kind: 'share',
		width: 7,
		priority: 3,
		help: 'lower end of the 95 % interval of Δ (block bootstrap)',
		value: ({ low }) => change(low),
	},
	{
		key: 'high',
		title: 'HIGH',
		kind: 'share',
		width: 7,
		priority: 3,
		help: 'upper end of the 95 % interval of Δ',
		value: ({ high }) => change(high),
	},
	{
		key: 'verdict',
		title: 'VERDICT',
		kind: 'text',
		width: 13,
		priority: 0,
		help: 'more or less: the interval excludes no change, Δ is over 5 %, and at most one in twenty of these is chance',
		value: ({ verdict }) => safe`${verdict as never}`,
	},
	{
		key: 'weight',
		title: 'WEIGHT',
		kind: 'rate',
		width: 6,
		priority: 9,
		help: 'order of the rows: sure changes first, the largest at the top; then what one side only has',
		value: weight,
	},
	{
		key: 'unit',
		title: 'UNIT',
		aliases: ['cgroup'],
		kind: 'text',
		width: 12,
		grow: true,
		priority: 4,
		help: 'control group of the process',
		value: ({ unit }) => unit,
	},
];

export const changeTab: ChangeTracer = {
	id: 'compare',
	title: 'Compare',
	summary: 'two recordings, figure by figure: B against A, with 95 % intervals',
	columns,
	defaultSort: 'weight',
	groups: ['figure'],
	options: [],
	rowKey: ({ kind, name, unit, figure }) => `${kind} ${name} ${unit} ${figure}`,
	terms: async () => [
		[
			'block bootstrap',
			'each recording is cut into blocks; blocks are drawn at random many times, and the spread of the result is the uncertainty',
		],
		['no difference', 'the interval contains no change, or the change is below 5 %'],
		['unclear', 'the interval contains both no change and a large one: record for longer'],
	],
};
