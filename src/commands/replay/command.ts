/** A recording on the screen. Nothing is measured; the recording may be another machine's. */
import { UsageError } from '../../core/errors.ts';
import { loadAddon } from '../../core/native.ts';
import { openScreen } from '../../ui/screen.ts';
import { type Command, needTerminal } from '../command.ts';

export const replay: Command = {
	name: 'replay',
	by: { word: 'replay', argument: 'PATH' },
	usage: 'replay',
	usageOptions: 'PATH [--follow] [--host HOST]',
	summary: 'a recording (folder, bundle, file of key w) on the screen, without privilege',
	options: [
		{
			name: 'follow',
			type: 'boolean',
			default: false,
			once: true,
			help: 'show what is recorded from now on, as it comes; --batch: print a line for each single event as it happens, in place of intervals (--tab events), where --iterations counts events',
		},
		{
			name: 'host',
			type: 'string',
			default: '',
			placeholder: 'HOST',
			once: true,
			help: 'the recording is of a virtual machine: show this recording of its host beside it, on a separate tab',
		},
	],
	takes: ['tab', 'sort', 'group', 'filter', 'vm', 'offset'],
	async run({ line, registry, built }) {
		needTerminal('wattlag export PATH');
		if (line.values['host'] !== '') {
			if (line.values['follow'] === true) throw new UsageError('--host and --follow exclude each other');
			const { showBeside } = await import('./beside.ts');
			return showBeside(line, registry);
		}
		const { openRecording } = await import('../../recording/open.ts');
		const { runLive } = await import('../../ui/live.tsx');
		const recording = await openRecording(
			line.argument,
			registry.map(({ tracer }) => tracer),
			line.values['follow'] === true,
		);
		const native = () => loadAddon(built.addonPath);
		const screen = openScreen({ registry, command: line, host: recording.host, native });
		return runLive({ registry, command: line, ...recording, screen });
	},
};
