/** Facts that several generated pages state, read from the program's tables. */
import type { OptionSpec } from '../../src/core/tracer.ts';
import type { AnyTracer } from '../../src/options/common.ts';
import { helpText } from '../../src/options/help.ts';

/** A tracer as the pages need it: with its terms and its loading. */
export type DocumentedTracer = AnyTracer & {
	defaultSort: string;
	terms?: readonly (readonly [string, string])[];
	onDemand?: boolean;
};

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

/** A part of `--help`, without its title and indent. Throws if `--help` no longer has it. */
function part(tracers: readonly AnyTracer[], title: string): string[] {
	const text = helpText(tracers);
	const found = new RegExp(`^${title}:(.*(?:\\n {2,}.*)*)`, 'm').exec(text)?.[1];
	if (found === undefined) throw new Error(`--help has no part '${title}:'`);
	return found.split('\n').map((line) => line.trim());
}

/** The forms of the command line, `[form, meaning]`. */
export function usages(tracers: readonly AnyTracer[]): [string, string][] {
	return part(tracers, 'usage').map((line) => {
		const [, form = line, meaning = ''] = /^(.*?) {2,}(.*)$/.exec(line) ?? [];
		return [form, meaning];
	});
}

/** Exit codes, `[code, meaning]`. */
export function exitCodes(tracers: readonly AnyTracer[]): [string, string][] {
	return part(tracers, 'exit codes')
		.join(' ')
		.split(';')
		.map((one) => {
			const [, code, meaning] = /^\s*(\d+) (.*)$/.exec(one) ?? [];
			if (code === undefined || meaning === undefined) throw new Error(`no exit code in '${one}' of --help`);
			return [code, meaning];
		});
}
