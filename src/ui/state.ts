/** What the user has chosen, and how a command changes it. Pure; what is shown follows from this and the snapshots. */

import { complete } from '../filter/complete.ts';
import { maxLength } from '../filter/lexer.ts';
import type { Band } from '../histogram.ts';
import { type Direction, firstDirection, reversed, type Sort } from '../query.ts';
import type { Column } from '../tracers/tracer.ts';
import type { Link } from '../triage/finding.ts';
import type { Ns } from '../units.ts';
import { bandText, nextBand, otherUnit } from './bars.ts';
import { type ColumnChoice, mergeChoices, move, toggle } from './columns.ts';
import type { Command } from './keymap.ts';
import { edit, emptyInput, inputOf, type TextInput } from './text-input.ts';

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
	/** Which of its views the pane shows. */
	view: number;
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
	/** Where a finding's key was pressed, and the filter there: one step back leads there. null: the filter is the user's. */
	origin: { tab: string; filter: string } | null;
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
	/** Keys of the rows in their order on the screen. */
	keys: readonly string[];
	/** Index of the selected row; -1: none. */
	selected: number;
	/** Process that a row stands for. */
	processAt(index: number): string | undefined;
	/** Next row that contains a text, beginning at `from` and going round; -1: none. */
	find(text: string, from: number, step: 1 | -1): number;
	/** Column names to complete. */
	names: readonly string[];
	/** The filter that is typed can be used. */
	filterValid: boolean;
	/** Rows of one page. */
	page: number;
	/** Of the bars of the tab's histogram, ns; null: it cannot be chosen. */
	unit: Ns | null;
	/** Names of what the pane can show. */
	views: readonly string[];
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
	| { kind: 'show'; link: Link }
	| { kind: 'sort'; key: string; view: View };

const fresh: TabState = { sort: null, selected: null, index: 0, follow: null, detail: false, view: 0, columns: null };
/** Longest text to search for. */
const maxSearch = 64;

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
export function selectedIndex(tab: TabState, keys: readonly string[], processAt?: View['processAt']): number {
	if (tab.follow !== null && processAt) {
		const followed = keys.findIndex((_, index) => processAt(index) === tab.follow);
		if (followed >= 0) return followed;
	}
	if (tab.selected === null || keys.length === 0) return -1;
	const index = keys.indexOf(tab.selected);
	return index >= 0 ? index : Math.min(tab.index, keys.length - 1);
}

function change(state: UiState, part: Partial<TabState>): UiState {
	return { ...state, tabs: { ...state.tabs, [state.tab]: { ...tabState(state), ...part } } };
}

function select(state: UiState, view: View, index: number): UiState {
	if (view.keys.length === 0) return state;
	const at = clamp(index, view.keys.length - 1);
	const process = view.processAt(at) ?? state.process;
	return change({ ...state, process }, { selected: view.keys[at] as string, index: at, follow: null });
}

function sortBy(
	state: UiState,
	column: Column<never> | undefined,
	direction: Direction = firstDirection(column),
): UiState {
	return column ? change(state, { sort: { key: column.key, direction } }) : state;
}

/** Rows that a moving command goes, from `from`. */
function target(command: Command, from: number, page: number, count: number): number | null {
	switch (command) {
		case 'up':
			return from - 1;
		case 'down':
			return from + 1;
		case 'page-up':
			return from - page;
		case 'page-down':
			return from + page;
		case 'half-up':
			return from - Math.ceil(page / 2);
		case 'half-down':
			return from + Math.ceil(page / 2);
		case 'first':
			return 0;
		case 'last':
			return count - 1;
		default:
			return null;
	}
}

function clamp(value: number, max: number): number {
	return Math.max(0, Math.min(max, value));
}

function inHelp(state: UiState, offset: number, command: Command, view: View): UiState {
	if (command === 'help' || command === 'back') return { ...state, overlay: null };
	const to = target(command, offset, view.helpPage, view.helpLines);
	return to === null
		? state
		: { ...state, overlay: { kind: 'help', offset: clamp(to, Math.max(0, view.helpLines - view.helpPage)) } };
}

function inLens(state: UiState, lens: LensState, command: Command, view: View): UiState {
	const { lines, page } = view.lens;
	const last = Math.max(0, lines - page);
	switch (command) {
		case 'back':
			return { ...state, lens: null };
		case 'help':
			return { ...state, overlay: { kind: 'help', offset: 0 } };
		case 'scale':
			return { ...state, logarithmic: !state.logarithmic };
	}
	const to = command === 'last' ? last : target(command, Math.min(lens.offset, last), page, lines);
	return to === null ? state : { ...state, lens: { ...lens, offset: clamp(to, last) } };
}

