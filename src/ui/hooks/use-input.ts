/** Keys, clicks and the wheel: what they mean in what is in front. */

import type { Keymap } from '../../options/keymap.ts';
import type { OutwardCommands } from '../commands.ts';
import type { Action, UiState, View } from '../state/state.ts';
import type { Target } from '../widgets/hit.ts';
import { useKeys } from './use-keys.ts';

/** Rows of one turn of the wheel. */
const wheelRows = 3;

export interface Input {
	state: UiState;
	view: View;
	keymap: Keymap;
	outward: OutwardCommands;
	dispatch(action: Action): void;
	/** What is at a cell of the screen. */
	targetAt(x: number, y: number): Target | null;
}

function click({ state, view, dispatch, targetAt }: Input, x: number, y: number): void {
	if (state.overlay) return;
	const target = targetAt(x, y);
	if (state.lens && target?.kind !== 'tab') return;
	if (target?.kind === 'tab') dispatch({ kind: 'go-to', tab: target.id });
	else if (target?.kind === 'sort') dispatch({ kind: 'sort', key: target.key, view });
	else if (target?.kind === 'row') dispatch({ kind: 'select', index: target.index, view });
}

function wheel({ state, view, dispatch }: Input, step: 1 | -1): void {
	const command = step < 0 ? 'up' : 'down';
	if (state.overlay || state.lens) dispatch({ kind: 'command', command, key: '', view });
	else dispatch({ kind: 'select', index: view.selected + step * wheelRows, view });
}

function press({ state, view, keymap, outward, dispatch }: Input, key: string): void {
	const overlay = state.overlay?.kind;
	const typing = overlay === 'filter' || overlay === 'search';
	if (typing && key !== 'Ctrl-C' && key !== 'Ctrl-Z') {
		const move = /^(Up|Down|PgUp|PgDn)$/.test(key) ? keymap.commandOf(key) : undefined;
		dispatch(move ? { kind: 'command', command: move, key, view } : { kind: 'text', key, view });
		return;
	}
	const command = keymap.commandOf(key);
	if (!command) return;
	dispatch({ kind: 'command', command, key, view });
	// Space shows and hides columns in their menu.
	if (!(command === 'pause' && overlay === 'columns')) outward[command]?.(key);
}

export function useInput(input: Input): void {
	useKeys((key) => {
		const [, kind, x, y] = /^(Click|WheelUp|WheelDown)-(\d+)-(\d+)$/.exec(key) ?? [];
		if (kind === undefined) press(input, key);
		else if (kind === 'Click') click(input, Number(x), Number(y));
		else wheel(input, kind === 'WheelUp' ? -1 : 1);
	});
}
