import type { Column } from '../../core/tracer.ts';
import { sanitize } from '../../lib/sanitize.ts';

/** A column that shows a property of its rows as text; nothing where the row has none. */
export function textColumn<Row extends object>(
	key: keyof Row & string,
	title: string,
	width: number,
	priority: number,
	help: string,
	grow = false,
): Column<Row> {
	return { key, title, kind: 'text', width, grow, priority, help, value: (row) => sanitize(String(row[key] ?? '')) };
}
