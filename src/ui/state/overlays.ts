/** Commands and keys while the help, a menu, the process lens or a prompt is open. Pure. */

import type { Command } from '../../options/keymap.ts';
import { complete } from '../../rows/filter/complete.ts';
import { maxLength } from '../../rows/filter/lexer.ts';
import { mergeChoices, move, toggle } from './columns.ts';
import {
	change,
	clamp,
	type LensState,
	type Overlay,
	type ScreenModel,
	select,
	sortBy,
	type UiState,
} from './state.ts';
import { edit } from './text-input.ts';

/** Longest search text, characters. */
const maxSearch = 64;

/** The row that a moving command leads to, from row `from`; null: the command does not move. */
export function target(command: Command, from: number, page: number, count: number): number | null {
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

export function inHelp(state: UiState, offset: number, command: Command, screen: ScreenModel): UiState {
	if (command === 'help' || command === 'back') return { ...state, overlay: null };
	const { lines, page } = screen.layout.help;
	const to = target(command, offset, page, lines);
	return to === null ? state : { ...state, overlay: { kind: 'help', offset: clamp(to, Math.max(0, lines - page)) } };
}

export function inLens(state: UiState, lens: LensState, command: Command, screen: ScreenModel): UiState {
	const { lines, page } = screen.layout.lens;
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

export function inSortMenu(state: UiState, index: number, command: Command, screen: ScreenModel): UiState {
	if (command === 'back' || command === 'sort-menu') return { ...state, overlay: null };
	if (command === 'detail') return sortBy({ ...state, overlay: null }, screen.columns[index]);
	const to = target(command, index, 5, screen.columns.length);
	return to === null ? state : { ...state, overlay: { kind: 'sort', index: clamp(to, screen.columns.length - 1) } };
}

export function inColumns(state: UiState, index: number, command: Command, screen: ScreenModel): UiState {
	const last = screen.choices.length - 1;
	const goTo = (to: number): Overlay => ({ kind: 'columns', index: clamp(to, last) });
	switch (command) {
		case 'back':
		case 'columns':
			return { ...state, overlay: null };
		case 'detail':
		case 'pause':
			return change(state, { columns: mergeChoices(screen.allChoices, toggle(screen.choices, index)) });
		case 'sort-left':
		case 'sort-right': {
			const step = command === 'sort-left' ? -1 : 1;
			const columns = mergeChoices(screen.allChoices, move(screen.choices, index, step));
			return { ...change(state, { columns }), overlay: goTo(index + step) };
		}
		case 'reverse':
			return change(state, { columns: null });
	}
	const to = target(command, index, 5, screen.choices.length);
	return to === null ? state : { ...state, overlay: goTo(to) };
}

/** Select the next match, from row `from` on. */
export function searchFrom(state: UiState, screen: ScreenModel, text: string, from: number, step: 1 | -1): UiState {
	const found = text === '' ? -1 : screen.find(text, from, step);
	if (found >= 0) return select(state, screen, found);
	return text === '' ? state : { ...state, message: `no row contains '${text}'` };
}

/** Keys while the filter is typed; it applies at once. A filter with an error cannot be kept. */
export function inFilter(
	state: UiState,
	overlay: Extract<Overlay, { kind: 'filter' }>,
	key: string,
	screen: ScreenModel,
): UiState {
	if (key === 'Enter') return screen.filterValid ? { ...state, overlay: null } : state;
	if (key === 'Esc' || (key === 'Backspace' && overlay.input.text === '')) {
		return { ...state, overlay: null, filter: '', origin: null };
	}
	if (key === 'Tab') {
		const { text, caret, candidates } = complete(overlay.input.text, overlay.input.caret, screen.names());
		if (text.length > maxLength) return state;
		return { ...state, filter: text, origin: null, overlay: { kind: 'filter', input: { text, caret }, candidates } };
	}
	const input = edit(overlay.input, key, maxLength);
	return { ...state, filter: input.text, origin: null, overlay: { kind: 'filter', input, candidates: [] } };
}

/** Keys while a time is typed; Enter goes there (actions.ts). */
export function inTime(state: UiState, overlay: Extract<Overlay, { kind: 'time' }>, key: string): UiState {
	if (key === 'Esc' || key === 'Enter' || (key === 'Backspace' && overlay.input.text === ''))
		return { ...state, overlay: null };
	return { ...state, overlay: { ...overlay, input: edit(overlay.input, key, maxSearch) } };
}

/** Keys while the search text is typed; the match is selected at once. */
export function inSearch(
	state: UiState,
	overlay: Extract<Overlay, { kind: 'search' }>,
	key: string,
	screen: ScreenModel,
): UiState {
	if (key === 'Esc') return { ...state, overlay: null };
	if (key === 'Enter' || (key === 'Backspace' && overlay.input.text === '')) return { ...state, overlay: null };
	if (key === 'F3') return searchFrom(state, screen, overlay.input.text, screen.selected + 1, 1);
	const input = edit(overlay.input, key, maxSearch);
	const next: UiState = { ...state, search: input.text || state.search, overlay: { ...overlay, input } };
	return input.text === overlay.input.text ? next : searchFrom(next, screen, input.text, overlay.from, 1);
}
