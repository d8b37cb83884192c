/**
 * What the user asked for: configuration file, environment (`WATTLAG_*`) and command line, each before the one to its
 * left. Common options are listed here, a tracer's own come from its `options`; checking, help, the file's schema and
 * errors are made from these tables. A mistake is a {@link UsageError}: one line, exit code 2.
 */
import meow from 'meow';
import type { ConfigFile, Located } from './config/file.ts';
import { keyOverrides } from './config/keys.ts';
import { Filter } from './filter/bind.ts';
import { describeFilterError, FilterError } from './filter/error.ts';
import type { FilterTab } from './filter/names.ts';
import type { OptionSpec, Options, Tracer } from './tracers/tracer.ts';
import type { KeyOverrides } from './ui/keymap.ts';
import type { LookChoice } from './ui/theme.ts';
import { UsageError } from './usage-error.ts';

export { UsageError };

/** What the user asked for, checked. */
export interface CommandLine {
	mode: 'live' | 'batch' | 'compare' | 'slices' | 'help' | 'version';
	/** Tab to open or to print. */
	tab: string;
	json: boolean;
	/** Intervals to print; Infinity until stopped. */
	iterations: number;
	/** Length of an interval, seconds. */
	delay: number;
	/** Rows to print; Infinity: all. */
	limit: number;
	/** By tab: column key to sort by; missing: the tab's own. */
	sorts: Record<string, string>;
	/** By tab: what a row stands for; missing: the tab's own. */
	groups: Record<string, string>;
	/** Checked: {@link Filter} takes it. */
	filter: string;
	look: LookChoice;
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

export type AnyTracer = Pick<
	Tracer<never, object>,
	'id' | 'title' | 'summary' | 'columns' | 'groups' | 'options' | 'from'
>;

interface CommonSpec extends OptionSpec {
	/** Of this one run: neither in the configuration file nor in the environment. */
	once?: true;
	/** In the configuration file it stands in each tab's table. */
	perTab?: true;
}

/** What scripts get that name no tab: a tab that is made of others is for people. */
function firstMeasuring(tracers: readonly AnyTracer[]): string {
	return (tracers.find(({ from }) => !from) ?? tracers[0])?.id ?? '';
}

export function commonOptions(tracers: readonly AnyTracer[]): CommonSpec[] {
	const tabs = tracers.map((tracer) => tracer.id);
	return [
		{
			name: 'tab',
			short: 't',
			type: 'string',
			default: tabs[0] ?? '',
			choices: tabs,
			placeholder: 'NAME',
			help: `tab to open, or to print (with --batch: ${firstMeasuring(tracers)} unless one is named)`,
		},
		{
			name: 'delay',
			short: 'd',
			type: 'number',
			default: 1,
			min: 0.1,
			max: 3600,
			placeholder: 'SECONDS',
			help: 'length of an interval',
		},
		{
			name: 'sort',
			short: 's',
			type: 'string',
			default: '',
			placeholder: 'COLUMN',
			perTab: true,
			help: 'column to sort by',
		},
		{
			name: 'group',
			short: 'g',
			type: 'string',
			default: '',
			placeholder: 'NAME',
			perTab: true,
			help: 'what a row stands for',
		},
		{
			name: 'filter',
			short: 'f',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: "rows to show: part of a name, or e.g. 'p99 > 5ms and not comm ~ ^pg' (see docs/filter.md)",
		},
		{
			name: 'theme',
			type: 'string',
			default: 'auto',
			choices: ['auto', 'dark', 'light', 'monochrome', 'colour-blind'],
			placeholder: 'NAME',
			help: 'colours',
		},
		{
			name: 'colours',
			type: 'string',
			default: 'auto',
			choices: ['auto', '16', '256'],
			placeholder: 'N',
			help: 'how many the terminal has',
		},
		{ name: 'ascii', type: 'boolean', default: false, help: 'draw with 7-bit characters only' },
		{ name: 'mouse', type: 'boolean', default: false, help: 'wheel scrolls, click selects row, tab and sort column' },
		{
			name: 'config',
			short: 'c',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			once: true,
			help: 'configuration file (see docs/config.md)',
		},
		{
			name: 'batch',
			short: 'b',
			type: 'boolean',
			default: false,
			once: true,
			help: 'print to standard output instead of opening the screen',
		},
		{
			name: 'json',
			short: 'j',
			type: 'boolean',
			default: false,
			once: true,
			help: 'with --batch: one JSON object per line and interval (see docs/batch.md)',
		},
		{
			name: 'iterations',
			short: 'n',
			type: 'number',
			default: 0,
			min: 0,
			placeholder: 'N',
			once: true,
			help: 'with --batch: stop after N intervals (0: never)',
		},
		{
			name: 'limit',
			short: 'l',
			type: 'number',
			default: 0,
			min: 0,
			placeholder: 'N',
			once: true,
			help: 'with --batch: print the first N rows (0: all)',
		},
		{
			name: 'verbose',
			short: 'v',
			type: 'boolean',
			default: false,
			once: true,
			help: 'print a line for every turn that a task has on a CPU',
		},
		{
			name: 'rate',
			type: 'number',
			default: 1000,
			min: 1,
			max: 1_000_000,
			placeholder: 'N',
			once: true,
			help: 'with -v: lines per second; how many more there were is told',
		},
		{
			name: 'live',
			type: 'boolean',
			default: false,
			once: true,
			help: 'with compare: BPF and the /proc sampler over the same seconds',
		},
		{
			name: 'duration',
			type: 'number',
			default: 0,
			min: 0,
			max: 86_400,
			placeholder: 'SECONDS',
			once: true,
			help: 'with compare (0: 10) and -v (0: until stopped)',
		},
		{
			name: 'sys-root',
			type: 'string',
			default: '/sys',
			placeholder: 'DIR',
			once: true,
			help: 'where sysfs is; another tree stands in for other hardware',
		},
		{ name: 'proc-root', type: 'string', default: '/proc', placeholder: 'DIR', once: true, help: 'where proc is' },
		{ name: 'help', short: 'h', type: 'boolean', default: false, once: true, help: 'this text' },
		{ name: 'version', short: 'V', type: 'boolean', default: false, once: true, help: 'print the version' },
	];
}

function flag(spec: OptionSpec): string {
	return `${spec.short ? `-${spec.short}, ` : '    '}--${spec.name}${spec.placeholder ? ` ${spec.placeholder}` : ''}`;
}

function describe(spec: OptionSpec): string {
	const notes: string[] = [];
	if (spec.choices) notes.push(spec.choices.join(' | '));
	if (spec.type !== 'boolean' && spec.default !== '' && spec.default !== 0) notes.push(`default ${spec.default}`);
	return `  ${flag(spec).padEnd(28)}${spec.help}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

/** Words on lines of at most 110 characters; all lines but the first begin with `indent`. */
function wrap(text: string, indent: string): string {
	let line = 0;
	return text.replace(/ ?\S+/g, (word) => {
		if (line > 0 && line + word.length > 110) {
			line = indent.length + word.length - 1;
			return `\n${indent}${word.trimStart()}`;
		}
		line += word.length;
		return word;
	});
}

/** The text of `--help`. */
export function helpText(tracers: readonly AnyTracer[]): string {
	const sections = tracers.flatMap((tracer) => [
		'',
		wrap(`${tracer.title} (--tab ${tracer.id}): ${tracer.summary}`, '  '),
		`  sort by: ${wrap(tracer.columns.map((column) => column.key).join(' '), '    ')}`,
		...(tracer.groups.length > 1 ? [`  group by: ${tracer.groups.join(' ')}`] : []),
		...tracer.options.map(describe),
	]);
	return [
		'wattlag: where the watts and the latency go, live, from eBPF',
		'',
		'usage: wattlag [options]                    open the screen (? there for keys)',
		'       wattlag --batch [--json] [options]   print to standard output',
		'       wattlag compare --live [--duration S] [--json]   BPF against the /proc sampler, side by side',
		'       wattlag -v [--rate N]                a line for every scheduling slice',
		'',
		...commonOptions(tracers).map(describe),
		...sections,
		'',
		'exit codes: 0 done; 1 failure; 2 bad option; 77 nothing could be measured (privilege or kernel)',
		'',
	].join('\n');
}

const yes = ['1', 'true', 'yes', 'on'];
const no = ['0', 'false', 'no', 'off', ''];

/** A value from any of the sources, checked. `name` is how the user wrote it, with its place where there is one. */
function check(spec: OptionSpec, raw: unknown, name: string): number | string | boolean {
	if (spec.type === 'boolean') {
		if (typeof raw === 'boolean') return raw;
		if (typeof raw === 'string' && [...yes, ...no].includes(raw)) return yes.includes(raw);
		throw new UsageError(`${name}: '${raw}' is neither true nor false`);
	}
	const text = typeof raw === 'number' ? String(raw) : raw;
	if (text === '' || typeof text !== 'string') {
		throw new UsageError(`${name} needs a value: ${name} ${spec.placeholder ?? 'VALUE'}`);
	}
	if (spec.choices && !spec.choices.includes(text)) {
		throw new UsageError(`${name}: '${text}' is not one of ${spec.choices.join(', ')}`);
	}
	const invalid = spec.invalid?.(text);
	if (invalid !== undefined) throw new UsageError(`${name}: ${invalid}`);
	if (spec.type === 'string') return text;
	const number = Number(text);
	const low = spec.min ?? Number.NEGATIVE_INFINITY;
	const high = spec.max ?? Number.POSITIVE_INFINITY;
	if (text.trim() === '' || !Number.isFinite(number)) throw new UsageError(`${name}: '${text}' is not a number`);
	if (number < low || number > high) {
		throw new UsageError(
			`${name}: ${text} is out of range (${Number.isFinite(high) ? `${low} to ${high}` : `at least ${low}`})`,
		);
	}
	return number;
}

/** meow's name of an option. */
function camelCase(name: string): string {
	return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function integer(name: string, value: number): number {
	if (!Number.isInteger(value)) throw new UsageError(`--${name}: ${value} is not a whole number`);
	return value === 0 ? Number.POSITIVE_INFINITY : value;
}

function oneOf(name: string, value: string, choices: readonly string[], tab: string): string {
	if (choices.includes(value)) return value;
	throw new UsageError(`${name}: tab ${tab} has no '${value}'; it has ${choices.join(', ')}`);
}

/** The command line as it was typed, every option known. */
export interface Flags {
	/** The command `compare`. */
	compare: boolean;
	/** By name; only those that were given. */
	options: Readonly<Record<string, unknown>>;
}

/** `WATTLAG_DELAY` */
export function environmentName(option: string): string {
	return `WATTLAG_${option.toUpperCase().replaceAll('-', '_')}`;
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
	const stray = parsed.input[compare ? 1 : 0];
	if (stray !== undefined) throw new UsageError(`unexpected argument '${stray}'; wattlag --help lists the options`);
	const given = [...known].flatMap(([name, option]) =>
		parsed.flags[name] === undefined ? [] : [[option, parsed.flags[name]]],
	);
	return { compare, options: Object.fromEntries(given) };
}

/** The file that the user named, before anything else is known. */
export function configPath({ options }: Flags): string | undefined {
	if (options['config'] === '') throw new UsageError('--config needs a value: --config FILE');
	return options['config'] as string | undefined;
}

/** Values of the file by option, `TAB.sort` and `TAB.group` among them; every key must mean something. */
function fileValues(file: ConfigFile, tracers: readonly AnyTracer[]): Map<string, Located> {
	const values = new Map<string, Located>();
	const take = (table: ReadonlyMap<string, Located>, names: readonly string[], prefix: string, title: string) => {
		for (const [key, located] of table) {
			if (!names.includes(key))
				throw new UsageError(`${located.where}: unknown key '${key}'${title}; known are ${names.join(', ')}`);
			values.set(key === 'sort' || key === 'group' ? `${prefix}.${key}` : key, located);
		}
	};
	const common = commonOptions(tracers).filter((spec) => !spec.once && !spec.perTab);
	take(
		file.top,
		common.map((spec) => spec.name),
		'',
		'',
	);
	for (const [name, { where, values: table }] of file.tables) {
		if (name === 'keys') continue;
		const tracer = tracers.find(({ id }) => id === name);
		if (!tracer)
			throw new UsageError(
				`${where}: unknown table [${name}]; known are keys, ${tracers.map(({ id }) => id).join(', ')}`,
			);
		take(table, ['sort', 'group', ...tracer.options.map((spec) => spec.name)], name, ` in [${name}]`);
	}
	return values;
}

/** Where values come from, beside the command line. */
export interface Sources {
	env?: Readonly<Record<string, string | undefined>>;
	file?: ConfigFile | null;
}

/** Bring the sources together and check every value. Throws {@link UsageError}. */
export function resolveOptions(
	{ compare, options: flags }: Flags,
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
	const tab = batch && !named ? firstMeasuring(tracers) : text('tab');
	if (compare && !on('live')) throw new UsageError('compare needs --live: wattlag compare --live');
	if (!compare && on('live')) throw new UsageError('--live belongs to compare: wattlag compare --live');
	for (const name of ['json', 'iterations', 'limit']) {
		if (compare && name !== 'iterations') continue;
		if (!batch && flags[name] !== undefined && flags[name] !== false) {
			throw new UsageError(`--${name} needs --batch`);
		}
	}
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
		mode: on('help')
			? 'help'
			: on('version')
				? 'version'
				: compare
					? 'compare'
					: on('verbose')
						? 'slices'
						: batch
							? 'batch'
							: 'live',
		tab,
		json: on('json'),
		iterations: integer('iterations', number('iterations')),
		delay: number('delay'),
		limit: integer('limit', number('limit')),
		sorts: perTab('sort', (tracer) => tracer.columns.map((column) => column.key)),
		groups: perTab('group', (tracer) => tracer.groups),
		filter: checkFilter(text('filter'), tracers),
		look: {
			theme: text('theme') as LookChoice['theme'],
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

function checkFilter(text: string, tracers: readonly AnyTracer[]): string {
	try {
		new Filter(text, tracers as readonly FilterTab[]);
	} catch (error) {
		if (error instanceof FilterError) throw new UsageError(`--${describeFilterError(error, text)}`);
		throw error;
	}
	return text;
}

/** The command line alone. Throws {@link UsageError}. */
export function parseCommandLine(
	argv: readonly string[],
	tracers: readonly AnyTracer[],
	sources?: Sources,
): CommandLine {
	return resolveOptions(readFlags(argv, tracers), tracers, sources);
}
