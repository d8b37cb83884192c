/** How commands, typed keys and clicks change what the user has chosen. Pure. */
import { reversed } from '../../rows/sort.ts';
import type { Link } from '../../tracers/overview/finding.ts';
import { bandText, nextBand, otherUnit } from './bands.ts';
import { inColumns, inFilter, inHelp, inLens, inSearch, inSortMenu, searchFrom, target } from './overlays.ts';
import {
	type Action,
	change,
	fresh,
	select,
	sortBy,
	sortOf,
	type TabState,
	tabState,
	type UiState,
	type View,
} from './state.ts';
import { emptyInput, inputOf } from './text-input.ts';

const placeOf = (tab: string, view: number) => `${tab} ${view}`;

/** Where views have rows of their own, each keeps its order and columns. */
function showRowsOf(state: UiState, tab: string, view: number): UiState {
	const left = tabState(state, tab);
	if (left.view === view) return state;
	const there = { ...(state.tabs[placeOf(tab, view)] ?? fresh), view };
	const kept = { ...left, detail: false, selected: null, follow: null };
	return { ...state, band: null, tabs: { ...state.tabs, [placeOf(tab, left.view)]: kept, [tab]: there } };
}

function otherView(state: UiState, { views, ownRows }: View): UiState {
	if (views.length < 2) return { ...state, message: 'this tab has one view only' };
	const view = (tabState(state).view + 1) % views.length;
	return ownRows ? showRowsOf(state, state.tab, view) : change(state, { view });
}

function otherStage(state: UiState, stages: readonly string[], step: 1 | -1): UiState {
	if (stages.length === 0) return { ...state, message: 'there are no stages to choose here' };
	const { stage } = tabState(state);
	const at = stage === null ? (step > 0 ? -1 : 0) : stages.indexOf(stage);
	const next = stages[(at + step + stages.length) % stages.length] as string;
	return change({ ...state, message: `times of ${next}; Esc: all stages` }, { stage: next });
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
function show(before: UiState, { tab, process, filter, sort }: Link, view: number): UiState {
	// without rows of their own, views all show the same
	const own = view > 0 || placeOf(tab, 0) in before.tabs;
	const state = own ? showRowsOf(before, tab, view) : before;
	const there: TabState = {
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
	return { ...state, ...rest, tabs: { ...state.tabs, [tab]: there } };
}

function back(state: UiState): UiState {
	const tab = tabState(state);
	if (state.band !== null) return { ...state, band: null };
	if (tab.detail) return change(state, { detail: false });
	if (tab.stage !== null) return change(state, { stage: null });
	if (state.origin?.tab === state.tab) {
		const { filter, state: there } = state.origin;
		return { ...state, filter, origin: null, tabs: { ...state.tabs, [state.tab]: there } };
	}
	if (state.origin) return goTo(state, state.origin.tab);
	if (tab.selected !== null || tab.follow !== null) {
		return change({ ...state, process: null }, { selected: null, index: 0, follow: null });
	}
	return state.filter === '' ? state : { ...state, filter: '' };
}

/** A row that stands for a process opens the lens, another one its own figures. */
function closer(state: UiState, view: View, index: number): UiState {
	if (view.count === 0) return state;
	const process = view.processAt(index);
	const selected = select(state, view, index);
	if (process !== undefined) return { ...selected, lens: { process, offset: 0 } };
	return view.hasDetail ? change(selected, { detail: true }) : state;
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
			return searchFrom(state, view, state.search, (current < 0 ? view.count : current) - 1, -1);
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
			return otherView(state, view);
		case 'next-stage':
		case 'previous-stage':
			return otherStage(state, view.stages, command === 'next-stage' ? 1 : -1);
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
			const to = target(command, current, view.page, view.count);
			return to === null ? state : select(state, view, to);
		}
	}
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
			return show(state, action.link, action.view);
		case 'sort': {
			const { columns, defaultSort } = action.view;
			const sort = sortOf(state, state.tab, columns, defaultSort);
			const column = columns.find((candidate) => candidate.key === action.key);
			return sort.key === action.key ? sortBy(state, column, reversed(sort.direction)) : sortBy(state, column);
		}
	}
}
