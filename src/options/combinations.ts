/** Options that exclude each other: each such pair is a {@link UsageError} that names the option to leave out. */
import { UsageError } from '../core/errors.ts';
import type { Options } from '../core/tracer.ts';
import { type CommandSpec, type Program, takers, wordOf } from './command.ts';
import type { Flags } from './flags.ts';

function isAsked({ by }: CommandSpec, { word }: Flags, values: Options): boolean {
	if (by === 'default') return false;
	return 'word' in by ? by.word === word : values[by.option] === true;
}

function isSwitch({ by }: CommandSpec): boolean {
	return typeof by === 'object' && 'option' in by;
}

/** The one command that was asked for; the default one where none was. */
export function commandOf(commands: readonly CommandSpec[], flags: Flags, values: Options): CommandSpec {
	const asked = commands.filter((one) => isAsked(one, flags, values));
	const [command, other] = asked.sort((a, b) => Number(isSwitch(a)) - Number(isSwitch(b)));
	if (command && other) throw new UsageError(`${command.usage} and ${other.usage} exclude each other: leave one out`);
	return command ?? (commands.find(({ by }) => by === 'default') as CommandSpec);
}

/** The part of a command's usage that asks for it, to follow `--option needs`. */
function howToAsk(command: CommandSpec, option: string): string {
	const { usage } = command;
	return (usage.includes(`--${option}`) ? wordOf(command)?.word : undefined) ?? usage;
}

/** @param given the options of the command line, whose names are known */
export function checkCombinations(
	command: CommandSpec,
	{ tracers, commands }: Program,
	given: Options,
	values: Options,
): void {
	for (const [option, value] of Object.entries(given)) {
		const able = takers(commands, option);
		if (value === false || able.includes(command)) continue;
		if (command.by !== 'default') throw new UsageError(`--${option} does not go with ${command.usage}: leave it out`);
		const others = able.filter(({ by }) => by !== 'default').map((one) => howToAsk(one, option));
		throw new UsageError(`--${option} needs ${others.join(' or ')}`);
	}
	for (const { options, checkOptions } of tracers) {
		for (const { name, excludes = [] } of options) {
			const other = excludes.find((one) => values[name] && values[one]);
			if (other !== undefined) throw new UsageError(`--${other} and --${name} exclude each other: leave one out`);
		}
		const wrong = checkOptions?.(values, given);
		if (wrong !== undefined) throw new UsageError(wrong);
	}
}
