/** THE table of options that belong to no tracer: checking, help, environment and the file's schema are made from it. */
import { costModes } from '../core/sampler.ts';
import type { Description, OptionSpec } from '../core/tracer.ts';
import { themeNames } from '../term/theme.ts';

/** What options need to know of a tracer. */
export type AnyTracer = Pick<
	Description<never>,
	'id' | 'title' | 'summary' | 'columns' | 'groups' | 'options' | 'checkOptions' | 'from' | 'changes' | 'singles'
>;

export interface CommonSpec extends OptionSpec {
	/** Of this one run: neither in the configuration file nor in the environment. */
	once?: true;
	/** In the configuration file it stands in each tab's table. */
	perTab?: true;
}

/** What scripts get that name no tab: a tab that is made of others is for people. */
export function firstMeasuring(tracers: readonly AnyTracer[]): string {
	return (tracers.find(({ from }) => !from) ?? tracers[0])?.id ?? '';
}

/** The words of a list with commas. */
export function words(list: string): string[] {
	return list
		.split(',')
		.map((word) => word.trim())
		.filter((word) => word !== '');
}

function unknownTab(list: string, tabs: readonly string[]): string | undefined {
	const unknown = words(list).find((word) => !tabs.includes(word));
	return unknown === undefined ? undefined : `no tab '${unknown}'; there are ${tabs.join(', ')}`;
}

/** The table. @param tracers their ids are the names of tabs */
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
			help: `tab to open, or to print (--batch: ${firstMeasuring(tracers)} by default)`,
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
			name: 'without',
			type: 'string',
			default: '',
			placeholder: 'TAB,…',
			invalid: (text) => unknownTab(text, tabs),
			help: 'tabs that are not measured; the others run',
		},
		{
			name: 'own-cost',
			type: 'string',
			default: 'auto',
			choices: costModes,
			placeholder: 'HOW',
			help: 'cost of the BPF programs: auto: their runs × a price that is measured for a second after start and then after 1, 2, 4 … 30 min; on: the kernel measures always, about 50 ns more per run; off: never',
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
			choices: ['auto', ...themeNames],
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
			name: 'json',
			short: 'j',
			type: 'boolean',
			default: false,
			once: true,
			help: 'one JSON object per line and interval instead of a table (see docs/batch.md)',
		},
		{
			name: 'limit',
			short: 'l',
			type: 'number',
			integer: true,
			default: 0,
			min: 0,
			placeholder: 'N',
			once: true,
			help: 'print the first N rows (0: all)',
		},
		{
			name: 'duration',
			type: 'number',
			default: 0,
			min: 0,
			max: 86_400,
			placeholder: 'SECONDS',
			once: true,
			help: 'how long to measure; 0: 10 for compare --live, profile and triage, 30 for report live, 5 for export live, until stopped for -v',
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
		{
			name: 'debug',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			once: true,
			help: 'append a log of what is loaded, attached, refused and restarted to this file',
		},
		{
			name: 'help',
			short: 'h',
			type: 'boolean',
			default: false,
			once: true,
			help: 'this text; after a command: the help of that command',
		},
		{ name: 'version', short: 'V', type: 'boolean', default: false, once: true, help: 'print the version' },
	];
}