function inSortMenu(state: UiState, index: number, command: Command, view: View): UiState {
	if (command === 'back' || command === 'sort-menu') return { ...state, overlay: null };
	if (command === 'detail') return sortBy({ ...state, overlay: null }, view.columns[index]);
	const to = target(command, index, 5, view.columns.length);
	return to === null ? state : { ...state, overlay: { kind: 'sort', index: clamp(to, view.columns.length - 1) } };
}

function inColumns(state: UiState, index: number, command: Command, view: View): UiState {
	const last = view.choices.length - 1;
	const goTo = (to: number): Overlay => ({ kind: 'columns', index: clamp(to, last) });
	switch (command) {
		case 'back':
		case 'columns':
			return { ...state, overlay: null };
		case 'detail':
		case 'pause':
			return change(state, { columns: mergeChoices(view.allChoices, toggle(view.choices, index)) });
		case 'sort-left':
		case 'sort-right': {
			const step = command === 'sort-left' ? -1 : 1;
			const columns = mergeChoices(view.allChoices, move(view.choices, index, step));
			return { ...change(state, { columns }), overlay: goTo(index + step) };
		}
		case 'reverse':
			return change(state, { columns: null });
	}
	const to = target(command, index, 5, view.choices.length);
	return to === null ? state : { ...state, overlay: goTo(to) };
}

function otherView(state: UiState, views: readonly string[]): UiState {
	if (views.length < 2) return { ...state, message: 'this tab has one view only' };
	return change(state, { view: (tabState(state).view + 1) % views.length });
}

/** The selection goes along to the same process, where the other tab has it. */
function goTo(before: UiState, tab: string | undefined): UiState {
	if (tab === undefined) return before;
	const state = before.lens ? { ...before, lens: null } : before;
	if (tab === state.tab) return state;
	const there = { ...tabState(state, tab), ...(state.process === null ? {} : { follow: state.process }) };
	const { origin } = state;
	const filter = origin?.tab === tab ? origin.filter : state.filter;
	return { ...state, tab, filter, origin: null, tabs: { ...state.tabs, [tab]: there } };
}

/** The tab, sorted and filtered so that the row is in sight; the process is selected, else the first row. */
function show(state: UiState, { tab, process, filter, sort }: Link): UiState {
	const there: TabState = {
		...tabState(state, tab),
		...(sort === undefined ? {} : { sort: { key: sort, direction: 'descending' } }),
		// a key that no row has: the row at the index
		selected: '',
		index: 0,
		follow: process ?? null,
		detail: false,
	};
	const origin = { tab: state.tab, filter: state.filter };
	const rest = { tab, filter, origin, process: process ?? state.process, overlay: null, band: null };
	return { ...state, ...rest, tabs: { ...state.tabs, [tab]: there } };
}

function back(state: UiState): UiState {
	const tab = tabState(state);
	if (state.band !== null) return { ...state, band: null };
	if (tab.detail) return change(state, { detail: false });
	if (state.origin) return goTo(state, state.origin.tab);
	if (tab.selected !== null || tab.follow !== null) {
		return change({ ...state, process: null }, { selected: null, index: 0, follow: null });
	}
	return state.filter === '' ? state : { ...state, filter: '' };
}

/** A row that stands for a process opens the lens, another one its own figures. */
function closer(state: UiState, view: View, index: number): UiState {
	if (view.keys.length === 0) return state;
	const process = view.processAt(index);
	const selected = select(state, view, index);
	if (process !== undefined) return { ...selected, lens: { process, offset: 0 } };
	return view.hasDetail ? change(selected, { detail: true }) : state;
}

/** To the next match, from the row `from` on. */
function searchFrom(state: UiState, view: View, text: string, from: number, step: 1 | -1): UiState {
	const found = text === '' ? -1 : view.find(text, from, step);
	if (found >= 0) return select(state, view, found);
	return text === '' ? state : { ...state, message: `no row contains '${text}'` };
}

