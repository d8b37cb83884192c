/** A row as text, and the sequence that puts text into the clipboard of the terminal, also over ssh. */

import type { Column } from '../../core/tracer.ts';
import { formatValue } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';

/** `PID 812, WATTS 1.23W, COMMAND postgres`: figures as they are shown, all of them safe. */
export function rowText<Row>(columns: readonly Column<Row>[], row: Row, seconds: number): string {
	return columns
		.map((column) => `${column.title} ${sanitize(formatValue(column.kind, column.value(row, seconds), 200))}`)
		.join(', ');
}

/** OSC 52. Base64, so no byte of the text can end the sequence. */
export function clipboardSequence(text: string): string {
	return `\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`;
}
