/** The words of the command line. Imported only where there are words: reading none takes no parser. */
import meow from 'meow';
import { UsageError } from '../core/errors.ts';
import { ownOptions, type Program } from './command.ts';
import { commonOptions } from './common.ts';
import type { Flags } from './flags.ts';

/** meow's name of an option. */
function camelCase(name: string): string {
	return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The first word of a command line that no option's value can be: options take theirs from the words behind the command. */
function runsAnother([first]: readonly string[], { commands }: Program): boolean {
	return commands.some(({ by }) => typeof by === 'object' && 'word' in by && by.word === first && by.rest);
}

/** Read `argv` (without interpreter and script); values are not looked at yet. Throws {@link UsageError}. */
export function readFlags(words: readonly string[], program: Program): Flags {
	const end = runsAnother(words, program) ? words.indexOf('--') : -1;
	const argv = end < 0 ? words : words.slice(0, end);
	const { tracers, commands } = program;
	const specs = [...ownOptions(program, commonOptions(tracers)), ...tracers.flatMap((tracer) => tracer.options)];
	// Values are parsed here, not by meow, which takes a missing value for the default and anything for a number.
	const flags = Object.fromEntries(
		specs.map((spec) => [
			camelCase(spec.name),
			{
				type: spec.type === 'boolean' ? 'boolean' : 'string',
				...(spec.short ? { shortFlag: spec.short } : {}),
			} as const,
		]),
	);
	let parsed: { flags: Record<string, unknown>; input: string[] };
	// meow names the process after the package
	const pkg = { name: 'wattlag' };
	try {
		parsed = meow('', {
			importMeta: import.meta,
			argv,
			pkg,
			autoHelp: false,
			autoVersion: false,
			booleanDefault: undefined,
			flags,
		});
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
	const known = new Map(specs.map((spec) => [camelCase(spec.name), spec.name]));
	for (const name of Object.keys(parsed.flags)) {
		if (!known.has(name))
			throw new UsageError(`unknown option ${name.length === 1 ? '-' : '--'}${name}; wattlag --help lists them`);
	}
	const [first, second] = parsed.input;
	const asked = commands.map(({ by }) => by).find((by) => typeof by === 'object' && 'word' in by && by.word === first);
	const { word, argument } = (asked ?? {}) as { word?: string; argument?: string };
	if (word !== undefined && argument !== undefined && second === undefined)
		throw new UsageError(`${word} needs a ${argument.toLowerCase()}: wattlag ${word} ${argument}`);
	const stray = parsed.input[argument !== undefined ? 2 : word !== undefined ? 1 : 0];
	if (stray !== undefined) {
		const behind = runsAnother(words, program) ? `: put -- before the command: wattlag ${word} -- ${stray} …` : '';
		throw new UsageError(`unexpected argument '${stray}'${behind || '; wattlag --help lists the options'}`);
	}
	const given = [...known].flatMap(([name, option]) =>
		parsed.flags[name] === undefined ? [] : [[option, parsed.flags[name]]],
	);
	// meow takes any word after a switch's `=` for yes
	for (const word of argv) {
		const [, name, value] = /^--([^=]+)=(.*)$/.exec(word) ?? [];
		if (specs.some((spec) => spec.name === name && spec.type === 'boolean'))
			given.push([name as string, value as string]);
	}
	return {
		...(word !== undefined && { word }),
		...(argument !== undefined && { argument: second as string }),
		...(end >= 0 && { rest: words.slice(end + 1) }),
		options: Object.fromEntries(given),
	};
}
