/** Facts that several generated pages state, read from the program's tables. */
import { EXIT_CODES } from '../../src/core/errors.ts';
import type { OptionSpec, Term } from '../../src/core/tracer.ts';
import type { CommandSpec, Program } from '../../src/options/command.ts';
import type { AnyTracer, CommonSpec } from '../../src/options/common.ts';
import { usageLine } from '../../src/options/help.ts';

/** A tracer as the pages need it: with its terms and its loading. */
export type DocumentedTracer = AnyTracer & {
	defaultSort: string;
	terms?: readonly Term[];
	onDemand?: boolean;
};

/** What there is to document. */
export interface DocumentedProgram {
	tracers: readonly DocumentedTracer[];
	commands: readonly CommandSpec[];
}

/** `-t, --tab NAME` */
export function optionWords({ short, name, placeholder }: OptionSpec): string {
	return `${short ? `-${short}, ` : ''}--${name}${placeholder ? ` ${placeholder}` : ''}`;
}

/** Values of an option: choices, range, default; a sentence part each. */
export function optionValues(spec: OptionSpec): string[] {
	const { choices, min, max, type } = spec;
	const kind = spec.integer ? 'whole number' : 'number';
	const range =
		type !== 'number'
			? undefined
			: min !== undefined && max !== undefined
				? `${kind} from ${min} to ${max}`
				: min !== undefined
					? `${kind}, at least ${min}`
					: kind;
	return [
		...(choices ? [`one of ${choices.join(', ')}`] : []),
		...(range === undefined ? [] : [range]),
		...(type !== 'boolean' && spec.default !== '' ? [`default ${spec.default}`] : []),
	];
}

/** The forms of the command line, `[form, meaning]`. */
export function usages({ commands }: Pick<Program, 'commands'>): [string, string][] {
	return commands.map((command) => [usageLine(command), command.summary]);
}

/** Commands with options of their own. */
export function withOptions({
	commands,
}: Pick<Program, 'commands'>): (CommandSpec & { options: readonly CommonSpec[] })[] {
	return commands.flatMap((command) => (command.options ? [{ ...command, options: command.options }] : []));
}

/** Exit codes, `[code, meaning]`. */
export const exitCodes: readonly [string, string][] = EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]);
