/** A cell per CPU, or per group of neighbours where there are more CPUs than cells: it shows the highest of them. */

/** Number of neighbours that share a cell. */
export function cpusPerCell(cpus: number, cells: number): number {
	return Math.max(1, Math.ceil(cpus / Math.max(1, cells)));
}

/** The highest value of each cell. */
export function foldCpus(values: readonly number[], perCell: number): number[] {
	return Array.from({ length: Math.ceil(values.length / perCell) }, (_, cell) =>
		Math.max(...values.slice(cell * perCell, (cell + 1) * perCell)),
	);
}

/** Label of a strip: `per CPU`, `per 4 CPUs`. */
export function perCellText(perCell: number): string {
	return perCell === 1 ? 'per CPU' : `per ${perCell} CPUs`;
}
