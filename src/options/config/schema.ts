/** JSON schema of the configuration file, from the same tables as the options: for editors, and held by a test. */

import type { OptionSpec } from '../../core/tracer.ts';
import { type AnyTracer, commonOptions } from '../common.ts';
import { defaultBindings } from '../keymap.ts';

function property(spec: OptionSpec): object {
	return {
		description: spec.help,
		type: spec.choices?.includes('256') ? ['string', 'integer'] : spec.integer ? 'integer' : spec.type,
		default: spec.default,
		...(spec.choices && {
			enum: spec.choices.flatMap((choice) => (/^\d+$/.test(choice) ? [choice, Number(choice)] : [choice])),
		}),
		...(spec.min !== undefined && { minimum: spec.min }),
		...(spec.max !== undefined && { maximum: spec.max }),
	};
}

function table(description: string, properties: object): object {
	return { description, type: 'object', additionalProperties: false, properties };
}

export function configSchema(tracers: readonly AnyTracer[]): object {
	const common = commonOptions(tracers).filter((spec) => !spec.once && !spec.perTab);
	const key = { type: 'string', minLength: 1 };
	return {
		$schema: 'https://json-schema.org/draft/2020-12/schema',
		title: 'wattlag configuration',
		...table('$XDG_CONFIG_HOME/wattlag/config.toml', {
			...Object.fromEntries(common.map((spec) => [spec.name, property(spec)])),
			...Object.fromEntries(
				tracers.map((tracer) => [
					tracer.id,
					table(tracer.summary, {
						sort: { description: 'column to sort by', enum: tracer.columns.map((column) => column.key) },
						group: { description: 'what a row stands for', enum: tracer.groups },
						...Object.fromEntries(tracer.options.map((spec) => [spec.name, property(spec)])),
						...Object.fromEntries(
							tracer.options.flatMap(({ table: name, help }) =>
								name === undefined
									? []
									: [[name, { description: help, type: 'object', additionalProperties: { type: 'object' } }]],
							),
						),
					}),
				]),
			),
			keys: table(
				'keys of commands, in place of the default ones',
				Object.fromEntries(
					defaultBindings.map(({ command, help, keys }) => [
						command,
						{ description: `${help} (default: ${keys.join(' ')})`, anyOf: [key, { type: 'array', items: key }] },
					]),
				),
			),
		}),
	};
}
