/** The words of the command line; what they are worth is decided in `resolve.ts`. */
import meow from 'meow';
import { UsageError } from '../usage-error.ts';
import { type AnyTracer, commonOptions } from './common.ts';

/** meow's name of an option. */
function camelCase(name: string): string {
	return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The command line as it was typed, every option known. */
export interface Flags {
	/** The command `compare`. */
	compare: boolean;
	/** The file of the command `replay`. */
	replay?: string;
	/** By name; only those that were given. */
	options: Readonly<Record<string, unknown>>;
}

/** Read `argv` (without interpreter and script); values are not looked at yet. Throws {@link UsageError}. */
export function readFlags(argv: readonly string[], tracers: readonly AnyTracer[]): Flags {
	const specs = [...commonOptions(tracers), ...tracers.flatMap((tracer) => tracer.options)];
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
	const compare = parsed.input[0] === 'compare';
	const replay = parsed.input[0] === 'replay' ? parsed.input[1] : undefined;
	if (parsed.input[0] === 'replay' && replay === undefined)
		throw new UsageError('replay needs a file: wattlag replay FILE');
	const stray = parsed.input[replay !== undefined ? 2 : compare ? 1 : 0];
	if (stray !== undefined) throw new UsageError(`unexpected argument '${stray}'; wattlag --help lists the options`);
	const given = [...known].flatMap(([name, option]) =>
		parsed.flags[name] === undefined ? [] : [[option, parsed.flags[name]]],
	);
	return { compare, ...(replay !== undefined && { replay }), options: Object.fromEntries(given) };
}

/** The file that the user named, before anything else is known. */
export function configPath({ options }: Flags): string | undefined {
	if (options['config'] === '') throw new UsageError('--config needs a value: --config FILE');
	return options['config'] as string | undefined;
}
