/** Two recordings, figure by figure: `wattlag compare A B --screen`. */
import { formatDuration } from '../../lib/format.ts';
import { formatAmount, formatRatio } from '../../lib/format-change.ts';
import { safe } from '../../lib/sanitize.ts';
import type { ComparedSide, RecordingComparison } from '../../recording/compare/compare.ts';
import { differentWorkText } from '../../recording/compare/different-work.ts';
import type { CompareRow } from '../../recording/compare/row.ts';
import type { Span } from '../../term/theme.ts';
import type { HelpSection, TabContent, TabProps, TabView } from '../tab.ts';
import { summaryLines } from '../widgets/panes.tsx';

type Extra = Omit<RecordingComparison, 'rows'>;
type Props = TabProps<CompareRow, Extra>;

function sideSpans(name: string, { path, seconds, intervals, step, host }: ComparedSide): Span[] {
	return [
		['strong', ` ${name} `],
		path,
		['dim', `  ${host}, ${formatDuration(seconds)}, ${intervals} intervals of ${step} s`],
	];
}

function resultSpans({ snapshot }: Props): Span[] {
	const count = (verdict: CompareRow['verdict']) => snapshot.rows.filter((row) => row.verdict === verdict).length;
	const [more, less] = [count('more'), count('less')];
	const result: Span = more + less === 0 ? ['good', 'no difference'] : ['warn', `${more} figures more, ${less} less`];
	return [' ', result, ['dim', ` of ${snapshot.figures} compared; ${snapshot.left_out} too small`]];
}

/** The selected figure in a sentence. */
function rowSpans(row: CompareRow | undefined): Span[] {
	if (!row) return [];
	const { name, figure, a, b, measure, ratio, low, high, verdict, blocks_a, blocks_b } = row;
	return [
		' ',
		['accent', `${name} ${figure}: `],
		`${formatAmount(a, measure)} → ${formatAmount(b, measure)}, ${formatRatio(ratio)} `,
		['dim', `(95 %: ${formatRatio(low)} to ${formatRatio(high)}, ${blocks_a} and ${blocks_b} blocks) `],
		['strong', verdict],
	];
}

function content(props: Props): TabContent<CompareRow> {
	const { snapshot, rows, selected } = props;
	const { a, b, not_comparable, different_work } = snapshot;
	const chosen = rows[selected];
	return {
		title: 'Compare',
		head: summaryLines(
			[
				resultSpans(props),
				...(chosen ? [rowSpans(chosen)] : []),
				sideSpans('A', a),
				sideSpans('B', b),
				...(different_work ? [[['warn', ' work differs: '], differentWorkText(different_work)] satisfies Span[]] : []),
				...not_comparable.map(({ what, reason }): Span[] => [['warn', ` not comparable: ${what}: `], reason]),
			],
			props,
		),
		empty: 'nothing on either side is large enough to be compared',
	};
}

const help: readonly HelpSection[] = [
	{
		title: 'Verdicts',
		entries: [
			['more, less', 'the interval, widened for the number of figures, excludes no change, and Δ is over 5 %'],
			['no difference', 'the interval contains no change, or Δ is below 5 %'],
			['unclear', 'the interval contains both no change and a large one: record for longer'],
			['too short', 'fewer than five blocks on a side'],
			['only A, only B', 'the other recording has nothing of this name'],
			[
				'work differs',
				'sure changes of CPU time are over 5 % of it: waits, pressure and figures of the machine may follow',
			],
		],
	},
];

export const compareTab: TabView<CompareRow, Extra> = {
	content,
	nameOf: ({ name, figure }) => safe`${name} ${figure as never}`,
	help,
};
