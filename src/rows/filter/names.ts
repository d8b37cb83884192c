/**
 * Names of columns in a filter: key, header and aliases, in any case, with `.`, `-` and `_` alike and without the unit:
 * `p99_ns` is `p99`, `Q-P99` is `q.p99`. The tab may precede them: `io.p99`.
 */
import type { Column } from '../../core/tracer.ts';

/** As much of a tracer as names and kinds need. */
export interface FilterTab {
	id: string;
	columns: readonly Column<never>[];
}

/** The normal form of all spellings of a name. */
export function normalName(name: string): string {
	return name
		.toLowerCase()
		.replace(/\/s$/, '')
		.split(/[._\s-]+/)
		.filter((part) => part !== '' && part !== 'ns' && part !== 'uj')
		.join('.');
}

/** The column that a name means in a tab: by key, else by alias, else by header. */
export function columnNamed(tab: FilterTab, name: string): Column<never> | undefined {
	const whole = normalName(name);
	const prefix = `${normalName(tab.id)}.`;
	for (const wanted of whole.startsWith(prefix) ? [whole, whole.slice(prefix.length)] : [whole]) {
		const found =
			tab.columns.find((column) => normalName(column.key) === wanted) ??
			tab.columns.find((column) => column.aliases?.some((alias) => normalName(alias) === wanted)) ??
			tab.columns.find((column) => normalName(column.title) === wanted);
		if (found) return found;
	}
	return undefined;
}

/** Names for completion, one or more per column: this tab's first, then those of other tabs only. */
export function offeredNames(tabs: readonly FilterTab[], current: string): string[] {
	const ordered = [...tabs].sort((a, b) => Number(b.id === current) - Number(a.id === current));
	return [
		...new Set(
			ordered.flatMap(({ columns }) =>
				columns.flatMap((column) => [normalName(column.key), ...(column.aliases ?? [])]),
			),
		),
	];
}
