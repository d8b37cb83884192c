/**
 * What the user asked for: configuration file, environment (`WATTLAG_*`) and command line, each before the one to its
 * left. A mistake is a {@link UsageError}: one line, exit code 2.
 */

import { UsageError } from '../core/errors.ts';
import type { Options } from '../core/tracer.ts';
import { Filter } from '../rows/filter/bind.ts';
import { describeFilterError, FilterError } from '../rows/filter/error.ts';
import { columnNamed, type FilterTab } from '../rows/filter/names.ts';
import type { AppearanceChoice } from '../term/theme.ts';
import { checkCombinations, commandOf } from './combinations.ts';
import { type CommandLine, type CommandSpec, ownOptions, type Program } from './command.ts';
import { type AnyTracer, type CommonSpec, commonOptions, firstMeasuring, words } from './common.ts';
import type { ConfigFile, Located } from './config/file.ts';
import { keyOverrides } from './config/keys.ts';
import { fileValues } from './file-values.ts';
import type { Flags } from './flags.ts';
import { check, oneOf } from './values.ts';

/** `WATTLAG_DELAY` */
function environmentName(option: string): string {
	return `WATTLAG_${option.toUpperCase().replaceAll('-', '_')}`;
}

/** Where values come from, beside the command line. */
export interface Sources {
	env?: Readonly<Record<string, string | undefined>>;
	file?: ConfigFile | null;
}

/** The tab that the user named, or the first one that runs. */
function chooseTab(
	{ measuringTab, anyTab }: CommandSpec,
	tracers: readonly AnyTracer[],
	without: readonly string[],
	named: string | undefined,
): string {
	const left = `--without ${without.join(',')}`;
	const run = tracers.filter(({ id }) => !without.includes(id));
	if (run.length === 0) throw new UsageError(`${left} leaves no tab`);
	if (named !== undefined && without.includes(named)) throw new UsageError(`--tab ${named}: left out by ${left}`);
	if (named === undefined && anyTab) return '';
	return named ?? (measuringTab ? firstMeasuring(run) : (run[0] as AnyTracer).id);
}

function ofOtherTabs(given: readonly string[], tab: string, tracers: readonly AnyTracer[]): string[] {
	const from = tracers.find(({ id }) => id === tab)?.from ?? [];
	const having = (option: string) => tracers.filter(({ options }) => options.some(({ name }) => name === option));
	return given.filter((option) => {
		const owners = having(option).map(({ id }) => id);
		return owners.length > 0 && !owners.some((id) => id === tab || from.includes(id));
	});
}

/** Bring the sources together and check every value. Throws {@link UsageError}. */
export function resolveOptions(flags: Flags, program: Program, { env = {}, file = null }: Sources = {}): CommandLine {
	const { tracers, commands } = program;
	const given = flags.options;
	const common = ownOptions(program, commonOptions(tracers));
	const fromFile = file ? fileValues(file, tracers) : new Map<string, Located>();
	/** The value that counts and how the user wrote it; undefined: none was given. */
	const find = (spec: CommonSpec, inFile: string): { raw: unknown; name: string } | undefined => {
		if (given[spec.name] !== undefined) return { raw: given[spec.name], name: `--${spec.name}` };
		const variable = environmentName(spec.name);
		if (!spec.once && env[variable] !== undefined) return { raw: env[variable], name: variable };
		const located = fromFile.get(inFile);
		return located && { raw: located.value, name: `${located.where}: ${inFile}` };
	};
	const specs: CommonSpec[] = [...common, ...tracers.flatMap((tracer) => tracer.options)];
	const values: Options = Object.fromEntries(
		specs
			.filter((spec) => !spec.perTab)
			.map((spec) => {
				const found = find(spec, spec.name);
				return [spec.name, found ? check(spec, found.raw, found.name) : spec.default];
			}),
	);
	const text = (name: string): string => values[name] as string;
	const on = (name: string): boolean => values[name] === true;

	const command = commandOf(commands, flags, values);
	const named = find(common.find(({ name }) => name === 'tab') as CommonSpec, 'tab') && text('tab');
	const delayNamed = find(common.find(({ name }) => name === 'delay') as CommonSpec, 'delay');
	const without = words(text('without'));
	const tab = chooseTab(command, tracers, without, named);
	checkCombinations(command, program, given as Options, values);
	/** One of the options that every tab has for itself; those of the command line are for the tab in front. */
	const perTab = (
		name: string,
		choices: (tracer: AnyTracer) => readonly string[],
		meant: (tracer: AnyTracer, value: string) => string | undefined = () => undefined,
	): Record<string, string> => {
		const spec = common.find((one) => one.name === name) as CommonSpec;
		const entries = tracers.flatMap((tracer) => {
			const located = fromFile.get(`${tracer.id}.${name}`);
			const found =
				tracer.id === tab
					? find(spec, `${tracer.id}.${name}`)
					: located && { raw: located.value, name: `${located.where}: ${name}` };
			if (!found) return [];
			const value = check(spec, found.raw, found.name) as string;
			return [[tracer.id, meant(tracer, value) ?? oneOf(found.name, value, choices(tracer), tracer.id)]];
		});
		return Object.fromEntries(entries);
	};
	const line: CommandLine = {
		command: command.name,
		argument: flags.argument ?? '',
		more: flags.more ?? [],
		rest: flags.rest ?? [],
		tab,
		delay: delayNamed ? (values['delay'] as number) : (command.delay ?? (values['delay'] as number)),
		without,
		ownCost: text('own-cost') as CommandLine['ownCost'],
		// by all names that a filter knows
		sorts: perTab(
			'sort',
			(tracer) => tracer.columns.map((column) => column.key),
			(tracer, value) => columnNamed(tracer, value)?.key,
		),
		groups: perTab('group', (tracer) => tracer.groups),
		filter: command.ownFilter ? text('filter') : checkFilter('filter', text('filter'), tracers),
		appearance: {
			theme: text('theme') as AppearanceChoice['theme'],
			colours: text('colours') === 'auto' ? 'auto' : (Number(text('colours')) as 16 | 256),
			ascii: on('ascii'),
		},
		mouse: on('mouse'),
		keys: keyOverrides(file?.tables.get('keys')?.values ?? new Map()),
		sysRoot: text('sys-root'),
		procRoot: text('proc-root'),
		debug: text('debug'),
		values: Object.fromEntries(
			common.filter(({ perTab: each }) => !each).map(({ name }) => [name, values[name] as Options[string]]),
		),
		ofOtherTabs: ofOtherTabs(Object.keys(given), tab, tracers),
		sections: Object.fromEntries(
			tracers.map((owner) => [
				owner.id,
				Object.fromEntries(owner.options.map(({ name }) => [name, values[name] as Options[string]])),
			]),
		),
	};
	command.check?.(line, tracers, given);
	return line;
}

/**
 * The text itself when it is an expression of the filter language for these tabs.
 * @param option name of the option that it comes from
 * @throws {UsageError}
 */
export function checkFilter(option: string, text: string, tracers: readonly AnyTracer[]): string {
	try {
		new Filter(text, tracers as readonly FilterTab[]);
	} catch (error) {
		if (error instanceof FilterError) throw new UsageError(`--${describeFilterError(error, text, option)}`);
		throw error;
	}
	return text;
}
