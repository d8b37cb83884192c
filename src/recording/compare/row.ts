/** A compared figure. */
import type { SafeText } from '../../lib/sanitize.ts';
import type { FigureSpec, Kind } from './figures.ts';

export type Verdict = 'more' | 'less' | 'no difference' | 'unclear' | 'only A' | 'only B' | 'too short';

export interface CompareRow {
	kind: Kind;
	name: SafeText;
	/** Control group. */
	unit: SafeText;
	figure: string;
	/** See {@link FigureSpec.unit}. */
	measure: FigureSpec['unit'];
	/** null: that side has nothing. */
	a: number | null;
	b: number | null;
	/** B to A, with its 95 % interval; null: a side has nothing or is 0. */
	ratio: number | null;
	low: number | null;
	high: number | null;
	verdict: Verdict;
	blocks_a: number;
	blocks_b: number;
}
