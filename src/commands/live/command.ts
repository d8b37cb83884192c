/** The live screen: the default command. */
import { loadAddon } from '../../core/native.ts';
import { localHost } from '../../system/local-host.ts';
import { goBeforeOthers, INTERACTIVE } from '../../system/priority.ts';
import { openScreen } from '../../ui/screen.ts';
import { checkCapture } from '../check-capture.ts';
import { type Command, needTerminal, startWorker } from '../command.ts';

/** A first interval this short fills the screen soon; seconds. */
const FIRST_DELAY = 0.5;

export const live: Command = {
	name: 'live',
	by: 'default',
	usage: 'the screen',
	usageOptions: '[options]',
	summary: 'open the screen (? there for keys)',
	takes: ['tab', 'sort', 'group', 'filter', 'capture', 'capture-if', 'capture-after'],
	check: checkCapture,
	async run(context) {
		const { line, registry } = context;
		needTerminal('wattlag --batch', ' --json');
		goBeforeOthers(INTERACTIVE);
		const host = localHost();
		// in this thread, which draws, the addon is for the terminal only
		const native = () => loadAddon(context.built.addonPath);
		const screen = openScreen({ registry, command: line, host, native });
		const tabs = registry
			.map(({ tracer }) => tracer.id)
			.sort((a, b) => Number(b === line.tab) - Number(a === line.tab));
		// before the sampling thread starts, which takes as long and needs the same CPUs: the screen comes first
		const { runLive } = await import('../../ui/live.tsx');
		const sampler = await startWorker(context, { tabs, firstDelay: FIRST_DELAY });
		const captures = line.values['capture'] !== '' || line.values['capture-if'] !== '';
		if (!captures) return runLive({ registry, sampler, command: line, host, screen });
		const { captureFrom } = await import('./captures.ts');
		const watched = captureFrom(context, sampler, host);
		const code = await runLive({ registry, sampler, command: line, host: watched.host, store: watched.store, screen });
		await watched.close();
		return code;
	},
};
