/** The change of the user's choices by a command, a typed key or a click. Pure. */
import type { Command } from '../../options/keymap.ts';
import { reversed } from '../../rows/sort.ts';
import type { Link } from '../../tracers/overview/finding.ts';
import { inColumns, inFilter, inHelp, inLens, inSearch, inSortMenu, inTime, target } from './overlays.ts';
import {
	type Action,
	goTo,
	keptView,
	select,
	showView,
	sortBy,
	sortOf,
	type TabState,
	tabState,
	type UiState,
} from './state.ts';
import { type Transition, transitions } from './transitions.ts';

/** Show a finding: sort and filter its tab, and select the process, else the first row. */
function show(before: UiState, { tab, process, filter, sort }: Link, view: number): UiState {
	// views without rows of their own all have the link's row
	const own = view > 0 || keptView(before, tab, 0) !== undefined;
	const state = own ? showView(before, tab, view) : before;
	const next: TabState = {
		...tabState(state, tab),
		...(sort === undefined ? {} : { sort: { key: sort, direction: 'descending' } }),
		// a key that no row has: the row at the index
		selected: '',
		index: 0,
		follow: process ?? null,
		detail: false,
	};
	const origin = { tab: state.tab, filter: state.filter, state: tabState(before) };
	const rest = { tab, filter, origin, process: process ?? state.process, overlay: null, band: null };
	return { ...state, ...rest, tabs: { ...state.tabs, [tab]: next } };
}

/** The filter of the tab before names rows of that tab. */
function showProfile(state: UiState, tab: string): UiState {
	const origin = { tab: state.tab, filter: state.filter, state: tabState(state), lens: state.lens };
	const next: TabState = { ...tabState(state, tab), selected: null, index: 0, follow: null, detail: false };
	return {
		...state,
		tab,
		filter: '',
		origin,
		lens: null,
		overlay: null,
		band: null,
		tabs: { ...state.tabs, [tab]: next },
	};
}

function onCommand(state: UiState, { command, key, screen }: Extract<Action, { kind: 'command' }>): UiState {
	const { overlay } = state;
	const step = command === 'next-tab' ? 1 : command === 'previous-tab' ? screen.tabs.length - 1 : 0;
	if (step > 0) {
		const next = screen.tabs[(screen.tabs.indexOf(state.tab) + step) % screen.tabs.length];
		return goTo({ ...state, overlay: null }, next);
	}
	if (command === 'tab') return goTo({ ...state, overlay: null }, screen.tabs[screen.digits.indexOf(key)]);
	switch (overlay?.kind) {
		case 'help':
			return inHelp(state, overlay.offset, command, screen);
		case 'sort':
			return inSortMenu(state, overlay.index, command, screen);
		case 'columns':
			return inColumns(state, overlay.index, command, screen);
	}
	if (state.lens) return inLens(state, state.lens, command, screen);
	const transition = (transitions as Partial<Record<Command, Transition>>)[command];
	if (transition) return transition(state, screen);
	const to = target(command, screen.selected, screen.layout.page, screen.count);
	return to === null ? state : select(state, screen, to);
}

export function reduce(before: UiState, action: Action): UiState {
	const state = before.message === null ? before : { ...before, message: null };
	switch (action.kind) {
		case 'command':
			return onCommand(state, action);
		case 'text':
			if (state.overlay?.kind === 'filter') return inFilter(state, state.overlay, action.key, action.screen);
			if (state.overlay?.kind === 'time') return inTime(state, state.overlay, action.key);
			return state.overlay?.kind === 'search' ? inSearch(state, state.overlay, action.key, action.screen) : state;
		case 'say':
			return { ...state, message: action.message };
		case 'select':
			return select(state, action.screen, action.index);
		case 'go-to':
			return goTo({ ...state, overlay: null }, action.tab);
		case 'profile':
			return showProfile(state, action.tab);
		case 'show':
			return show(state, action.link, action.view);
		case 'sort': {
			const { columns, defaultSort } = action.screen;
			const sort = sortOf(tabState(state).sort, columns, defaultSort);
			const column = columns.find((candidate) => candidate.key === action.key);
			return sort.key === action.key ? sortBy(state, column, reversed(sort.direction)) : sortBy(state, column);
		}
	}
}
