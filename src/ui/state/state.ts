/** What the user has chosen. Pure; what is shown follows from this and the snapshots, how a command changes it is in reduce.ts. */

import type { Column } from '../../core/tracer.ts';
import type { Band } from '../../lib/histogram.ts';
import type { Ns } from '../../lib/units.ts';
import type { Command } from '../../options/keymap.ts';
import { type Direction, firstDirection, type Sort } from '../../rows/sort.ts';
import type { Link } from '../../tracers/overview/finding.ts';
import type { ColumnChoice } from './columns.ts';
import type { TextInput } from './text-input.ts';

export interface TabState {
	/** null: the tracer's default. */
	sort: Sort | null;
	/** Key of the selected row; null: none. It stays selected wherever it moves. */
	selected: string | null;
	/** Where it was last, should it disappear. */
	index: number;
	/** Process to select once it is there: the one selected in the tab before; null: `selected` counts. */
	follow: string | null;
	detail: boolean;
	/** Which of the tab's views is shown. */
	view: number;
	/** The stage whose histogram is looked at; null: none. */
	stage: string | null;
	/** null: the tracer's own. */
	columns: readonly ColumnChoice[] | null;
}

export type Overlay =
	| { kind: 'help'; offset: number }
	| { kind: 'sort' | 'columns'; index: number }
	| { kind: 'filter'; input: TextInput /** What Tab found. */; candidates: readonly string[] }
	| { kind: 'search'; input: TextInput /** Row from which the search goes. */; from: number }
	| null;

/** One process looked at closely. */
export interface LensState {
	/** `pid:start`, see `Tracer.processOf`. */
	process: string;
	/** First line in sight. */
	offset: number;
}

export interface UiState {
	tab: string;
	lens: LensState | null;
	/** As typed, also while it is wrong. */
	filter: string;
	/** Where a finding's key was pressed, and how it looked there: one step back leads there. null: the filter is the user's. */
	origin: { tab: string; filter: string; state: TabState } | null;
	/** What `n` and `N` look for. */
	search: string;
	/** Process of the row selected last, see `Tracer.processOf`. */
	process: string | null;
	/** For the footer, until the next key. */
	message: string | null;
	overlay: Overlay;
	tabs: Readonly<Record<string, TabState>>;
	/** Bars of histograms. */
	logarithmic: boolean;
	/** Of their bars, ns; null: the tab's own. */
	unit: Ns | null;
	/** Bar that rows must have times in; null: any. */
	band: Band | null;
}

/** What the current screen looks like, for commands that depend on it. */
export interface View {
	tabs: readonly string[];
	/** The key of each. */
	digits: readonly string[];
	/** Those shown, in their order. */
	columns: readonly Column<never>[];
	/** All that mean something now, and those that would at other times too. */
	choices: readonly ColumnChoice[];
	allChoices: readonly ColumnChoice[];
	defaultSort: string;
	/** How many rows there are, and the key of each in their order on the screen. */
	count: number;
	keyAt(index: number): string;
	/** Index of the selected row; -1: none. */
	selected: number;
	/** Process that a row stands for. */
	processAt(index: number): string | undefined;
	/** Next row that contains a text, beginning at `from` and going round; -1: none. */
	find(text: string, from: number, step: 1 | -1): number;
	/** Column names to complete. */
	names(): readonly string[];
	/** The filter that is typed can be used. */
	filterValid: boolean;
	/** Rows of one page. */
	page: number;
	/** Of the bars of the tab's histogram, ns; null: it cannot be chosen. */
	unit: Ns | null;
	/** Names of what the tab can show. */
	views: readonly string[];
	/** Do views have rows of their own? */
	ownRows: boolean;
	/** Stages whose histogram can be looked at, in their order. */
	stages: readonly string[];
	/** Has the tab something to show for one row? */
	hasDetail: boolean;
	helpLines: number;
	helpPage: number;
	/** Lines of the lens, and those of one page. */
	lens: { lines: number; page: number };
}

export type Action =
	| { kind: 'command'; command: Command; key: string; view: View }
	/** A key while something is typed. */
	| { kind: 'text'; key: string; view: View }
	| { kind: 'say'; message: string }
	| { kind: 'select'; index: number; view: View }
	| { kind: 'go-to'; tab: string }
	/** `view`: index of the link's view. */
	| { kind: 'show'; link: Link; view: number }
	| { kind: 'sort'; key: string; view: View };

export const fresh: TabState = {
	sort: null,
	selected: null,
	index: 0,
	follow: null,
	detail: false,
	view: 0,
	stage: null,
	columns: null,
};

/** `sorts`: by tab, columns to sort by other than its default. */
export function initialState(tab: string, sorts: Readonly<Record<string, Column<never>>> = {}, filter = ''): UiState {
	const tabs = Object.fromEntries(
		Object.entries(sorts).map(([id, column]) => [
			id,
			{ ...fresh, sort: { key: column.key, direction: firstDirection(column) } },
		]),
	);
	return {
		tab,
		lens: null,
		filter,
		origin: null,
		search: '',
		process: null,
		message: null,
		overlay: null,
		tabs,
		logarithmic: false,
		unit: null,
		band: null,
	};
}

export function tabState(state: UiState, tab = state.tab): TabState {
	return state.tabs[tab] ?? fresh;
}

export function sortOf(state: UiState, tab: string, columns: readonly Column<never>[], defaultSort: string): Sort {
	const chosen = tabState(state, tab).sort;
	if (chosen && columns.some((column) => column.key === chosen.key)) return chosen;
	return { key: defaultSort, direction: firstDirection(columns.find((column) => column.key === defaultSort)) };
}

/** Index of the selected row on the screen; where it was when it has gone; -1 without a selection. */
export function selectedIndex(
	{ selected, index, follow }: TabState,
	{ count, keyAt, processAt }: Pick<View, 'count' | 'keyAt' | 'processAt'>,
): number {
	const followed = follow === null ? -1 : indexFrom(0, count, (at) => processAt(at) === follow);
	if (followed >= 0) return followed;
	if (selected === null || count === 0) return -1;
	const last = Math.min(index, count - 1);
	const found = indexFrom(last, count, (at) => keyAt(at) === selected);
	return found >= 0 ? found : last;
}

/** The index nearest to `start` that is wanted: rows seldom move far, and the key of each has to be made. -1: none is. */
function indexFrom(start: number, count: number, isWanted: (index: number) => boolean): number {
	for (let away = 0; away < count; away++) {
		const [before, after] = [start - away, start + away];
		if (before >= 0 && isWanted(before)) return before;
		if (away > 0 && after < count && isWanted(after)) return after;
	}
	return -1;
}

export function change(state: UiState, part: Partial<TabState>): UiState {
	return { ...state, tabs: { ...state.tabs, [state.tab]: { ...tabState(state), ...part } } };
}

export function select(state: UiState, view: View, index: number): UiState {
	if (view.count === 0) return state;
	const at = clamp(index, view.count - 1);
	const process = view.processAt(at) ?? state.process;
	return change({ ...state, process }, { selected: view.keyAt(at), index: at, follow: null });
}

export function sortBy(
	state: UiState,
	column: Column<never> | undefined,
	direction: Direction = firstDirection(column),
): UiState {
	return column ? change(state, { sort: { key: column.key, direction } }) : state;
}

export function clamp(value: number, max: number): number {
	return Math.max(0, Math.min(max, value));
}
