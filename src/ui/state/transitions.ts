/** Commands that change the user's choices while no help, menu or lens covers the tab. Pure. */
import type { Command } from '../../options/keymap.ts';
import { reversed } from '../../rows/sort.ts';
import { bandText, nextBand, otherUnit } from './bands.ts';
import { searchFrom } from './overlays.ts';
import { change, goTo, type ScreenModel, select, showView, sortBy, sortOf, tabState, type UiState } from './state.ts';
import { emptyInput, inputOf } from './text-input.ts';

export type Transition = (state: UiState, screen: ScreenModel) => UiState;

/** The current sort, and the index of its column. */
function sorted(state: UiState, { columns, defaultSort }: ScreenModel) {
	const sort = sortOf(tabState(state).sort, columns, defaultSort);
	return { sort, at: columns.findIndex(({ key }) => key === sort.key) };
}

const sortBeside =
	(step: 1 | -1): Transition =>
	(state, screen) =>
		sortBy(state, screen.columns[sorted(state, screen).at + step]);

const band =
	(step: 1 | -1): Transition =>
	(state, screen) => {
		const next = nextBand(state.band, screen.unit ?? 1, step);
		return { ...state, band: next, message: `only rows with times ${bandText(next)}; Esc: all rows` };
	};

const stage =
	(step: 1 | -1): Transition =>
	(state, { stages }) => {
		if (stages.length === 0) return { ...state, message: 'this tab has no stages to choose' };
		const { stage: current } = tabState(state);
		const at = current === null ? (step > 0 ? -1 : 0) : stages.indexOf(current);
		const next = stages[(at + step + stages.length) % stages.length] as string;
		return change({ ...state, message: `times of ${next}; Esc: all stages` }, { stage: next });
	};

/** One step: band, detail, stage, finding, selection, filter. */
function back(state: UiState): UiState {
	const tab = tabState(state);
	if (state.band !== null) return { ...state, band: null };
	if (tab.detail) return change(state, { detail: false });
	if (tab.stage !== null) return change(state, { stage: null });
	if (state.origin?.tab === state.tab) {
		const { filter, state: before } = state.origin;
		return { ...state, filter, origin: null, tabs: { ...state.tabs, [state.tab]: before } };
	}
	if (state.origin) return { ...goTo(state, state.origin.tab), lens: state.origin.lens ?? null };
	if (tab.selected !== null || tab.follow !== null) {
		return change({ ...state, process: null }, { selected: null, index: 0, follow: null });
	}
	return state.filter === '' ? state : { ...state, filter: '' };
}

/** The row of a process opens the lens, another row its detail; where that comes first the lens opens from there. */
function openRow(state: UiState, screen: ScreenModel): UiState {
	if (screen.count === 0) return state;
	const index = Math.max(0, screen.selected);
	const process = screen.processAt(index);
	const selected = select(state, screen, index);
	const first = screen.detailFirst && !tabState(state).detail;
	if (process !== undefined && !first) return { ...selected, lens: { process, offset: 0 } };
	return screen.hasDetail ? change(selected, { detail: true }) : state;
}

function nextView(state: UiState, { views, ownRows }: ScreenModel): UiState {
	if (views.length < 2) return { ...state, message: 'this tab has one view only' };
	const view = (tabState(state).view + 1) % views.length;
	return ownRows ? showView(state, state.tab, view) : change(state, { view });
}

/** Commands that move in the table are not here: `target` in overlays.ts has them for everything that scrolls. */
export const transitions = {
	help: (state) => ({ ...state, overlay: { kind: 'help', offset: 0 } }),
	filter: (state) => ({ ...state, overlay: { kind: 'filter', input: inputOf(state.filter), candidates: [] } }),
	search: (state, { selected }) => ({
		...state,
		overlay: { kind: 'search', input: emptyInput, from: Math.max(0, selected) },
	}),
	'search-next': (state, screen) => searchFrom(state, screen, state.search, screen.selected + 1, 1),
	'search-previous': (state, screen) =>
		searchFrom(state, screen, state.search, (screen.selected < 0 ? screen.count : screen.selected) - 1, -1),
	'go-to-time': (state) => ({ ...state, overlay: { kind: 'time', input: emptyInput } }),
	columns: (state) => ({ ...state, overlay: { kind: 'columns', index: 0 } }),
	'sort-menu': (state, screen) => ({
		...state,
		overlay: { kind: 'sort', index: Math.max(0, sorted(state, screen).at) },
	}),
	'sort-left': sortBeside(-1),
	'sort-right': sortBeside(1),
	reverse: (state, screen) => {
		const { sort, at } = sorted(state, screen);
		return sortBy(state, screen.columns[at], reversed(sort.direction));
	},
	'band-up': band(1),
	'band-down': band(-1),
	unit: (state, screen) => {
		if (screen.unit === null) return { ...state, message: 'the unit of this histogram cannot be chosen' };
		const unit = otherUnit(screen.unit);
		return { ...state, unit, band: null, message: `bars are powers of two of ${unit === 1e3 ? 'µs' : 'ms'}` };
	},
	view: nextView,
	'next-stage': stage(1),
	'previous-stage': stage(-1),
	scale: (state) => ({ ...state, logarithmic: !state.logarithmic }),
	// the rows of the next group have other keys
	group: (state) => change(state, { selected: null, index: 0, follow: null, detail: false }),
	back,
	detail: openRow,
} as const satisfies Partial<Record<Command, Transition>>;
