/** Completions for bash, zsh and fish from the program's tables. No key press starts Node. */
import type { OptionSpec } from '../../src/core/tracer.ts';
import { ownOptions, type Program, wordOf } from '../../src/options/command.ts';
import { commonOptions } from '../../src/options/common.ts';

/** What follows an option. */
type Value = { kind: 'none' | 'file' | 'folder' | 'any' } | { kind: 'words'; words: readonly string[] };

interface Completed {
	name: string;
	short?: string;
	help: string;
	value: Value;
}

interface Words {
	/** First words. */
	commands: { word: string; summary: string; takesFile: boolean }[];
	options: Completed[];
	/** By tab. */
	sorts: Map<string, readonly string[]>;
	groups: Map<string, readonly string[]>;
}

function valueAfter({ type, choices, placeholder = '', name }: OptionSpec, tabs: readonly string[]): Value {
	if (type === 'boolean') return { kind: 'none' };
	if (choices) return { kind: 'words', words: choices };
	// a list of tabs: the first of them is completed
	if (name === 'without') return { kind: 'words', words: tabs };
	if (placeholder === 'FILE') return { kind: 'file' };
	if (placeholder === 'DIR') return { kind: 'folder' };
	return { kind: 'any' };
}

export function completionWords(program: Program): Words {
	const { tracers, commands } = program;
	const tabs = tracers.map(({ id }) => id);
	const specs = [...ownOptions(program, commonOptions(tracers)), ...tracers.flatMap(({ options }) => options)];
	return {
		commands: commands.flatMap((command) => {
			const { word, argument } = wordOf(command) ?? {};
			return word === undefined ? [] : [{ word, summary: command.summary, takesFile: argument !== undefined }];
		}),
		options: [...new Map(specs.map((spec) => [spec.name, spec])).values()].map((spec) => ({
			name: spec.name,
			...(spec.short !== undefined && { short: spec.short }),
			help: spec.help,
			value: valueAfter(spec, tabs),
		})),
		sorts: new Map(tracers.map(({ id, columns }) => [id, columns.map(({ key }) => key)])),
		groups: new Map(tracers.map(({ id, groups }) => [id, groups])),
	};
}

/** A word in single quotes of the shell. */
function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}

function unique(lists: Iterable<readonly string[]>): string[] {
	return [...new Set([...lists].flat())];
}

