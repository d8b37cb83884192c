/** THE table of keys: command → keys → words. Help screen, footer and the config file's `[keys]` are made from it. */

export const sections = ['General', 'Table', 'Move', 'Time'] as const;
type Section = (typeof sections)[number];

interface TableRow {
	command: string;
	/** Names as `term/keys.ts` gives them; the first is the one shown in hints. */
	keys: readonly string[];
	help: string;
	/** One word for the footer; lower `hintOrder` stays longer. */
	hint?: string;
	hintOrder?: number;
	section: Section;
}

const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const table = [
	{ command: 'help', keys: ['?', 'F1', 'h'], help: 'this help', hint: 'Help', hintOrder: 0, section: 'General' },
	{ command: 'tab', keys: digits, help: 'go to that tab; 0: the overview', section: 'General' },
	{
		command: 'finding',
		keys: ['A', 'B', 'C', 'D', 'E'],
		help: 'on the overview: to the tab, row and filter that show the finding with that letter; Esc comes back',
		section: 'General',
	},
	{ command: 'next-tab', keys: ['Tab'], help: 'next tab', hint: 'Next', hintOrder: 9, section: 'General' },
	{ command: 'previous-tab', keys: ['Shift-Tab'], help: 'previous tab', section: 'General' },
	{
		command: 'filter',
		keys: ['/', 'F4'],
		help: 'show only matching rows: part of a name, or e.g. p99 > 5ms and not comm ~ ^pg; Tab completes, Esc clears',
		hint: 'Filter',
		hintOrder: 2,
		section: 'Table',
	},
	{
		command: 'search',
		keys: ['\\', 'F3'],
		help: 'go to the next row whose name or pid contains the text',
		section: 'Table',
	},
	{ command: 'search-next', keys: ['n'], help: 'next match of the search', section: 'Table' },
	{ command: 'search-previous', keys: ['N'], help: 'previous match of the search', section: 'Table' },
	{
		command: 'sort-menu',
		keys: ['s', 'F6'],
		help: 'choose the sort column',
		hint: 'Sort',
		hintOrder: 3,
		section: 'Table',
	},
	{ command: 'sort-left', keys: ['<'], help: 'sort by the column to the left', section: 'Table' },
	{ command: 'sort-right', keys: ['>'], help: 'sort by the column to the right', section: 'Table' },
	{ command: 'reverse', keys: ['r', 'I'], help: 'reverse the order', hint: 'Reverse', hintOrder: 7, section: 'Table' },
	{
		command: 'group',
		keys: ['t'],
		help: 'group rows by the next kind that the tab offers (process, thread, cgroup, tree, …); it stays on other tabs that offer it',
		hint: 'Group',
		hintOrder: 6,
		section: 'Table',
	},
	{ command: 'columns', keys: ['c'], help: 'choose the columns and their order, for this session', section: 'Table' },
	{
		command: 'arguments',
		keys: ['a'],
		help: 'full command lines, secrets masked (overview); again: off',
		section: 'Table',
	},
	{
		command: 'baseline',
		keys: ['b'],
		help: 'remember the current figures: from then on ▲ ▼ and Δ show the change against them; again: forget them',
		hint: 'Baseline',
		hintOrder: 10,
		section: 'Table',
	},
	{
		command: 'copy',
		keys: ['y'],
		help: 'copy the selected row to the clipboard of the terminal (OSC 52)',
		section: 'Table',
	},
	{
		command: 'detail',
		keys: ['Enter'],
		help: 'all figures of the process of the selected row on one screen; of other rows, theirs',
		hint: 'Detail',
		hintOrder: 5,
		section: 'Table',
	},
	{
		command: 'back',
		keys: ['Esc', 'Backspace'],
		help: 'one step back: detail, selection, filter',
		hint: 'Back',
		hintOrder: -1,
		section: 'Table',
	},
	{ command: 'scale', keys: ['l'], help: 'bars linear or logarithmic', section: 'Table' },
	{
		command: 'unit',
		keys: ['u'],
		help: 'bars of the histogram in powers of two of µs or of ms (run queue)',
		section: 'Table',
	},
	{
		command: 'view',
		keys: ['v'],
		help: 'next display of the tab: bars, heat map (latency by time), CPUs (run queue); power, rest: what ends idle periods (energy); stages, slow requests, in flight (disk IO)',
		hint: 'View',
		hintOrder: 6,
		section: 'Table',
	},
	{
		command: 'next-stage',
		keys: ['Right'],
		help: 'histogram of one stage, the next one of the path (disk IO); Esc: none',
		section: 'Table',
	},
	{ command: 'previous-stage', keys: ['Left'], help: 'likewise, the one before it', section: 'Table' },
	{
		command: 'full-path',
		keys: ['f'],
		help: 'measure the full path as well (disk IO: file system and system call); again: off',
		section: 'Table',
	},
	{
		command: 'band-up',
		keys: [')'],
		help: 'only rows with times in one bar of the histogram; the next longer one; Esc: all',
		section: 'Table',
	},
	{ command: 'band-down', keys: ['('], help: 'likewise, the next shorter one', section: 'Table' },
	{
		command: 'narrow',
		keys: ['F'],
		help: 'measure only the process, device, or control group with those below it, of the selected row, in the kernel; again: everything',
		section: 'Table',
	},
	{
		command: 'profile',
		keys: ['p'],
		help: 'profile the process, thread, control group or command of the selected row (without one: the machine) until its tab is left for a minute; Esc comes back',
		section: 'Table',
	},
	{
		command: 'probe',
		keys: ['P'],
		help: 'profile the machine for 2 s, running code and waits, without leaving the tab: findings of the overview name the hottest function or lock',
		section: 'Table',
	},
	{
		command: 'mode',
		keys: ['m'],
		help: 'on the profile: running code, waits, both, or locks',
		section: 'Table',
	},
	{
		command: 'unwind',
		keys: ['U'],
		help: 'on the profile: unwind stacks also where there are no frame pointers, for 10 s; again: off',
		section: 'Table',
	},
	{ command: 'up', keys: ['Up', 'k'], help: 'row up', section: 'Move' },
	{ command: 'down', keys: ['Down', 'j'], help: 'row down', section: 'Move' },
	{ command: 'page-up', keys: ['PgUp', 'Ctrl-B'], help: 'page up', section: 'Move' },
	{ command: 'page-down', keys: ['PgDn', 'Ctrl-F'], help: 'page down', section: 'Move' },
	{ command: 'half-up', keys: ['Ctrl-U'], help: 'half a page up', section: 'Move' },
	{ command: 'half-down', keys: ['Ctrl-D'], help: 'half a page down', section: 'Move' },
	{ command: 'first', keys: ['g', 'Home'], help: 'first row', section: 'Move' },
	{ command: 'last', keys: ['G', 'End'], help: 'last row', section: 'Move' },
	{ command: 'faster', keys: ['+', '='], help: 'refresh more often', hint: 'Faster', hintOrder: 8, section: 'General' },
	{ command: 'slower', keys: ['-'], help: 'refresh less often', section: 'General' },
	{ command: 'redraw', keys: ['Ctrl-L'], help: 'draw the screen again', section: 'General' },
	{ command: 'suspend', keys: ['Ctrl-Z'], help: 'to the shell; fg comes back', section: 'General' },
	{ command: 'quit', keys: ['q', 'F10', 'Ctrl-C'], help: 'quit', hint: 'Quit', hintOrder: 1, section: 'General' },
	{
		command: 'pause',
		keys: ['Space', 'Z'],
		help: 'pause and go on; sampling continues meanwhile',
		hint: 'Pause',
		hintOrder: 4,
		section: 'Time',
	},
	{
		command: 'step-back',
		keys: ['['],
		help: 'one interval back in time, on all tabs; sampling goes on',
		hint: 'Past',
		hintOrder: 11,
		section: 'Time',
	},
	{ command: 'step-forward', keys: [']'], help: 'one interval on', section: 'Time' },
	{ command: 'jump-back', keys: ['{'], help: 'thirty intervals back', section: 'Time' },
	{ command: 'jump-forward', keys: ['}'], help: 'thirty intervals on', section: 'Time' },
	{
		command: 'record',
		keys: ['w'],
		help: 'write the snapshots in memory to a file that wattlag replay FILE shows anywhere, without privilege',
		section: 'Time',
	},
	{
		command: 'capture',
		keys: ['x'],
		help: 'a bundle of the minutes in memory, with the kernel’s log: wattlag captures lists it, replay shows it',
		section: 'Time',
	},
	{
		command: 'captures',
		keys: ['O'],
		help: 'on the fleet: the captures of the selected host, to fetch one and open it',
		section: 'Time',
	},
	{
		command: 'go-to-time',
		keys: ['T'],
		help: 'go to a time: 14:02, 14:02:10, 2026-01-02 14:02, -5m, +30s; in a recording also g',
		section: 'Time',
	},
	{ command: 'next-finding', keys: [';'], help: 'to the next moment at which a finding begins', section: 'Time' },
	{ command: 'previous-finding', keys: [','], help: 'likewise, the one before', section: 'Time' },
	{ command: 'next-event', keys: ['*'], help: 'to the next event of level high or severe', section: 'Time' },
	{ command: 'previous-event', keys: ['#'], help: 'likewise, the one before', section: 'Time' },
	{ command: 'next-mark', keys: ["'"], help: 'to the next mark of a recording (record --mark)', section: 'Time' },
	{ command: 'previous-mark', keys: ['"'], help: 'likewise, the one before', section: 'Time' },
	{ command: 'live', keys: ['.'], help: 'back to now', section: 'Time' },
] as const satisfies readonly TableRow[];

