/**
 * What the user asked for: configuration file, environment (`WATTLAG_*`) and command line, each before the one to its
 * left. A mistake is a {@link UsageError}: one line, exit code 2.
 */

import { UsageError } from '../core/errors.ts';
import type { Options } from '../core/tracer.ts';
import { Filter } from '../rows/filter/bind.ts';
import { describeFilterError, FilterError } from '../rows/filter/error.ts';
import type { FilterTab } from '../rows/filter/names.ts';
import type { AppearanceChoice } from '../term/theme.ts';
import { checkCombinations, type Mode, modeOf } from './combinations.ts';
import { type AnyTracer, type CommonSpec, commonOptions, firstMeasuring, words } from './common.ts';
import type { ConfigFile, Located } from './config/file.ts';
import { keyOverrides } from './config/keys.ts';
import { fileValues } from './file-values.ts';
import type { Flags } from './flags.ts';
import type { KeyOverrides } from './keymap.ts';
import { check, oneOf, orUnlimited } from './values.ts';

/** What the user asked for, checked. */
export interface CommandLine {
	mode: Mode;
	/** `replay`: the file. */
	recording: string;
	/** Tab to open or to print. */
	tab: string;
	json: boolean;
	/** Intervals to print; Infinity until stopped. */
	iterations: number;
	/** Length of an interval, seconds. */
	delay: number;
	/** Ids of the tabs that are not to run. */
	without: readonly string[];
	/** Rows to print; Infinity: all. */
	limit: number;
	/** By tab: column key to sort by; missing: the tab's own. */
	sorts: Record<string, string>;
	/** By tab: what a row stands for; missing: the tab's own. */
	groups: Record<string, string>;
	/** Checked: {@link Filter} takes it. */
	filter: string;
	/** Checked with the columns of {@link tab}; empty: none. */
	failIf: string;
	appearance: AppearanceChoice;
	mouse: boolean;
	keys: KeyOverrides;
	sysRoot: string;
	procRoot: string;
	/** `compare`, `-v`: seconds; Infinity until stopped. */
	duration: number;
	/** `-v`: lines per second. */
	rate: number;
	/** Each tracer's own section. */
	sections: Record<string, Options>;
}

/** `WATTLAG_DELAY` */
export function environmentName(option: string): string {
	return `WATTLAG_${option.toUpperCase().replaceAll('-', '_')}`;
}

/** Where values come from, beside the command line. */
export interface Sources {
	env?: Readonly<Record<string, string | undefined>>;
	file?: ConfigFile | null;
}

/** Bring the sources together and check every value. Throws {@link UsageError}. */
export function resolveOptions(
	{ compare, doctor, replay, options: flags }: Flags,
	tracers: readonly AnyTracer[],
	{ env = {}, file = null }: Sources = {},
): CommandLine {
	const common = commonOptions(tracers);
	const fromFile = file ? fileValues(file, tracers) : new Map<string, Located>();
	/** The value that counts and how the user wrote it; undefined: nobody gave one. */
	const find = (spec: CommonSpec, inFile: string): { raw: unknown; name: string } | undefined => {
		if (flags[spec.name] !== undefined) return { raw: flags[spec.name], name: `--${spec.name}` };
		const variable = environmentName(spec.name);
		if (!spec.once && env[variable] !== undefined) return { raw: env[variable], name: variable };
		const located = fromFile.get(inFile);
		return located && { raw: located.value, name: `${located.where}: ${inFile}` };
	};
	const specs: CommonSpec[] = [...common, ...tracers.flatMap((tracer) => tracer.options)];
	const values = new Map(
		specs
			.filter((spec) => !spec.perTab)
			.map((spec) => {
				const found = find(spec, spec.name);
				return [spec.name, found ? check(spec, found.raw, found.name) : spec.default];
			}),
	);
	const text = (name: string): string => values.get(name) as string;
	const number = (name: string): number => values.get(name) as number;
	const on = (name: string): boolean => values.get(name) === true;

	const batch = on('batch');
	const named = find(common.find(({ name }) => name === 'tab') as CommonSpec, 'tab') !== undefined;
	const without = words(text('without'));
	const run = tracers.filter(({ id }) => !without.includes(id));
	if (run.length === 0) throw new UsageError(`--without ${text('without')} leaves no tab`);
	const tab = named ? text('tab') : batch ? firstMeasuring(run) : (run[0] as AnyTracer).id;
	if (without.includes(tab)) throw new UsageError(`--tab ${tab}: left out by --without ${text('without')}`);
	if (compare && !on('live')) throw new UsageError('compare needs --live: wattlag compare --live');
	if (!compare && on('live')) throw new UsageError('--live belongs to compare: wattlag compare --live');
	const mode = modeOf([
		...(replay !== undefined ? (['replay'] as const) : []),
		...(compare ? (['compare'] as const) : []),
		...(doctor ? (['doctor'] as const) : []),
		...(on('verbose') ? (['slices'] as const) : []),
		...(batch ? (['batch'] as const) : []),
	]);
	checkCombinations(mode, flags, (name) => values.get(name));
	/** One of the options that every tab has for itself; those of the command line are for the tab in front. */
	const perTab = (name: string, choices: (tracer: AnyTracer) => readonly string[]): Record<string, string> => {
		const spec = common.find((one) => one.name === name) as CommonSpec;
		const entries = tracers.flatMap((tracer) => {
			const located = fromFile.get(`${tracer.id}.${name}`);
			const found =
				tracer.id === tab
					? find(spec, `${tracer.id}.${name}`)
					: located && { raw: located.value, name: `${located.where}: ${name}` };
			if (!found) return [];
			return [[tracer.id, oneOf(found.name, check(spec, found.raw, found.name) as string, choices(tracer), tracer.id)]];
		});
		return Object.fromEntries(entries);
	};
	return {
		mode,
		recording: replay ?? '',
		tab,
		json: on('json'),
		iterations: orUnlimited(number('iterations')),
		delay: number('delay'),
		without,
		limit: orUnlimited(number('limit')),
		sorts: perTab('sort', (tracer) => tracer.columns.map((column) => column.key)),
		groups: perTab('group', (tracer) => tracer.groups),
		filter: checkFilter('filter', text('filter'), tracers),
		failIf: checkFilter(
			'fail-if',
			text('fail-if'),
			tracers.filter(({ id }) => id === tab),
		),
		appearance: {
			theme: text('theme') as AppearanceChoice['theme'],
			colours: text('colours') === 'auto' ? 'auto' : (Number(text('colours')) as 16 | 256),
			ascii: on('ascii'),
		},
		mouse: on('mouse'),
		keys: keyOverrides(file?.tables.get('keys')?.values ?? new Map()),
		duration: number('duration') || (compare ? 10 : Number.POSITIVE_INFINITY),
		rate: number('rate'),
		sysRoot: text('sys-root'),
		procRoot: text('proc-root'),
		sections: Object.fromEntries(
			tracers.map((owner) => [
				owner.id,
				Object.fromEntries(owner.options.map((spec) => [spec.name, values.get(spec.name) as number])),
			]),
		),
	};
}

function checkFilter(option: string, text: string, tracers: readonly AnyTracer[]): string {
	try {
		new Filter(text, tracers as readonly FilterTab[]);
	} catch (error) {
		if (error instanceof FilterError) throw new UsageError(`--${describeFilterError(error, text, option)}`);
		throw error;
	}
	return text;
}
