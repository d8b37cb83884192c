/** The user's choice and order of a tab's columns, for this session. Pure. */
import type { Column } from '../../core/tracer.ts';

export interface ColumnChoice {
	key: string;
	shown: boolean;
}

/** Columns that apply to a snapshot: figures of missing hardware, or of other groups, are left out. */
export function availableColumns<C extends Pick<Column<never>, 'shown'>>(
	columns: readonly C[],
	snapshot: object | undefined,
): readonly C[] {
	return snapshot === undefined ? columns : columns.filter((column) => column.shown?.(snapshot) ?? true);
}

/** Put some of the choices, perhaps reordered, back among all; the others keep their positions. */
export function mergeChoices(all: readonly ColumnChoice[], changed: readonly ColumnChoice[]): readonly ColumnChoice[] {
	const keys = new Set(changed.map(({ key }) => key));
	let next = 0;
	return all.map((choice) => (keys.has(choice.key) ? (changed[next++] as ColumnChoice) : choice));
}

/** All columns in the user's order, else the tracer's. */
export function choicesOf(
	columns: readonly Column<never>[],
	chosen: readonly ColumnChoice[] | null,
): readonly ColumnChoice[] {
	return chosen ?? columns.map(({ key }) => ({ key, shown: true }));
}

export function shownColumns<C extends Pick<Column<never>, 'key'>>(
	columns: readonly C[],
	chosen: readonly ColumnChoice[] | null,
): readonly C[] {
	if (!chosen) return columns;
	return chosen.flatMap(({ key, shown }) => (shown ? columns.filter((column) => column.key === key) : []));
}

/** Show or hide one; the last one shown cannot be hidden. */
export function toggle(choices: readonly ColumnChoice[], index: number): readonly ColumnChoice[] {
	const only = choices.filter(({ shown }) => shown).length === 1;
	return choices.map((choice, at) =>
		at === index && !(choice.shown && only) ? { ...choice, shown: !choice.shown } : choice,
	);
}

/** Exchange one with its neighbour; at the ends the same list is returned. */
export function move(choices: readonly ColumnChoice[], index: number, step: 1 | -1): readonly ColumnChoice[] {
	const [here, there] = [choices[index], choices[index + step]];
	if (!here || !there) return choices;
	return choices.map((choice, at) => (at === index ? there : at === index + step ? here : choice));
}
