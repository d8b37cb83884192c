/** What the user has chosen, and how a command changes it. Pure; what is shown follows from this and the snapshots. */
import { type Direction, firstDirection, reversed, type Sort } from '../query.ts';
import type { Column } from '../tracers/tracer.ts';
import type { Command } from './keymap.ts';

export interface TabState {
	/** null: the tracer's default. */
	sort: Sort | null;
	/** Key of the selected row; null: none. It stays selected wherever it moves. */
	selected: string | null;
	/** Where it was last, should it disappear. */
	index: number;
	detail: boolean;
}

export type Overlay = { kind: 'help'; offset: number } | { kind: 'sort'; index: number } | { kind: 'filter' } | null;

export interface UiState {
	tab: string;
	filter: string;
	overlay: Overlay;
	tabs: Readonly<Record<string, TabState>>;
	/** Bars of histograms. */
	logarithmic: boolean;
}

/** What the current screen looks like, for commands that depend on it. */
export interface View {
	tabs: readonly string[];
	columns: readonly Column<never>[];
	defaultSort: string;
	/** Keys of the rows in their order on the screen. */
	keys: readonly string[];
	/** Rows of one page. */
	page: number;
	/** Has the tab something to show for one row? */
	hasDetail: boolean;
	helpLines: number;
	helpPage: number;
}

export type Action = { kind: 'command'; command: Command; key: string; view: View } | { kind: 'text'; key: string };

const fresh: TabState = { sort: null, selected: null, index: 0, detail: false };

/** `sort`: a column for this tab other than its default. */
export function initialState(tab: string, sort?: Column<never>): UiState {
	const tabs = sort ? { [tab]: { ...fresh, sort: { key: sort.key, direction: firstDirection(sort) } } } : {};
	return { tab, filter: '', overlay: null, tabs, logarithmic: false };
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
export function selectedIndex(tab: TabState, keys: readonly string[]): number {
	if (tab.selected === null || keys.length === 0) return -1;
	const index = keys.indexOf(tab.selected);
	return index >= 0 ? index : Math.min(tab.index, keys.length - 1);
}

function change(state: UiState, part: Partial<TabState>): UiState {
	return { ...state, tabs: { ...state.tabs, [state.tab]: { ...tabState(state), ...part } } };
}

function select(state: UiState, view: View, index: number): UiState {
	if (view.keys.length === 0) return state;
	const at = Math.max(0, Math.min(view.keys.length - 1, index));
	return change(state, { selected: view.keys[at] as string, index: at });
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

function inSortMenu(state: UiState, index: number, command: Command, view: View): UiState {
	if (command === 'back' || command === 'sort-menu') return { ...state, overlay: null };
	if (command === 'detail') return sortBy({ ...state, overlay: null }, view.columns[index]);
	const to = target(command, index, 5, view.columns.length);
	return to === null ? state : { ...state, overlay: { kind: 'sort', index: clamp(to, view.columns.length - 1) } };
}

function goTo(state: UiState, tab: string | undefined): UiState {
	return tab === undefined || tab === state.tab ? state : { ...state, tab };
}

function back(state: UiState): UiState {
	const tab = tabState(state);
	if (tab.detail) return change(state, { detail: false });
	if (tab.selected !== null) return change(state, { selected: null, index: 0 });
	return state.filter === '' ? state : { ...state, filter: '' };
}

function onCommand(state: UiState, { command, key, view }: Extract<Action, { kind: 'command' }>): UiState {
	const overlay = state.overlay;
	const tabIndex = view.tabs.indexOf(state.tab);
	switch (command) {
		case 'tab':
			return goTo({ ...state, overlay: null }, view.tabs[Number(key) - 1]);
		case 'next-tab':
		case 'previous-tab': {
			const step = command === 'next-tab' ? 1 : view.tabs.length - 1;
			return goTo({ ...state, overlay: null }, view.tabs[(tabIndex + step) % view.tabs.length]);
		}
	}
	if (overlay?.kind === 'help') return inHelp(state, overlay.offset, command, view);
	if (overlay?.kind === 'sort') return inSortMenu(state, overlay.index, command, view);
	const sort = sortOf(state, state.tab, view.columns, view.defaultSort);
	const column = view.columns.findIndex((candidate) => candidate.key === sort.key);
	const current = selectedIndex(tabState(state), view.keys);
	switch (command) {
		case 'help':
			return { ...state, overlay: { kind: 'help', offset: 0 } };
		case 'filter':
			return { ...state, overlay: { kind: 'filter' } };
		case 'sort-menu':
			return { ...state, overlay: { kind: 'sort', index: Math.max(0, column) } };
		case 'sort-left':
			return sortBy(state, view.columns[column - 1]);
		case 'sort-right':
			return sortBy(state, view.columns[column + 1]);
		case 'reverse':
			return sortBy(state, view.columns[column], reversed(sort.direction));
		case 'scale':
			return { ...state, logarithmic: !state.logarithmic };
		case 'group':
			// Rows will be of another kind.
			return change(state, { selected: null, index: 0, detail: false });
		case 'back':
			return back(state);
		case 'detail':
			return view.hasDetail && view.keys.length > 0
				? change(select(state, view, Math.max(0, current)), { detail: true })
				: state;
		default: {
			const to = target(command, current, view.page, view.keys.length);
			return to === null ? state : select(state, view, to);
		}
	}
}

/** Keys while the filter is being typed. */
function onText(state: UiState, key: string): UiState {
	if (key === 'Enter') return { ...state, overlay: null };
	if (key === 'Esc') return { ...state, overlay: null, filter: '' };
	if (key === 'Backspace')
		return state.filter === ''
			? { ...state, overlay: null }
			: { ...state, filter: Array.from(state.filter).slice(0, -1).join('') };
	if (key === 'Ctrl-U') return { ...state, filter: '' };
	if (key === 'Ctrl-W') return { ...state, filter: state.filter.replace(/\S*\s*$/, '') };
	const text = key === 'Space' ? ' ' : key;
	// Named keys have more than one character; they are not for the filter.
	if (Array.from(text).length !== 1 || state.filter.length >= 64) return state;
	return { ...state, filter: state.filter + text };
}

export function reduce(state: UiState, action: Action): UiState {
	return action.kind === 'text' ? onText(state, action.key) : onCommand(state, action);
}
