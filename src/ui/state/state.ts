/** The user's choices. Pure. The screen follows from these and the snapshots; reduce.ts has what changes them. */

import type { Column } from '../../core/tracer.ts';
import type { Band } from '../../lib/histogram.ts';
import type { Ns } from '../../lib/units.ts';
import type { Command } from '../../options/keymap.ts';
import { type Direction, firstDirection, type Sort } from '../../rows/sort.ts';
import type { Link } from '../../tracers/overview/finding.ts';
import type { Layout } from '../layout/layout.ts';
import type { ColumnChoice } from './columns.ts';
import type { TextInput } from './text-input.ts';

export interface TabState {
	/** null: the tracer's default. */
	sort: Sort | null;
	/** Key of the selected row; null: none. The selection follows the row. */
	selected: string | null;
	/** The row's last index, should it disappear. */
	index: number;
	/** Process to select once it appears: the one selected in the tab before; null: `selected` counts. */
	follow: string | null;
	detail: boolean;
	/** Index of the tab's view. */
	view: number;
	/** The stage that the histogram shows; null: none. */
	stage: string | null;
	/** null: the tracer's own. */
	columns: readonly ColumnChoice[] | null;
}

export type Overlay =
	| { kind: 'help'; offset: number }
	| { kind: 'sort' | 'columns'; index: number }
	| { kind: 'filter'; input: TextInput /** Found by Tab. */; candidates: readonly string[] }
	/** A moment to go to. */
	| { kind: 'time'; input: TextInput }
	| { kind: 'search'; input: TextInput /** Row at which the search starts. */; from: number }
	| null;

/** The lens: one process on the whole screen. */
export interface LensState {
	/** `pid:start`, see `Tracer.processOf`. */
	process: string;
	/** First line in sight. */
	offset: number;
}

export interface UiState {
	tab: string;
	lens: LensState | null;
	/** As typed, also while it has errors. */
	filter: string;
	/** The tab before a finding's key was pressed, to which one step back returns. null: the filter is the user's. */
	origin: { tab: string; filter: string; state: TabState; lens?: LensState | null } | null;
	/** Text that `n` and `N` search for. */
	search: string;
	/** Process of the row selected last, see `Tracer.processOf`. */
	process: string | null;
	/** For the footer, until the next key. */
	message: string | null;
	overlay: Overlay;
	tabs: Readonly<Record<string, TabState>>;
	/** Bars of histograms. */
	logarithmic: boolean;
	/** Unit of their bars, ns; null: the tab's own. */
	unit: Ns | null;
	/** Only rows with times in this bar are shown; null: all. */
	band: Band | null;
}

/** Contents of the screen, for commands that depend on them. */
export interface ScreenModel {
	tabs: readonly string[];
	/** The key of each tab. */
	digits: readonly string[];
	/** Columns shown, in their order. */
	columns: readonly Column<never>[];
	/** Columns that apply to the snapshot shown; and all. */
	choices: readonly ColumnChoice[];
	allChoices: readonly ColumnChoice[];
	defaultSort: string;
	/** Number of rows, and the key of each in the order of the screen. */
	count: number;
	keyAt(index: number): string;
	/** Index of the selected row; -1: none. */
	selected: number;
	/** Process of a row. */
	processAt(index: number): string | undefined;
	/** Next row that contains a text, from `from` on and wrapping around; -1: none. */
	find(text: string, from: number, step: 1 | -1): number;
	/** Column names to complete. */
	names(): readonly string[];
	/** The typed filter has no error. */
	filterValid: boolean;
	/** Unit of the histogram's bars, ns; null: it cannot be chosen. */
	unit: Ns | null;
	/** Names of the tab's views. */
	views: readonly string[];
	/** Views have rows of their own. */
	ownRows: boolean;
	/** Stages with a histogram, in their order. */
	stages: readonly string[];
	/** The row of a process has one, too, before its lens. */
	detailFirst: boolean;
	/** A row has a detail. */
	hasDetail: boolean;
	layout: Pick<Layout, 'page' | 'help' | 'lens'>;
}

export type Action =
	| { kind: 'command'; command: Command; key: string; screen: ScreenModel }
	/** A key while the user types. */
	| { kind: 'text'; key: string; screen: ScreenModel }
	| { kind: 'say'; message: string }
	| { kind: 'select'; index: number; screen: ScreenModel }
	| { kind: 'go-to'; tab: string }
	/** To the profile of the selected row; one step back returns, also to the lens. */
	| { kind: 'profile'; tab: string }
	/** `view`: index of the link's view. */
	| { kind: 'show'; link: Link; view: number }
	| { kind: 'sort'; key: string; screen: ScreenModel };

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

/** @param sorts by tab, the sort column where it is not the tab's default */
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

/** @param chosen the user's; it counts while its column is there */
export function sortOf(chosen: Sort | null, columns: readonly Column<never>[], defaultSort: string): Sort {
	if (chosen && columns.some((column) => column.key === chosen.key)) return chosen;
	return { key: defaultSort, direction: firstDirection(columns.find((column) => column.key === defaultSort)) };
}

/** Index of the selected row; its last index when it has gone; -1 without a selection. */
export function selectedIndex(
	{ selected, index, follow }: TabState,
	{ count, keyAt, processAt }: Pick<ScreenModel, 'count' | 'keyAt' | 'processAt'>,
): number {
	const followed = follow === null ? -1 : indexFrom(0, count, (at) => processAt(at) === follow);
	if (followed >= 0) return followed;
	if (selected === null || count === 0) return -1;
	const last = Math.min(index, count - 1);
	const found = indexFrom(last, count, (at) => keyAt(at) === selected);
	return found >= 0 ? found : last;
}

/** The matching index nearest to `start`; -1: none. Rows seldom move far, and making a row's key costs. */
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

export function select(state: UiState, screen: ScreenModel, index: number): UiState {
	if (screen.count === 0) return state;
	const at = clamp(index, screen.count - 1);
	const process = screen.processAt(at) ?? state.process;
	return change({ ...state, process }, { selected: screen.keyAt(at), index: at, follow: null });
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

/** Go to a tab; the process stays selected where that tab has it. */
export function goTo(before: UiState, tab: string | undefined): UiState {
	if (tab === undefined) return before;
	const state = before.lens ? { ...before, lens: null } : before;
	if (tab === state.tab) return state;
	const next = { ...tabState(state, tab), ...(state.process === null ? {} : { follow: state.process }) };
	const { origin } = state;
	const filter = origin?.tab === tab ? origin.filter : state.filter;
	return { ...state, tab, filter, origin: null, tabs: { ...state.tabs, [tab]: next } };
}

const keptKey = (tab: string, view: number) => `${tab} ${view}`;

/** State of a view with rows of its own, since it was left; undefined: it was not. */
export function keptView(state: UiState, tab: string, view: number): TabState | undefined {
	return state.tabs[keptKey(tab, view)];
}

/** Go to a view with rows of its own: each keeps its order and columns. */
export function showView(state: UiState, tab: string, view: number): UiState {
	const left = tabState(state, tab);
	if (left.view === view) return state;
	const next = { ...(keptView(state, tab, view) ?? fresh), view };
	const kept = { ...left, detail: false, selected: null, follow: null };
	return { ...state, band: null, tabs: { ...state.tabs, [keptKey(tab, left.view)]: kept, [tab]: next } };
}
