import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/options/keymap.ts';
import { maxLength } from '../../src/rows/filter/lexer.ts';
import { reduce } from '../../src/ui/state/reduce.ts';
import {
	initialState,
	type ScreenModel,
	selectedIndex,
	sortOf,
	tabState,
	type UiState,
} from '../../src/ui/state/state.ts';
import { someColumns } from './fixtures/columns.ts';

const rowsOf = (...keys: string[]): Pick<ScreenModel, 'count' | 'keyAt'> => ({
	count: keys.length,
	keyAt: (index) => keys[index] as string,
});

const screen: ScreenModel = {
	tabs: ['energy', 'io'],
	digits: ['1', '2'],
	columns: someColumns as never,
	defaultSort: 'watts',
	choices: someColumns.map(({ key }) => ({ key, shown: true })),
	allChoices: someColumns.map(({ key }) => ({ key, shown: true })),
	...rowsOf('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
	selected: -1,
	processAt: (index) => `process ${index}`,
	find: (text, from) => (text === 'c' ? 2 : text === 'next' ? from : -1),
	names: () => ['watts', 'wait', 'comm'],
	filterValid: true,
	unit: 1e3,
	views: ['bars', 'heat map', 'CPUs'],
	ownRows: false,
	stages: [],
	detailFirst: false,
	hasDetail: true,
	layout: { page: 3, help: { lines: 40, page: 10 }, lens: { lines: 30, page: 10 } },
};

function press(commands: string, state: UiState = initialState('energy'), with_: Partial<ScreenModel> = {}): UiState {
	return commands.split(' ').reduce((now, command) => {
		const shown = { ...screen, ...with_ };
		shown.selected = selectedIndex(tabState(now), shown);
		return reduce(now, { kind: 'command', command: command as Command, key: '', screen: shown });
	}, state);
}

const selected = (state: UiState) => tabState(state).selected;

describe('the pane', () => {
	test('its views in turn, per tab', () => {
		expect(tabState(press('view')).view).toBe(1);
		expect(tabState(press('view view view')).view).toBe(0);
		expect(tabState(press('view'), 'io').view).toBe(0);
		expect(press('view', initialState('energy'), { views: [] })).toMatchObject({
			message: 'this tab has one view only',
		});
	});

	test('bars in µs or ms; a change of the unit clears the band', () => {
		const state = press('band-up unit');
		expect(state).toMatchObject({ unit: 1e6, band: null, message: 'bars are powers of two of ms' });
		expect(press('unit', state, { unit: 1e6 }).unit).toBe(1e3);
		expect(press('unit', initialState('energy'), { unit: null }).unit).toBe(null);
	});

	test('bars one by one, up to the open last and down to the first', () => {
		expect(press('band-up')).toMatchObject({ band: { unit: 1e3, slot: 10 } });
		expect(press('band-down band-down').band?.slot).toBe(9);
		const ups = press(Array.from({ length: 30 }, () => 'band-up').join(' '));
		expect(ups).toMatchObject({ band: { slot: 25 }, message: 'only rows with times of 33.6s and more; Esc: all rows' });
		const downs = press(Array.from({ length: 30 }, () => 'band-down').join(' '));
		expect(downs).toMatchObject({
			band: { slot: 0 },
			message: 'only rows with times from 0 to 2.00µs; Esc: all rows',
		});
		expect(press('band-up', initialState('energy'), { unit: null }).band).toEqual({ unit: 1, slot: 20 });
		expect(press('back', ups).band).toBe(null);
	});
});

describe('selection', () => {
	test.each([
		['down', 'a'],
		['down down', 'b'],
		['last up', 'g'],
		['page-down page-down', 'f'],
		['last page-up', 'e'],
		['half-down', 'b'],
		['first up', 'a'],
		['last down', 'h'],
		['down back', null],
	])('%s', (commands, row) => expect(selected(press(commands))).toBe(row));

	test('stays with its row; when the row is gone, where it was', () => {
		const state = press('down down down');
		const at = (...keys: string[]) => selectedIndex(tabState(state), { ...screen, ...rowsOf(...keys) });
		expect(selectedIndex(tabState(state), screen)).toBe(2);
		expect(at('c', 'a')).toBe(0);
		expect(at('x', 'y', 'z', 'w')).toBe(2);
		expect(at('x')).toBe(0);
		expect(at()).toBe(-1);
	});

	test('the row is found wherever it went', () => {
		const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
		for (const [key, index] of keys.flatMap((key) => keys.map((_, index) => [key, index] as const))) {
			const tab = { ...tabState(initialState('energy')), selected: key, index };
			expect(selectedIndex(tab, screen)).toBe(keys.indexOf(key));
			const others = keys.filter((other) => other !== key);
			expect(selectedIndex(tab, { ...screen, ...rowsOf(...others) })).toBe(Math.min(index, others.length - 1));
		}
	});

	test('no rows: every command is harmless', () => {
		for (const command of [
			'down',
			'up',
			'last',
			'first',
			'page-down',
			'detail',
			'back',
			'reverse',
			'sort-left',
			'group',
		]) {
			expect(() => press(command, undefined, rowsOf())).not.toThrow();
		}
	});
});

describe('sort', () => {
	const sort = (state: UiState) => sortOf(tabState(state, 'energy').sort, screen.columns, 'watts');

	test('moves over the columns and stops at the ends', () => {
		expect(sort(press('sort-right')).key).toBe('energy_uj');
		expect(sort(press('sort-left'))).toEqual({ key: 'comm', direction: 'ascending' });
		expect(sort(press('sort-left sort-left sort-left sort-left')).key).toBe('pid');
		expect(sort(press('reverse'))).toEqual({ key: 'watts', direction: 'ascending' });
		expect(sort(press('reverse reverse'))).toEqual({ key: 'watts', direction: 'descending' });
	});

	test('by the menu', () => {
		const state = press('sort-menu down detail');
		expect(state.overlay).toBeNull();
		expect(sort(state).key).toBe('energy_uj');
		expect(press('sort-menu back').overlay).toBeNull();
	});

	test('at start', () => expect(sort(initialState('energy', { energy: someColumns[0] as never })).key).toBe('pid'));
});

describe('tabs, detail, help', () => {
	test('tabs go round and keep their own state', () => {
		const state = press('down next-tab');
		expect(state.tab).toBe('io');
		expect(selected(state)).toBeNull();
		expect(selected(press('previous-tab', state))).toBe('a');
		expect(reduce(state, { kind: 'command', command: 'tab', key: '9', screen }).tab).toBe('io');
	});

	test('one step back at a time', () => {
		const group = { processAt: () => undefined };
		const deep = press('detail', undefined, group);
		expect(tabState(deep)).toMatchObject({ detail: true, selected: 'a' });
		const once = press('back', deep);
		expect(tabState(once)).toMatchObject({ detail: false, selected: 'a' });
		expect(selected(press('back', once))).toBeNull();
		expect(press('back back back back', deep).tab).toBe('energy');
	});

	test('a row of a process opens the lens, which scrolls; back and another tab leave it', () => {
		const lens = press('down down detail');
		expect(lens.lens).toEqual({ process: 'process 1', offset: 0 });
		expect(tabState(lens)).toMatchObject({ detail: false, selected: 'b' });
		expect(press('down down up', lens).lens?.offset).toBe(1);
		expect(press('page-down last', lens).lens?.offset).toBe(20);
		expect(press('last up', lens).lens?.offset).toBe(19);
		expect(selected(press('down back', lens))).toBe('b');
		expect(press('back', lens).lens).toBeNull();
		const there = press('next-tab', lens);
		expect(there).toMatchObject({ lens: null, tab: 'io' });
		expect(tabState(there).follow).toBe('process 1');
		expect(press('group sort-menu filter columns', lens)).toEqual(lens);
	});

	test('help scrolls within its bounds', () => {
		expect(press('help last').overlay).toEqual({ kind: 'help', offset: 30 });
		expect(press('help down down up').overlay).toEqual({ kind: 'help', offset: 1 });
		expect(press('help help').overlay).toBeNull();
		expect(selected(press('help down back'))).toBeNull();
	});
});

function type(keys: string[], state = press('filter'), with_: Partial<ScreenModel> = {}): UiState {
	return keys.reduce((now, key) => reduce(now, { kind: 'text', key, screen: { ...screen, ...with_ } }), state);
}

describe('filter', () => {
	test('takes characters, not named keys', () => {
		expect(type(['p', 'Space', 'F5', 'é', 'q']).filter).toBe('p éq');
		expect(type(['p', 'g', 'Backspace']).filter).toBe('p');
		expect(type(['a', 'Space', 'b', 'Ctrl-W']).filter).toBe('a ');
	});

	test('is edited at the caret', () => {
		expect(type(['a', 'c', 'Left', 'b']).filter).toBe('abc');
		expect(type(['a', 'b', 'Home', 'Delete']).filter).toBe('b');
		expect(type(['a', 'b', 'c', 'Ctrl-A', 'x', 'End', 'y']).filter).toBe('xabcy');
		expect(type(['a', '😀', 'Left', 'Left', 'Right', 'Backspace']).filter).toBe('😀');
		expect(type(['a', 'b', 'Left', 'Ctrl-K']).filter).toBe('a');
		expect(type(['a', 'b', 'Left', 'Ctrl-U']).filter).toBe('b');
	});

	test('Enter keeps, Esc clears', () => {
		expect(type(['p', 'Enter'])).toMatchObject({ filter: 'p', overlay: null });
		expect(type(['p', 'Esc'])).toMatchObject({ filter: '', overlay: null });
		expect(press('back', type(['p', 'Enter'])).filter).toBe('');
	});

	test('a wrong one cannot be kept', () => {
		expect(type(['p', 'Enter'], undefined, { filterValid: false }).overlay).toMatchObject({ kind: 'filter' });
	});

	test('Tab completes names', () => {
		expect(type(['c', 'Tab']).filter).toBe('comm ');
		expect(type(['w', 'Tab'])).toMatchObject({ filter: 'wa', overlay: { candidates: ['watts', 'wait'] } });
	});

	test('is bounded', () => {
		const long = press('filter', initialState('energy', {}, 'x'.repeat(maxLength - 2)));
		expect(type(['a', 'b', 'c', 'd'], long).filter).toBe(`${'x'.repeat(maxLength - 2)}ab`);
	});
});

describe('search', () => {
	test('goes to the match while it is typed, n goes on', () => {
		const found = type(['c'], press('search'));
		expect(selected(found)).toBe('c');
		expect(selected(press('search-next', { ...type(['Enter'], found), search: 'next' }))).toBe('d');
		expect(selected(press('search-previous', { ...type(['Enter'], found), search: 'next' }))).toBe('b');
	});

	test('reports when there is none, until the next key', () => {
		const none = type(['q'], press('search'));
		expect(none.message).toBe("no row contains 'q'");
		expect(type(['Esc'], none)).toMatchObject({ message: null, overlay: null });
	});
});

describe('selection and tabs', () => {
	test('the process is selected in the next tab', () => {
		const state = press('down down next-tab');
		expect(state.process).toBe('process 1');
		expect(
			selectedIndex(tabState(state), { ...rowsOf('x', 'y', 'z'), processAt: (index) => `process ${2 - index}` }),
		).toBe(1);
		expect(selectedIndex(tabState(state), { ...rowsOf('x', 'y'), processAt: () => undefined })).toBe(-1);
	});

	test('back forgets it', () => expect(press('down back next-tab').process).toBeNull());

	test('by mouse: select, sort, reverse, go to a tab', () => {
		const clicked = reduce(initialState('energy'), { kind: 'select', index: 3, screen });
		expect(selected(clicked)).toBe('d');
		const sorted = reduce(clicked, { kind: 'sort', key: 'cpu', screen });
		expect(tabState(sorted).sort).toEqual({ key: 'cpu', direction: 'descending' });
		expect(tabState(reduce(sorted, { kind: 'sort', key: 'cpu', screen })).sort?.direction).toBe('ascending');
		expect(reduce(sorted, { kind: 'go-to', tab: 'io' }).tab).toBe('io');
	});
});

describe('columns', () => {
	test('hide, move, as before', () => {
		const hidden = press('columns down pause');
		expect(tabState(hidden).columns?.find(({ key }) => key === 'comm')?.shown).toBe(false);
		const moved = press('columns sort-right');
		expect(
			tabState(moved)
				.columns?.map(({ key }) => key)
				.slice(0, 2),
		).toEqual(['comm', 'pid']);
		expect(moved.overlay).toEqual({ kind: 'columns', index: 1 });
		expect(tabState(press('reverse', moved)).columns).toBeNull();
		expect(press('back', moved).overlay).toBeNull();
	});
});

describe('to a finding and back', () => {
	const link = { tab: 'io' as const, filter: 'device = vda', sort: 'p99', process: '7:8' };
	const there = reduce(initialState('energy', {}, 'mine'), { kind: 'show', view: 0, link });
	const press = (state: UiState, command: Command, key = '') =>
		reduce(state, { kind: 'command', command, key, screen });

	test('tab, filter, sort and selection are those of the link', () => {
		expect(there).toMatchObject({ tab: 'io', filter: 'device = vda', process: '7:8' });
		expect(tabState(there).sort).toEqual({ key: 'p99', direction: 'descending' });
		expect(
			selectedIndex(tabState(there), { ...rowsOf('a', 'b'), processAt: (index) => (index === 1 ? '7:8' : undefined) }),
		).toBe(1);
		// without the process: the first row
		expect(selectedIndex(tabState(there), { ...rowsOf('a', 'b'), processAt: () => undefined })).toBe(0);
	});

	test('a link leads to the tracer’s own rows, whichever list was open; the list keeps its order', () => {
		const io = { ...screen, views: ['stages', 'slow'], ownRows: true };
		const next = (state: UiState) => reduce(state, { kind: 'command', command: 'view', key: 'v', screen: io });
		const sorted = reduce(next(initialState('io')), { kind: 'sort', key: 'comm', screen: io });
		const shown = reduce({ ...sorted, tab: 'energy' }, { kind: 'show', view: 0, link });
		expect(tabState(shown)).toMatchObject({ view: 0, sort: { key: 'p99' }, follow: '7:8' });
		expect(tabState(next(shown))).toMatchObject({ view: 1, sort: { key: 'comm' }, follow: null });
	});

	test('a link to another list of the tab: that list, with its own order', () => {
		const start = reduce(initialState('io'), { kind: 'sort', key: 'comm', screen: { ...screen, ownRows: true } });
		const shown = reduce(start, {
			kind: 'show',
			view: 2,
			link: { tab: 'io', view: 'in flight', filter: 'device = vda' },
		});
		expect(tabState(shown)).toMatchObject({ view: 2, sort: null });
		expect(shown.filter).toBe('device = vda');
	});

	test('a link within the tab: Esc restores filter and order', () => {
		const sorted = reduce(initialState('io', {}, 'mine'), { kind: 'sort', key: 'comm', screen });
		const back = press(reduce(sorted, { kind: 'show', view: 0, link }), 'back');
		expect(back).toMatchObject({ tab: 'io', filter: 'mine', origin: null });
		expect(tabState(back)).toEqual(tabState(sorted));
	});

	test('Esc, and the key of the tab, lead back to the filter that was there', () => {
		expect(press(there, 'back')).toMatchObject({ tab: 'energy', filter: 'mine', origin: null });
		expect(press(there, 'tab', '1')).toMatchObject({ tab: 'energy', filter: 'mine', origin: null });
	});

	test('a filter that was changed there is the user’s own', () => {
		const typed = reduce(press(there, 'filter'), { kind: 'text', key: 'x', screen });
		expect(press(reduce(typed, { kind: 'text', key: 'Enter', screen }), 'tab', '1')).toMatchObject({
			tab: 'energy',
			filter: 'device = vdax',
		});
	});
});
