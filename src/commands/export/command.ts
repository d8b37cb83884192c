/** `wattlag export`: a recording in the form of another program. Needs no privilege. */
import { UsageError } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { formats } from './formats.ts';

export const exportCommand: Command = {
	name: 'export',
	by: { word: 'export', argument: 'PATH' },
	usage: 'export',
	usageOptions: 'PATH|live [--format NAME] [--out FILE]',
	summary: 'a recording in another form, without privilege; live: the next seconds, with scheduling slices',
	options: [
		{
			name: 'format',
			type: 'string',
			default: 'jsonl',
			choices: formats.map(({ name }) => name),
			placeholder: 'NAME',
			once: true,
			help: `form of the output: ${formats.map(({ name, summary }) => `${name} (${summary})`).join(', ')}`,
		},
		{
			name: 'out',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			once: true,
			help: 'file to write instead of standard output',
		},
		{
			name: 'redact',
			type: 'boolean',
			default: false,
			once: true,
			help: 'replace names of processes, groups, users, hosts and files, command lines and addresses, the same by the same word',
		},
	],
	takes: ['tab', 'tabs', 'sort', 'filter', 'limit', 'duration'],
	anyTab: true,
	check({ values, tab }) {
		const list = String(values['tabs']);
		if (tab !== '' && list !== '') throw new UsageError('--tab and --tabs exclude each other: leave one out');
	},
	async run(context) {
		return (await import('./run.ts')).runExport(context);
	},
};
