/** The replay of a guest with its host beside it. */
import { UsageError } from '../../core/errors.ts';
import { safe } from '../../lib/sanitize.ts';
import type { CommandLine } from '../../options/command.ts';
import { BesideStore } from '../../recording/guest/beside.ts';
import { nothingFollows, unrecorded } from '../../recording/open.ts';
import type { Entry } from '../../registry.ts';
import { openBoth } from '../open-both.ts';
import { hostTab } from './host-tab.ts';

/** Resolves with the exit code. */
export async function showBeside(line: CommandLine, registry: readonly Entry[]): Promise<number> {
	const tracers = registry.map(({ tracer }) => tracer);
	const { host, guest, report, close } = await openBoth(String(line.values['host']), line.argument, line, tracers);
	if (!host.archive || !guest.archive) {
		close();
		throw new UsageError('--host: both must be folders or bundles, not files of the key w');
	}
	const store = new BesideStore(guest.archive, host.archive, report);
	unrecorded(store, tracers, guest.archive.recorded());
	const { runLive } = await import('../../ui/live.tsx');
	const { machine } = guest;
	return runLive({
		registry: [
			...registry,
			{ tracer: hostTab as never, tab: async () => (await import('../../ui/guest/tab.ts')).hostView as never },
		],
		command: { ...line, tab: hostTab.id },
		sampler: nothingFollows(close),
		store,
		host: {
			host: safe`${machine.host} on ${host.machine.host} (recording)`,
			kernel: machine.kernel,
			cpus: machine.cpus,
			load: () => [],
			uptime: () => Number.NaN,
		},
		inspect: () => Promise.reject(new Error('not this machine')),
	});
}
