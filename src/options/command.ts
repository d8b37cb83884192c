/** What a command is to the options: how the user asks for it and which options it takes. Its work is in src/commands/. */
import type { CostMode } from '../core/sampler.ts';
import type { Options } from '../core/tracer.ts';
import type { AppearanceChoice } from '../term/theme.ts';
import type { AnyTracer, CommonSpec } from './common.ts';
import type { KeyOverrides } from './keymap.ts';

/** What the user asked for, checked. */
export interface CommandLine {
	/** Name of the command. */
	command: string;
	/** The word behind it; empty: it takes none, or was given none. */
	argument: string;
	/** Further words, of commands that take several. */
	more: readonly string[];
	/** The user's own command behind `--`. */
	rest: readonly string[];
	/** Tab to open or to print; empty: none was named, of commands for {@link CommandSpec.anyTab}. */
	tab: string;
	/** Length of an interval, seconds. */
	delay: number;
	/** Ids of the tabs that are not to run. */
	without: readonly string[];
	/** How the cost of the BPF programs is measured. */
	ownCost: CostMode;
	/** By tab: column key to sort by; missing: the tab's own. */
	sorts: Record<string, string>;
	/** By tab: what a row stands for; missing: the tab's own. */
	groups: Record<string, string>;
	/** Checked: the filter language takes it. */
	filter: string;
	appearance: AppearanceChoice;
	mouse: boolean;
	keys: KeyOverrides;
	sysRoot: string;
	procRoot: string;
	/** Path of the debug log; empty: none. */
	debug: string;
	/** Every option that belongs to no tracer, by name. */
	values: Options;
	/** Options of the command line that belong to other tabs than `tab`, and to none that it is made of. */
	ofOtherTabs: readonly string[];
	/** Each tracer's own section. */
	sections: Record<string, Options>;
}

/** A first word, and what may follow it. */
export interface WordSpec {
	word: string;
	/** Names of the words behind it, for messages: `FILE`, `A B`. */
	argument?: string;
	/** They may be left out. */
	optional?: true;
	/** It takes a command of the user's behind `--`; its name for messages. */
	rest?: string;
}

export interface CommandSpec {
	/** Also the name of its folder below src/commands/. */
	name: string;
	/** A first word, a switch, or nothing at all. */
	by: WordSpec | { option: string } | 'default';
	/** How to ask for it, in messages: `--batch`, `compare --live`. */
	usage: string;
	/** Further words of its usage line in help: `[--json] [options]`. */
	usageOptions?: string;
	/** Follows the usage line in help. */
	summary: string;
	/** Options that no other command has. */
	options?: readonly CommonSpec[];
	/** Other options that only some commands take, and this one does. An option that no command lists is taken by all. */
	takes?: readonly string[];
	/** Its tab is the first one that measures, where the user names none: scripts want figures, not findings. */
	measuringTab?: true;
	/** Its rows are none of a tab: it checks the filter itself. */
	ownFilter?: true;
	/** Length of its intervals in seconds, where the user names none; absent: that of all. */
	delay?: number;
	/** It is about all tabs where the user names none. */
	anyTab?: true;
	/** Throws a `UsageError` for values that do not go together; `given` are the options of the command line, without defaults. */
	check?(line: CommandLine, tracers: readonly AnyTracer[], given: Readonly<Record<string, unknown>>): void;
}

/** What there is to ask for: everything that options are checked against. */
export interface Program {
	tracers: readonly AnyTracer[];
	commands: readonly CommandSpec[];
}

/** The first word that asks for a command, and what may follow it; undefined: a switch asks for it, or nothing. */
export function wordOf({ by }: Pick<CommandSpec, 'by'>): WordSpec | undefined {
	return typeof by === 'object' && 'word' in by ? by : undefined;
}

/** Options beside those of tracers: the common ones, then those of each command. */
export function ownOptions({ commands }: Pick<Program, 'commands'>, common: readonly CommonSpec[]): CommonSpec[] {
	return [...common, ...commands.flatMap(({ options = [] }) => options)];
}

/** The commands that take an option. */
export function takers(commands: readonly CommandSpec[], option: string): readonly CommandSpec[] {
	const listed = commands.filter(
		({ options = [], takes = [] }) => takes.includes(option) || options.some(({ name }) => name === option),
	);
	return listed.length > 0 ? listed : commands;
}