function onCommand(state: UiState, { command, key, view }: Extract<Action, { kind: 'command' }>): UiState {
	const overlay = state.overlay;
	const tabIndex = view.tabs.indexOf(state.tab);
	switch (command) {
		case 'tab':
			return goTo({ ...state, overlay: null }, view.tabs[view.digits.indexOf(key)]);
		case 'next-tab':
		case 'previous-tab': {
			const step = command === 'next-tab' ? 1 : view.tabs.length - 1;
			return goTo({ ...state, overlay: null }, view.tabs[(tabIndex + step) % view.tabs.length]);
		}
	}
	switch (overlay?.kind) {
		case 'help':
			return inHelp(state, overlay.offset, command, view);
		case 'sort':
			return inSortMenu(state, overlay.index, command, view);
		case 'columns':
			return inColumns(state, overlay.index, command, view);
	}
	if (state.lens) return inLens(state, state.lens, command, view);
	const sort = sortOf(state, state.tab, view.columns, view.defaultSort);
	const column = view.columns.findIndex((candidate) => candidate.key === sort.key);
	const current = view.selected;
	switch (command) {
		case 'help':
			return { ...state, overlay: { kind: 'help', offset: 0 } };
		case 'filter':
			return { ...state, overlay: { kind: 'filter', input: inputOf(state.filter), candidates: [] } };
		case 'search':
			return { ...state, overlay: { kind: 'search', input: emptyInput, from: Math.max(0, current) } };
		case 'search-next':
			return searchFrom(state, view, state.search, current + 1, 1);
		case 'search-previous':
			return searchFrom(state, view, state.search, (current < 0 ? view.keys.length : current) - 1, -1);
		case 'columns':
			return { ...state, overlay: { kind: 'columns', index: 0 } };
		case 'sort-menu':
			return { ...state, overlay: { kind: 'sort', index: Math.max(0, column) } };
		case 'sort-left':
			return sortBy(state, view.columns[column - 1]);
		case 'sort-right':
			return sortBy(state, view.columns[column + 1]);
		case 'reverse':
			return sortBy(state, view.columns[column], reversed(sort.direction));
		case 'band-up':
		case 'band-down': {
			const band = nextBand(state.band, view.unit ?? 1, command === 'band-up' ? 1 : -1);
			return { ...state, band, message: `only rows with times ${bandText(band)}; Esc: all rows` };
		}
		case 'unit': {
			if (view.unit === null) return { ...state, message: 'the unit of this histogram cannot be chosen' };
			const unit = otherUnit(view.unit);
			return { ...state, unit, band: null, message: `bars are powers of two of ${unit === 1e3 ? 'µs' : 'ms'}` };
		}
		case 'view':
			return otherView(state, view.views);
		case 'scale':
			return { ...state, logarithmic: !state.logarithmic };
		case 'group':
			// Rows will be of another kind.
			return change(state, { selected: null, index: 0, follow: null, detail: false });
		case 'back':
			return back(state);
		case 'detail':
			return closer(state, view, Math.max(0, current));
		default: {
			const to = target(command, current, view.page, view.keys.length);
			return to === null ? state : select(state, view, to);
		}
	}
}

/** Keys while the filter is being typed; it works at once. A wrong one cannot be kept. */
function inFilter(state: UiState, overlay: Extract<Overlay, { kind: 'filter' }>, key: string, view: View): UiState {
	if (key === 'Enter') return view.filterValid ? { ...state, overlay: null } : state;
	if (key === 'Esc' || (key === 'Backspace' && overlay.input.text === '')) {
		return { ...state, overlay: null, filter: '', origin: null };
	}
	if (key === 'Tab') {
		const { text, caret, candidates } = complete(overlay.input.text, overlay.input.caret, view.names);
		if (text.length > maxLength) return state;
		return { ...state, filter: text, origin: null, overlay: { kind: 'filter', input: { text, caret }, candidates } };
	}
	const input = edit(overlay.input, key, maxLength);
	return { ...state, filter: input.text, origin: null, overlay: { kind: 'filter', input, candidates: [] } };
}

/** Keys while the text to search for is being typed; the selection goes to the match at once. */
function inSearch(state: UiState, overlay: Extract<Overlay, { kind: 'search' }>, key: string, view: View): UiState {
	if (key === 'Esc') return { ...state, overlay: null };
	if (key === 'Enter' || (key === 'Backspace' && overlay.input.text === '')) return { ...state, overlay: null };
	if (key === 'F3') return searchFrom(state, view, overlay.input.text, view.selected + 1, 1);
	const input = edit(overlay.input, key, maxSearch);
	const next: UiState = { ...state, search: input.text || state.search, overlay: { ...overlay, input } };
	return input.text === overlay.input.text ? next : searchFrom(next, view, input.text, overlay.from, 1);
}

export function reduce(before: UiState, action: Action): UiState {
	const state = before.message === null ? before : { ...before, message: null };
	switch (action.kind) {
		case 'command':
			return onCommand(state, action);
		case 'text':
			if (state.overlay?.kind === 'filter') return inFilter(state, state.overlay, action.key, action.view);
			return state.overlay?.kind === 'search' ? inSearch(state, state.overlay, action.key, action.view) : state;
		case 'say':
			return { ...state, message: action.message };
		case 'select':
			return select(state, action.view, action.index);
		case 'go-to':
			return goTo({ ...state, overlay: null }, action.tab);
		case 'show':
			return show(state, action.link);
		case 'sort': {
			const { columns, defaultSort } = action.view;
			const sort = sortOf(state, state.tab, columns, defaultSort);
			const column = columns.find((candidate) => candidate.key === action.key);
			return sort.key === action.key ? sortBy(state, column, reversed(sort.direction)) : sortBy(state, column);
		}
	}
}