export type Command = (typeof table)[number]['command'];

export interface Binding extends TableRow {
	command: Command;
}

export const defaultBindings: readonly Binding[] = table;

/** Keys of commands, as the config file gives them. */
export type KeyOverrides = Readonly<Record<string, readonly string[]>>;

/** Keys as they are bound in this run. */
export interface Keymap {
	bindings: readonly Binding[];
	commandOf(key: string): Command | undefined;
}

/** However keys are bound, this one ends the program. */
const alwaysQuits = 'Ctrl-C';

/**
 * The default keys with those of some commands replaced. A key that is given to a command is taken from the one that
 * had it by default.
 */
export function keymapWith(overrides: KeyOverrides = {}): Keymap {
	const taken = new Set(Object.values(overrides).flat());
	const bindings = defaultBindings.map((binding): Binding => {
		const own = overrides[binding.command];
		const keys = own ?? binding.keys.filter((key) => !taken.has(key));
		const all = binding.command === 'quit' && !keys.includes(alwaysQuits) ? [...keys, alwaysQuits] : keys;
		return own || all.length !== binding.keys.length ? { ...binding, keys: all } : binding;
	});
	const commands = new Map(bindings.flatMap(({ command, keys }) => keys.map((key) => [key, command] as const)));
	return { bindings, commandOf: (key) => commands.get(key) };
}

export const defaultKeymap = keymapWith();

/** `0–9` rather than ten keys. */
export function keysText(binding: Binding): string {
	return binding.keys === digits ? '0–9' : binding.keys.join(' ');
}

/** Keys of a command as they are bound now. */
export function keysOf({ bindings }: Keymap, command: Command): readonly string[] {
	return bindings.find((binding) => binding.command === command)?.keys ?? [];
}
