/** Rows as comma-separated values (RFC 4180). */

/**
 * One cell. Text of foreign origin that a spreadsheet would take for a formula gets a quote in front, as such programs
 * advise: the name of a process must not run as code in a reader's spreadsheet.
 */
function csvCell(value: string | number): string {
	if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
	const inert = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
	return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

export function csvLine(cells: readonly (string | number)[]): string {
	return `${cells.map(csvCell).join(',')}\r\n`;
}
