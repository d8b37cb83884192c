/** The text of `--help`, from the tables of options. */

import { EXIT_CODES } from '../core/errors.ts';
import type { OptionSpec } from '../core/tracer.ts';
import { type CommandSpec, type Program, takers } from './command.ts';
import { commonOptions } from './common.ts';

function flag(spec: OptionSpec): string {
	return `${spec.short ? `-${spec.short}, ` : '    '}--${spec.name}${spec.placeholder ? ` ${spec.placeholder}` : ''}`;
}

/** Of the column with names, beyond the longest one. */
const WIDTH = 30;

function describe(spec: OptionSpec): string {
	const notes: string[] = [];
	if (spec.choices) notes.push(spec.choices.join(' | '));
	if (spec.type !== 'boolean' && spec.default !== '' && spec.default !== 0) notes.push(`default ${spec.default}`);
	const words = `${spec.help}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
	return wrap(`  ${flag(spec).padEnd(WIDTH)}${words}`, ' '.repeat(WIDTH + 2));
}

/** Words on lines of at most 110 characters; all lines but the first begin with `indent`. */
function wrap(text: string, indent: string): string {
	let line = 0;
	return text.replace(/ *\S+/g, (word) => {
		if (line > 0 && line + word.length > 110) {
			line = indent.length + word.trimStart().length;
			return `\n${indent}${word.trimStart()}`;
		}
		line += word.length;
		return word;
	});
}

/** `wattlag --batch [--json] [options]` */
export function usageLine({ by, usage, usageOptions }: CommandSpec): string {
	return ['wattlag', by === 'default' ? '' : usage, usageOptions ?? ''].filter(Boolean).join(' ');
}

function usageLines(commands: readonly CommandSpec[]): string[] {
	const lines = commands.map(usageLine);
	const width = Math.max(...lines.map(({ length }) => length));
	return commands.map(({ summary }, index) => {
		const line = (lines[index] as string).padEnd(width);
		return `${index === 0 ? 'usage: ' : '       '}${line}   ${summary}`;
	});
}

/** Of all commands that take an option, those of which one line of help is about. */
function takenBy({ name, options = [] }: CommandSpec, { tracers, commands }: Program): OptionSpec[] {
	const others = commands.flatMap(({ name: owner, options: theirs = [] }) => (owner === name ? [] : theirs));
	return [...commonOptions(tracers), ...others].filter((spec) => {
		const able = takers(commands, spec.name);
		return able !== commands && able.some((one) => one.name === name) && !options.some((own) => own.name === spec.name);
	});
}

/** The text of `wattlag COMMAND --help`: its usage, and the options that not all commands have. */
export function commandHelp(command: CommandSpec, program: Program): string {
	const options = [...(command.options ?? []), ...takenBy(command, program)];
	return [
		wrap(`usage: ${usageLine(command)}`, '       '),
		'',
		wrap(`  ${command.summary}`, '  '),
		...(options.length === 0 ? [] : ['', ...options.map(describe)]),
		'',
		'wattlag --help lists the options of all commands and tabs',
		'',
	].join('\n');
}

/** The text of `--help`. */
export function helpText({ tracers, commands }: Program): string {
	const ofCommands = commands.flatMap(({ usage, options = [] }) =>
		options.length === 0 ? [] : ['', `With ${usage}:`, ...options.map(describe)],
	);
	const sections = tracers.flatMap((tracer) => [
		'',
		wrap(`${tracer.title} (--tab ${tracer.id}): ${tracer.summary}`, '  '),
		`  sort by: ${wrap(tracer.columns.map((column) => column.key).join(' '), '    ')}`,
		...(tracer.groups.length > 1 ? [`  group by: ${tracer.groups.join(' ')}`] : []),
		...tracer.options.map(describe),
	]);
	return [
		'wattlag: energy and latency per process, live, from eBPF',
		'',
		...usageLines(commands),
		'',
		...commonOptions(tracers).map(describe),
		...ofCommands,
		...sections,
		'',
		wrap(`exit codes: ${EXIT_CODES.map(({ code, meaning }) => `${code} ${meaning}`).join('; ')}`, '            '),
		'',
	].join('\n');
}
