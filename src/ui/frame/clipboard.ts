/** A row as text, and the sequence that copies text to the terminal's clipboard, also over ssh. */

import type { Column } from '../../core/tracer.ts';
import { formatValue } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';

/** `PID 812, WATTS 1.23W, COMMAND postgres`: figures formatted as in the table, names sanitized. */
export function rowText<Row>(columns: readonly Column<Row>[], row: Row, seconds: number): string {
	return columns
		.map((column) => `${column.title} ${sanitize(formatValue(column.kind, column.value(row, seconds), 200))}`)
		.join(', ');
}

/** OSC 52. In base64 no byte of the text can end the sequence. */
export function clipboardSequence(text: string): string {
	return `\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`;
}
