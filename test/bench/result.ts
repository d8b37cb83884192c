/** What a section of the benchmarks gives: a table of figures with their units in the column names. */
export interface Result {
	title: string;
	/** How it was measured, in a sentence or two. */
	notes: string[];
	columns: string[];
	rows: (string | number)[][];
}

export function median(values: readonly number[]): number {
	return percentile(values, 0.5);
}

/** Nearest rank; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** As Markdown. */
export function resultText({ title, notes, columns, rows }: Result): string {
	const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
	return [`## ${title}`, ...notes, '', line(columns), line(columns.map(() => '---')), ...rows.map(line), ''].join('\n');
}
