/** The words of the command line; what they are worth is decided in `resolve.ts`. */
import { parseArgs } from 'node:util';
import { UsageError } from '../usage-error.ts';
import { type AnyTracer, commonOptions } from './common.ts';

/** The command line as it was typed, every option known. */
export interface Flags {
	/** The command `compare`. */
	compare: boolean;
	/** The file of the command `replay`. */
	replay?: string;
	/** By name; only those that were given: switches as `true` or `false` or the word after `=`, others as text. */
	options: Readonly<Record<string, unknown>>;
}

const hint = 'wattlag --help lists';

/** Read `argv` (without interpreter and script); values are not looked at yet. Throws {@link UsageError}. */
export function readFlags(argv: readonly string[], tracers: readonly AnyTracer[]): Flags {
	const specs = [...commonOptions(tracers), ...tracers.flatMap((tracer) => tracer.options)];
	const known = new Map(specs.map((spec) => [spec.name, spec]));
	const { tokens } = parseArgs({
		args: [...argv],
		// mistakes are found here, one clear line each
		strict: false,
		allowNegative: true,
		tokens: true,
		options: Object.fromEntries(
			specs.map(({ name, short, type }) => [
				name,
				{ type: type === 'boolean' ? 'boolean' : 'string', ...(short && { short }) },
			]),
		),
	});
	const input: string[] = [];
	const given = new Map<string, unknown>();
	for (const token of tokens) {
		if (token.kind === 'positional') input.push(token.value);
		if (token.kind !== 'option') continue;
		const { name, rawName, value } = token;
		const spec = known.get(name);
		if (!spec) throw new UsageError(`unknown option ${rawName}; ${hint} them`);
		if (spec.type === 'boolean') {
			given.set(name, value ?? !rawName.startsWith('--no-'));
			continue;
		}
		if (given.has(name)) throw new UsageError(`${rawName} is given twice`);
		// the next option is no value, a negative number is one
		const missing = value === undefined || (!token.inlineValue && /^-\D/.test(value));
		given.set(name, missing ? '' : value);
	}
	const compare = input[0] === 'compare';
	const replay = input[0] === 'replay' ? input[1] : undefined;
	if (input[0] === 'replay' && replay === undefined) throw new UsageError('replay needs a file: wattlag replay FILE');
	const stray = input[replay !== undefined ? 2 : compare ? 1 : 0];
	if (stray !== undefined) throw new UsageError(`unexpected argument '${stray}'; ${hint} the options`);
	return { compare, ...(replay !== undefined && { replay }), options: Object.fromEntries(given) };
}

/** The file that the user named, before anything else is known. */
export function configPath({ options }: Flags): string | undefined {
	if (options['config'] === '') throw new UsageError('--config needs a value: --config FILE');
	return options['config'] as string | undefined;
}
