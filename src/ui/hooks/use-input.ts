/** Keys, clicks and the wheel, as commands and actions. */

import { type CommandContext, goToTyped, runEffect } from '../actions.ts';
import { type Layout, targetAt } from '../layout/layout.ts';
import type { ScreenModel, UiState } from '../state/state.ts';
import { useKeys } from './use-keys.ts';

/** Rows of one turn of the wheel. */
const wheelRows = 3;

export interface Input {
	state: UiState;
	screen: ScreenModel;
	layout: Layout;
	context: CommandContext;
}

function click({ state, screen, layout, context: { dispatch } }: Input, x: number, y: number): void {
	if (state.overlay) return;
	const target = targetAt(layout, x, y);
	if (state.lens && target?.kind !== 'tab') return;
	if (target?.kind === 'tab') dispatch({ kind: 'go-to', tab: target.id });
	else if (target?.kind === 'sort') dispatch({ kind: 'sort', key: target.key, screen });
	else if (target?.kind === 'row') dispatch({ kind: 'select', index: target.index, screen });
}

function wheel({ state, screen, context: { dispatch } }: Input, step: 1 | -1): void {
	const command = step < 0 ? 'up' : 'down';
	if (state.overlay || state.lens) dispatch({ kind: 'command', command, key: '', screen });
	else dispatch({ kind: 'select', index: screen.selected + step * wheelRows, screen });
}

function press({ state, screen, context }: Input, key: string): void {
	const { keymap, dispatch } = context;
	const overlay = state.overlay?.kind;
	const typing = overlay === 'filter' || overlay === 'search' || overlay === 'time';
	if (typing && key !== 'Ctrl-C' && key !== 'Ctrl-Z') {
		const move = /^(Up|Down|PgUp|PgDn)$/.test(key) ? keymap.commandOf(key) : undefined;
		dispatch(move ? { kind: 'command', command: move, key, screen } : { kind: 'text', key, screen });
		if (key === 'Enter' && state.overlay?.kind === 'time') goToTyped(state.overlay.input.text, context);
		return;
	}
	const command = keymap.commandOf(key);
	if (!command) return;
	dispatch({ kind: 'command', command, key, screen });
	// Space shows and hides columns in their menu.
	if (!(command === 'pause' && overlay === 'columns')) runEffect(command, context, key);
}

export function useInput(input: Input): void {
	useKeys((key) => {
		const [, kind, x, y] = /^(Click|WheelUp|WheelDown)-(\d+)-(\d+)$/.exec(key) ?? [];
		if (kind === undefined) press(input, key);
		else if (kind === 'Click') click(input, Number(x), Number(y));
		else wheel(input, kind === 'WheelUp' ? -1 : 1);
	});
}