function flags({ name, short }: Completed): string[] {
	return [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
}

export function bashCompletion({ commands, options, sorts, groups }: Words): string {
	const values = options.flatMap((option) => {
		const pattern = flags(option).join(' | ');
		const { value } = option;
		const fill =
			option.name === 'sort' || option.name === 'group'
				? `compgen -W "$(_wattlag_${option.name}s "$tab")" -- "$word"`
				: value.kind === 'words'
					? `compgen -W ${quoted(value.words.join(' '))} -- "$word"`
					: value.kind === 'file'
						? 'compgen -f -- "$word"'
						: value.kind === 'folder'
							? 'compgen -d -- "$word"'
							: '';
		if (value.kind === 'none') return [];
		return [
			`\t${pattern})`,
			fill === '' ? '\t\treturn' : `\t\tmapfile -t COMPREPLY < <(${fill})\n\t\treturn`,
			'\t\t;;',
		];
	});
	const byTab = (name: string, lists: ReadonlyMap<string, readonly string[]>): string[] => [
		`_wattlag_${name}() {`,
		'\tcase $1 in',
		...[...lists].map(([tab, words]) => `\t${tab}) echo ${quoted(words.join(' '))} ;;`),
		`\t*) echo ${quoted(unique(lists.values()).join(' '))} ;;`,
		'\tesac',
		'}',
	];
	return [
		'# bash completion of wattlag, generated from its tables of options',
		...byTab('sorts', sorts),
		...byTab('groups', groups),
		'_wattlag() {',
		`\tlocal word=\${COMP_WORDS[COMP_CWORD]} last=\${COMP_WORDS[COMP_CWORD - 1]} tab= index`,
		'\tfor ((index = 1; index < COMP_CWORD; index++)); do',
		`\t\tcase \${COMP_WORDS[index]} in --tab | -t) tab=\${COMP_WORDS[index + 1]} ;; esac`,
		'\tdone',
		'\tcase $last in',
		...values,
		'\tesac',
		'\tif [[ $word == -* ]]; then',
		`\t\tmapfile -t COMPREPLY < <(compgen -W ${quoted(options.map(({ name }) => `--${name}`).join(' '))} -- "$word")`,
		'\telif ((COMP_CWORD == 1)); then',
		`\t\tmapfile -t COMPREPLY < <(compgen -W ${quoted(commands.map(({ word }) => word).join(' '))} -- "$word")`,
		`\telif [[ ${commands
			.filter(({ takesFile }) => takesFile)
			.map(({ word }) => `\${COMP_WORDS[1]} == ${word}`)
			.join(' || ')} ]]; then`,
		'\t\tmapfile -t COMPREPLY < <(compgen -f -- "$word")',
		'\tfi',
		'}',
		'complete -o filenames -F _wattlag wattlag',
		'',
	].join('\n');
}

/** Text within brackets of zsh's _arguments. */
function zshText(text: string): string {
	return text.replaceAll(/[\\[\]:]/g, '\\$&');
}

export function zshCompletion({ commands, options, sorts, groups }: Words): string {
	const action = ({ name, value }: Completed): string => {
		if (name === 'sort') return `:column:(${unique(sorts.values()).join(' ')})`;
		if (name === 'group') return `:group:(${unique(groups.values()).join(' ')})`;
		switch (value.kind) {
			case 'none':
				return '';
			case 'words':
				return `:${name}:(${value.words.join(' ')})`;
			case 'file':
				return `:${name}:_files`;
			case 'folder':
				return `:${name}:_files -/`;
			case 'any':
				return `:${name}: `;
		}
	};
	const lines = options.flatMap((option) => {
		const { name, short, help } = option;
		const description = `[${zshText(help)}]${action(option)}`;
		const long = option.value.kind === 'none' ? `--${name}` : `--${name}=`;
		if (short === undefined) return [quoted(`${long}${description}`)];
		return [`'(-${short} --${name})'{-${short},${long}}${quoted(description)}`];
	});
	return [
		'#compdef wattlag',
		'# zsh completion of wattlag, generated from its tables of options',
		'_wattlag() {',
		'\tlocal -a commands=(',
		...commands.map(({ word, summary }) => `\t\t${quoted(`${word}:${summary.replaceAll(':', '\\:')}`)}`),
		'\t)',
		'\t_arguments -s \\',
		...lines.map((line) => `\t\t${line} \\`),
		"\t\t'1:command:{_describe command commands}' \\",
		"\t\t'*:file:_files'",
		'}',
		'_wattlag "$@"',
		'',
	].join('\n');
}

export function fishCompletion({ commands, options, sorts, groups }: Words): string {
	const lines = options.map((option) => {
		const { name, short, help, value } = option;
		const words =
			name === 'sort'
				? unique(sorts.values())
				: name === 'group'
					? unique(groups.values())
					: value.kind === 'words'
						? value.words
						: undefined;
		const argument =
			words !== undefined
				? ` -x -a ${quoted(words.join(' '))}`
				: value.kind === 'none'
					? ''
					: value.kind === 'any'
						? ' -x'
						: ' -r -F';
		return `complete -c wattlag -l ${name}${short === undefined ? '' : ` -s ${short}`}${argument} -d ${quoted(help.replaceAll("'", '’'))}`;
	});
	return [
		'# fish completion of wattlag, generated from its tables of options',
		'complete -c wattlag -f',
		...commands.map(
			({ word, summary }) =>
				`complete -c wattlag -n __fish_use_subcommand -a ${word} -d ${quoted(summary.replaceAll("'", '’'))}`,
		),
		...commands
			.filter(({ takesFile }) => takesFile)
			.map(({ word }) => `complete -c wattlag -n '__fish_seen_subcommand_from ${word}' -F`),
		...lines,
		'',
	].join('\n');
}
