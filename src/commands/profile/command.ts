/** `wattlag profile`: where processes spend their time, by stack, in a file. */
import { UsageError } from '../../core/errors.ts';
import type { CommandLine } from '../../options/command.ts';
import { formatOfFile, PROFILE_FORMATS } from '../../profile/formats/formats.ts';
import { PROFILE_MODES, type ProfileMode } from '../../profile/model.ts';
import { type Command, hostOf, untilSignal } from '../command.ts';

/** Unless given; seconds. */
const DURATION = 10;
/** Rows of the table. */
const ROWS = 20;

const modeHelp: Readonly<Record<ProfileMode, string>> = {
	'on-cpu': 'profile running code (default)',
	'off-cpu': 'profile waits, by reason',
	wall: 'profile running code and waits: they add up to the time of the threads',
	locks: 'profile waits for locks: of the kernel, with their owners, and futexes by the function that wanted them',
};

/** The one that was asked for. Throws where there are several. */
function modeOf({ values }: CommandLine): ProfileMode {
	const asked = PROFILE_MODES.filter((mode) => values[mode] === true);
	if (asked.length > 1) throw new UsageError(`--${asked.join(' and --')} do not go together: choose one`);
	return asked[0] ?? 'on-cpu';
}

export const profile: Command = {
	name: 'profile',
	by: { word: 'profile' },
	usage: 'profile',
	usageOptions: '[--pid PID] [--output FILE]',
	summary: 'stacks of running or waiting code, as a flame graph or for other tools',
	options: [
		...PROFILE_MODES.map((name) => ({
			name,
			type: 'boolean' as const,
			default: false,
			once: true as const,
			help: modeHelp[name],
		})),
		{
			name: 'all',
			short: 'a',
			type: 'boolean',
			default: false,
			once: true,
			help: 'profile the whole machine (the default where no process is named)',
		},
		{
			name: 'output',
			short: 'o',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			once: true,
			help: `file to write: the page of report; of a profile its ending chooses the format: ${PROFILE_FORMATS.map(({ endings }) => endings[0]).join(', ')}`,
		},
		{
			name: 'profile-format',
			type: 'string',
			default: '',
			choices: PROFILE_FORMATS.map(({ name }) => name),
			placeholder: 'NAME',
			once: true,
			help: 'format of the file, whatever its name',
		},
	],
	takes: ['json', 'limit', 'duration'],
	check(line) {
		modeOf(line);
		const { values, sections } = line;
		const { pid, comm, cgroup } = sections['profile'] ?? {};
		const target = Number(pid) > 0 || comm !== '' || cgroup !== '';
		if (values['all'] === true && target) throw new UsageError('--all does not go with --pid, --comm or --cgroup');
		const output = String(values['output']);
		if (output !== '' && values['profile-format'] === '' && !formatOfFile(output))
			throw new UsageError(
				`--output: '${output}' has none of the known endings; add --profile-format ${PROFILE_FORMATS.map(({ name }) => name).join('|')}`,
			);
		if (values['profile-format'] !== '' && output === '')
			throw new UsageError('--profile-format needs --output FILE (--json prints to standard output)');
	},
	async run(context) {
		const { line, version } = context;
		const { values, sections } = line;
		const { takeProfile } = await import('./run.ts');
		return takeProfile({
			host: hostOf(context),
			options: { ...sections['profile'], mode: modeOf(line) },
			seconds: Number(values['duration']) || DURATION,
			output: String(values['output']),
			format:
				PROFILE_FORMATS.find(({ name }) => name === values['profile-format']) ?? formatOfFile(String(values['output'])),
			json: values['json'] === true,
			rows: Number(values['limit']) || ROWS,
			version,
			stop: untilSignal(),
		});
	},
};
