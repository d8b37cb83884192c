/** THE table of keys: command → keys → words. Help screen and footer are made from it. */

export type Command =
	| 'quit'
	| 'help'
	| 'tab'
	| 'next-tab'
	| 'previous-tab'
	| 'up'
	| 'down'
	| 'page-up'
	| 'page-down'
	| 'half-up'
	| 'half-down'
	| 'first'
	| 'last'
	| 'sort-left'
	| 'sort-right'
	| 'sort-menu'
	| 'reverse'
	| 'filter'
	| 'group'
	| 'detail'
	| 'back'
	| 'pause'
	| 'faster'
	| 'slower'
	| 'scale'
	| 'redraw'
	| 'suspend';

export interface Binding {
	command: Command;
	/** Names as `term/keys.ts` gives them; the first is the one shown in hints. */
	keys: readonly string[];
	help: string;
	/** One word for the footer; lower `hintOrder` stays longer. */
	hint?: string;
	hintOrder?: number;
	section: 'General' | 'Move' | 'Table';
}

const digits = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

export const keymap: readonly Binding[] = [
	{ command: 'help', keys: ['?', 'F1', 'h'], help: 'this help', hint: 'Help', hintOrder: 0, section: 'General' },
	{ command: 'tab', keys: digits, help: 'go to that tab', section: 'General' },
	{ command: 'next-tab', keys: ['Tab'], help: 'next tab', hint: 'Next', hintOrder: 9, section: 'General' },
	{ command: 'previous-tab', keys: ['Shift-Tab'], help: 'previous tab', section: 'General' },
	{
		command: 'filter',
		keys: ['/', 'F4'],
		help: 'show only rows whose name or pid contains the text; Esc clears',
		hint: 'Filter',
		hintOrder: 2,
		section: 'Table',
	},
	{
		command: 'sort-menu',
		keys: ['s', 'F6'],
		help: 'choose the sort column',
		hint: 'Sort',
		hintOrder: 3,
		section: 'Table',
	},
	{ command: 'sort-left', keys: ['<', ','], help: 'sort by the column to the left', section: 'Table' },
	{ command: 'sort-right', keys: ['>', '.'], help: 'sort by the column to the right', section: 'Table' },
	{ command: 'reverse', keys: ['r', 'I'], help: 'reverse the order', hint: 'Reverse', hintOrder: 7, section: 'Table' },
	{
		command: 'group',
		keys: ['t'],
		help: 'group rows by the next thing the tab offers (process, thread, cgroup, …)',
		hint: 'Group',
		hintOrder: 6,
		section: 'Table',
	},
	{
		command: 'detail',
		keys: ['Enter'],
		help: 'look closer at the selected row',
		hint: 'Detail',
		hintOrder: 5,
		section: 'Table',
	},
	{ command: 'back', keys: ['Esc', 'Backspace'], help: 'one step back: detail, selection, filter', section: 'Table' },
	{ command: 'scale', keys: ['l'], help: 'bars linear or logarithmic', section: 'Table' },
	{ command: 'up', keys: ['Up', 'k'], help: 'row up', section: 'Move' },
	{ command: 'down', keys: ['Down', 'j'], help: 'row down', section: 'Move' },
	{ command: 'page-up', keys: ['PgUp', 'Ctrl-B'], help: 'page up', section: 'Move' },
	{ command: 'page-down', keys: ['PgDn', 'Ctrl-F'], help: 'page down', section: 'Move' },
	{ command: 'half-up', keys: ['Ctrl-U'], help: 'half a page up', section: 'Move' },
	{ command: 'half-down', keys: ['Ctrl-D'], help: 'half a page down', section: 'Move' },
	{ command: 'first', keys: ['g', 'Home'], help: 'first row', section: 'Move' },
	{ command: 'last', keys: ['G', 'End'], help: 'last row', section: 'Move' },
	{
		command: 'pause',
		keys: ['Space', 'Z'],
		help: 'pause and go on; sampling continues meanwhile',
		hint: 'Pause',
		hintOrder: 4,
		section: 'General',
	},
	{ command: 'faster', keys: ['+', '='], help: 'refresh more often', hint: 'Faster', hintOrder: 8, section: 'General' },
	{ command: 'slower', keys: ['-'], help: 'refresh less often', section: 'General' },
	{ command: 'redraw', keys: ['Ctrl-L'], help: 'draw the screen again', section: 'General' },
	{ command: 'suspend', keys: ['Ctrl-Z'], help: 'to the shell; fg comes back', section: 'General' },
	{ command: 'quit', keys: ['q', 'F10', 'Ctrl-C'], help: 'quit', hint: 'Quit', hintOrder: 1, section: 'General' },
];

const commands = new Map(keymap.flatMap((binding) => binding.keys.map((key) => [key, binding.command] as const)));

export function commandOf(key: string): Command | undefined {
	return commands.get(key);
}

/** `1–9` rather than nine keys. */
export function keysText(binding: Binding): string {
	return binding.keys === digits ? '1–9' : binding.keys.join(' ');
}
