/** The words of the command line. Imported only where there are words: reading none takes no parser. */
import meow from 'meow';
import { UsageError } from '../core/errors.ts';
import { ownOptions, type Program, wordOf } from './command.ts';
import { commonOptions } from './common.ts';
import type { Flags } from './flags.ts';

/** meow's name of an option. */
function camelCase(name: string): string {
	return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The first word that asks for help, as the option of that name does. */
const HELP = 'help';

/** Read `argv` (without interpreter and script); values are not checked yet. Throws {@link UsageError}. */
export function readFlags(argv: readonly string[], program: Program): Flags {
	const { tracers, commands } = program;
	// behind `--` is another program's command line
	const dashes = argv.indexOf('--');
	const own = dashes < 0 ? argv : argv.slice(0, dashes);
	const rest = dashes < 0 ? [] : argv.slice(dashes + 1);
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
	for (const [at, word] of own.entries()) {
		const spec = specs.find(({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`));
		// meow would take each of its letters for an option
		if (spec && spec.type !== 'boolean' && /^-[^-]/.test(own[at + 1] ?? '') && Number.isNaN(Number(own[at + 1])))
			throw new UsageError(
				`${word} needs a value: ${word} ${spec.placeholder ?? 'VALUE'} ('${own[at + 1]}' is an option)`,
			);
	}
	let parsed: { flags: Record<string, unknown>; input: string[] };
	// meow names the process after the package
	const pkg = { name: 'wattlag' };
	try {
		parsed = meow('', {
			importMeta: import.meta,
			argv: own,
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
	const [first, ...following] = parsed.input;
	const asked = commands.map(wordOf).find((spec) => spec?.word === first);
	const { word, argument, optional } = asked ?? {};
	const wantsHelp = first === HELP || parsed.flags['help'] === true;
	const topic = first === HELP ? following[0] : first;
	if (wantsHelp && (topic === undefined || commands.some((one) => wordOf(one)?.word === topic)))
		return { options: { help: true }, ...(topic !== undefined && { help: topic }) };
	if (first === HELP) throw new UsageError(`help: there is no command '${topic}'; wattlag --help lists them`);
	const names = argument?.split(' ') ?? [];
	const missing = names[following.length];
	if (asked && missing !== undefined && !(optional && following.length === 0))
		throw new UsageError(
			`${word} needs ${missing.length === 1 ? 'another recording' : `a ${missing.toLowerCase()}`}: wattlag ${word} ${argument}`,
		);
	const stray = asked ? following[names.length] : first;
	if (stray !== undefined && asked?.rest !== undefined)
		throw new UsageError(`unexpected argument '${stray}': put -- before it: wattlag ${word} -- ${stray} …`);
	if (stray !== undefined) throw new UsageError(`unexpected argument '${stray}'; wattlag --help lists the options`);
	if (rest.length > 0 && asked?.rest === undefined)
		throw new UsageError(`unexpected argument '${rest[0]}' behind --; wattlag --help lists the options`);
	const given = [...known].flatMap(([name, option]) =>
		parsed.flags[name] === undefined ? [] : [[option, parsed.flags[name]]],
	);
	// meow takes any word after a switch's `=` for yes
	for (const word of own) {
		const [, name, value] = /^--([^=]+)=(.*)$/.exec(word) ?? [];
		if (specs.some((spec) => spec.name === name && spec.type === 'boolean'))
			given.push([name as string, value as string]);
	}
	return {
		...(word !== undefined && { word }),
		...(following.length > 0 && { argument: following[0] as string, more: following.slice(1) }),
		...(rest.length > 0 && { rest }),
		options: Object.fromEntries(given),
	};
}
