/** A comparison of recordings for people and for programs. */
import { counted, formatDuration } from '../../lib/format.ts';
import { formatAmount, formatRatio } from '../../lib/format-change.ts';
import { fitCells } from '../../lib/width.ts';
import type { ComparedSide, RecordingComparison } from '../../recording/compare/compare.ts';
import { differentWorkText } from '../../recording/compare/different-work.ts';
import type { CompareRow } from '../../recording/compare/row.ts';

/** Rows of the table, where the user does not limit them. */
const ROWS = 40;

/** One object, one line. */
export function recordingsJson(comparison: RecordingComparison): string {
	return `${JSON.stringify(comparison)}\n`;
}

export function sideLine(name: string, side: ComparedSide): string {
	const { path, host, from, seconds, intervals, step, power } = side;
	const source = power === null ? '' : `, power ${power}`;
	return `${name}: ${path}: ${host}, ${from}, ${formatDuration(seconds)}, ${counted(intervals, 'interval')} of ${step} s${source}`;
}

/** The result in a sentence. */
export function summaryLine({ rows, figures, left_out }: RecordingComparison): string {
	const count = (verdict: CompareRow['verdict']) => rows.filter((row) => row.verdict === verdict).length;
	const [more, less] = [count('more'), count('less')];
	const changed = more + less === 0 ? 'no difference' : `${more} more, ${less} less`;
	return `${changed}; ${figures} figures compared, ${count('unclear')} unclear, ${count('only A')} only in A, ${count('only B')} only in B, ${left_out} too small`;
}

const right = (text: string, width: number) => fitCells(text, width, 'right');

function line({ kind, name, unit, figure, measure, a, b, ratio, low, high, verdict }: CompareRow): string {
	const interval = ratio === null ? '' : `${formatRatio(low)} … ${formatRatio(high)}`;
	return [
		fitCells(kind, 9, 'left'),
		fitCells(name, 18, 'left'),
		fitCells(figure, 8, 'left'),
		right(formatAmount(a, measure), 9),
		right(formatAmount(b, measure), 9),
		right(formatRatio(ratio), 7),
		right(interval, 18),
		` ${fitCells(verdict, 13, 'left')}`,
		unit,
	]
		.join(' ')
		.trimEnd();
}

/** @param matching rows before the limit @param summary of all rows, those that are filtered out too */
export function recordingsTable(comparison: RecordingComparison, matching: number, summary: string): string {
	const { a, b, rows, not_comparable, different_work } = comparison;
	const shown = rows.slice(0, ROWS);
	const head = `${fitCells('KIND', 9, 'left')} ${fitCells('NAME', 18, 'left')} ${fitCells('FIGURE', 8, 'left')} ${right('A', 9)} ${right('B', 9)} ${right('Δ', 7)} ${right('95 %', 18)}  ${fitCells('VERDICT', 13, 'left')} UNIT`;
	return [
		sideLine('A', a),
		sideLine('B', b),
		summary,
		...not_comparable.map(({ what, reason }) => `  not comparable: ${what}: ${reason}`),
		...(different_work
			? [
					`  other work differs: ${differentWorkText(different_work)}`,
					'    waits, pressure and figures of the machine may follow from it; --filter names what is meant to differ',
				]
			: []),
		'',
		head,
		...shown.map(line),
		...(matching > shown.length ? [`… ${matching - shown.length} more rows (--limit, --filter, --json)`] : []),
		'',
	].join('\n');
}
