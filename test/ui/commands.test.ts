import { expect, test } from 'vitest';
import { defaultBindings } from '../../src/options/keymap.ts';
import { effects } from '../../src/ui/actions.ts';
import { target } from '../../src/ui/state/overlays.ts';
import { transitions } from '../../src/ui/state/transitions.ts';

test('every command of the keymap has a handler', () => {
	const tabs = ['tab', 'next-tab', 'previous-tab'];
	const handled = (command: (typeof defaultBindings)[number]['command']) =>
		command in transitions || command in effects || tabs.includes(command) || target(command, 0, 1, 1) !== null;
	expect(defaultBindings.map(({ command }) => command).filter((command) => !handled(command))).toEqual([]);
});
