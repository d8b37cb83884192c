/**
 * The command line. Common options are listed here, a tracer's own come from its `options`; checking, help and errors
 * are made from these tables. A bad option is a {@link UsageError}: one line, exit code 2.
 */
import meow from 'meow';
import type { Options, OptionSpec, Tracer } from './tracers/tracer.ts';

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
	/** Column key; undefined: the tab's own. */
	sort: string | undefined;
	/** What a row stands for; undefined: the tab's own. */
	group: string | undefined;
	sysRoot: string;
	procRoot: string;
	/** `compare`, `-v`: seconds; Infinity until stopped. */
	duration: number;
	/** `-v`: lines per second. */
	rate: number;
	/** Each tracer's own section. */
	sections: Record<string, Options>;
}

/** The user's mistake in one line, with the fix. */
export class UsageError extends Error {}

type AnyTracer = Pick<Tracer<never, object>, 'id' | 'title' | 'summary' | 'columns' | 'groups' | 'options'>;

function commonOptions(tracers: readonly AnyTracer[]): OptionSpec[] {
	const tabs = tracers.map((tracer) => tracer.id);
	return [
		{ name: 'tab', short: 't', type: 'string', default: tabs[0] ?? '', choices: tabs, placeholder: 'NAME', help: 'tab to open, or to print' },
		{ name: 'delay', short: 'd', type: 'number', default: 1, min: 0.1, max: 3600, placeholder: 'SECONDS', help: 'length of an interval' },
		{ name: 'sort', short: 's', type: 'string', default: '', placeholder: 'COLUMN', help: 'column to sort by' },
		{ name: 'group', short: 'g', type: 'string', default: '', placeholder: 'NAME', help: 'what a row stands for' },
		{ name: 'batch', short: 'b', type: 'boolean', default: false, help: 'print to standard output instead of opening the screen' },
		{ name: 'json', short: 'j', type: 'boolean', default: false, help: 'with --batch: one JSON object per line and interval (see docs/batch.md)' },
		{ name: 'iterations', short: 'n', type: 'number', default: 0, min: 0, placeholder: 'N', help: 'with --batch: stop after N intervals (0: never)' },
		{ name: 'limit', short: 'l', type: 'number', default: 0, min: 0, placeholder: 'N', help: 'with --batch: print the first N rows (0: all)' },
		{ name: 'verbose', short: 'v', type: 'boolean', default: false, help: 'print a line for every turn that a task has on a CPU' },
		{ name: 'rate', type: 'number', default: 1000, min: 1, max: 1_000_000, placeholder: 'N', help: 'with -v: lines per second; how many more there were is told' },
		{ name: 'live', type: 'boolean', default: false, help: 'with compare: BPF and the /proc sampler over the same seconds' },
		{ name: 'duration', type: 'number', default: 0, min: 0, max: 86_400, placeholder: 'SECONDS', help: 'with compare (0: 10) and -v (0: until stopped)' },
		{ name: 'sys-root', type: 'string', default: '/sys', placeholder: 'DIR', help: 'where sysfs is; another tree stands in for other hardware' },
		{ name: 'proc-root', type: 'string', default: '/proc', placeholder: 'DIR', help: 'where proc is' },
		{ name: 'help', short: 'h', type: 'boolean', default: false, help: 'this text' },
		{ name: 'version', short: 'V', type: 'boolean', default: false, help: 'print the version' },
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

/** The text of `--help`. */
export function helpText(tracers: readonly AnyTracer[]): string {
	const sections = tracers.flatMap((tracer) => [
		'',
		`${tracer.title} (--tab ${tracer.id}): ${tracer.summary}`,
		`  sort by: ${tracer.columns.map((column) => column.key).join(' ')}`,
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

function check(spec: OptionSpec, raw: unknown): number | string | boolean {
	if (spec.type === 'boolean') return raw === true;
	const name = `--${spec.name}`;
	if (raw === '' || typeof raw !== 'string') throw new UsageError(`${name} needs a value: ${name} ${spec.placeholder ?? 'VALUE'}`);
	if (spec.choices && !spec.choices.includes(raw)) {
		throw new UsageError(`${name}: '${raw}' is not one of ${spec.choices.join(', ')}`);
	}
	if (spec.type === 'string') return raw;
	const number = Number(raw);
	const low = spec.min ?? Number.NEGATIVE_INFINITY;
	const high = spec.max ?? Number.POSITIVE_INFINITY;
	if (raw.trim() === '' || !Number.isFinite(number)) throw new UsageError(`${name}: '${raw}' is not a number`);
	if (number < low || number > high) {
		throw new UsageError(`${name}: ${raw} is out of range (${Number.isFinite(high) ? `${low} to ${high}` : `at least ${low}`})`);
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

function oneOf(option: string, value: string, choices: readonly string[], tab: string): string | undefined {
	if (value === '') return undefined;
	if (choices.includes(value)) return value;
	throw new UsageError(`--${option}: tab ${tab} has no '${value}'; it has ${choices.join(', ')}`);
}

/** Parse `argv` (without interpreter and script). Throws {@link UsageError}. */
export function parseCommandLine(argv: readonly string[], tracers: readonly AnyTracer[]): CommandLine {
	const common = commonOptions(tracers);
	const specs = [...common, ...tracers.flatMap((tracer) => tracer.options)];
	// Values are parsed here, not by meow, which takes a missing value for the default and anything for a number.
	const flags = Object.fromEntries(
		specs.map((spec) => [
			camelCase(spec.name),
			{ type: spec.type === 'boolean' ? 'boolean' : 'string', ...(spec.short ? { shortFlag: spec.short } : {}) } as const,
		]),
	);
	let parsed: { flags: Record<string, unknown>; input: string[] };
	// meow names the process after the package
	const pkg = { name: 'wattlag' };
	try {
		parsed = meow('', { importMeta: import.meta, argv, pkg, autoHelp: false, autoVersion: false, flags });
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
	const known = new Map(specs.map((spec) => [camelCase(spec.name), spec]));
	for (const name of Object.keys(parsed.flags)) {
		if (!known.has(name)) throw new UsageError(`unknown option ${name.length === 1 ? '-' : '--'}${name}; wattlag --help lists them`);
	}
	const compare = parsed.input[0] === 'compare';
	const stray = parsed.input[compare ? 1 : 0];
	if (stray !== undefined) throw new UsageError(`unexpected argument '${stray}'; wattlag --help lists the options`);

	const values = new Map(
		[...known].map(([name, spec]) => [spec.name, parsed.flags[name] === undefined ? spec.default : check(spec, parsed.flags[name])]),
	);
	const text = (name: string): string => values.get(name) as string;
	const number = (name: string): number => values.get(name) as number;
	const on = (name: string): boolean => values.get(name) === true;

	const tab = text('tab');
	const tracer = tracers.find((candidate) => candidate.id === tab) as AnyTracer;
	const batch = on('batch');
	if (compare && !on('live')) throw new UsageError('compare needs --live: wattlag compare --live');
	if (!compare && on('live')) throw new UsageError('--live belongs to compare: wattlag compare --live');
	for (const name of ['json', 'iterations', 'limit']) {
		if (compare && name !== 'iterations') continue;
		if (!batch && parsed.flags[name] !== undefined && parsed.flags[name] !== false) {
			throw new UsageError(`--${name} needs --batch`);
		}
	}
	return {
		mode: on('help') ? 'help' : on('version') ? 'version' : compare ? 'compare' : on('verbose') ? 'slices' : batch ? 'batch' : 'live',
		tab,
		json: on('json'),
		iterations: integer('iterations', number('iterations')),
		delay: number('delay'),
		limit: integer('limit', number('limit')),
		sort: oneOf('sort', text('sort'), tracer.columns.map((column) => column.key), tab),
		group: oneOf('group', text('group'), tracer.groups, tab),
		duration: number('duration') || (compare ? 10 : Number.POSITIVE_INFINITY),
		rate: number('rate'),
		sysRoot: text('sys-root'),
		procRoot: text('proc-root'),
		sections: Object.fromEntries(
			tracers.map((owner) => [owner.id, Object.fromEntries(owner.options.map((spec) => [spec.name, values.get(spec.name) as number]))]),
		),
	};
}
