/** `wattlag agent --stdio`: the far end of `wattlag fleet`, started by ssh. */
import { UsageError } from '../../core/errors.ts';
import { localHost } from '../../system/local-host.ts';
import { type Command, startSampler } from '../command.ts';

const FIRST_DELAY = 0.5;

export const agent: Command = {
	name: 'agent',
	by: { word: 'agent' },
	usage: 'agent',
	usageOptions: '--stdio',
	summary: 'figures of this host for wattlag fleet elsewhere; ssh starts it',
	options: [
		{
			name: 'stdio',
			type: 'boolean',
			default: false,
			once: true,
			help: 'speak on standard input and output',
		},
	],
	check({ values }) {
		if (values['stdio'] !== true) throw new UsageError('agent needs --stdio: wattlag agent --stdio');
	},
	async run(context) {
		const { line, registry, version } = context;
		if (process.stdout.isTTY)
			throw new UsageError('agent --stdio writes frames, not text: it is started by wattlag fleet, through ssh');
		const { runAgent } = await import('../../fleet/agent.ts');
		const { readProcess } = await import('../../system/process-details.ts');
		const { PROTOCOL } = await import('../../fleet/protocol.ts');
		const tabs = registry.map(({ tracer }) => tracer.id);
		const sampler = await startSampler(context, { tabs, firstDelay: FIRST_DELAY });
		const { host, kernel, cpus } = localHost();
		const inspect = async (process: { pid: number; start: number }) => {
			const details = await readProcess(line.procRoot, process);
			if (!details) throw new Error('it has ended');
			return details;
		};
		for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
			process.once(signal, () => {
				sampler.close();
				process.exit(0);
			});
		await runAgent({
			sampler,
			hello: { protocol: PROTOCOL, version, host, kernel, cpus, tabs },
			input: process.stdin,
			output: process.stdout,
			inspect,
		});
		sampler.close();
		process.stdin.destroy();
		return 0;
	},
};
