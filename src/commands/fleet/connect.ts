/** One host of the fleet on the screen: its own tabs, from its agent. */
import { loadAddon } from '../../core/native.ts';
import { RemoteSampler } from '../../fleet/remote-sampler.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { HostInfo } from '../../system/local-host.ts';
import type { ProcessDetails } from '../../system/process-details.ts';
import { openScreen } from '../../ui/screen.ts';
import type { Context } from '../command.ts';
import { agentCommand } from './ssh.ts';

/** An interval of a host on the screen, unless the user says otherwise: a fleet's is longer. */
const INTERVAL = 1;

/** Another host's answer: its text is inert, its form is checked here. */
function checkedDetails(value: object): ProcessDetails {
	const { command, user, cgroup, state, threads, started, parents } = value as Partial<ProcessDetails>;
	const text = (one: unknown): SafeText => sanitize(typeof one === 'string' ? one : '');
	return {
		command: text(command),
		user: text(user),
		cgroup: text(cgroup),
		state: text(state),
		threads: Number(threads),
		started: Number(started),
		parents: (Array.isArray(parents) ? parents : []).map(({ pid, comm }) => ({ pid: Number(pid), comm: text(comm) })),
	};
}

export async function connectHost(context: Context, name: string): Promise<number> {
	const { line, registry, built } = context;
	const tracers = registry.map(({ tracer }) => tracer);
	const command = agentCommand(line, name);
	const sampler = new RemoteSampler({
		command,
		host: name,
		tabs: tracers,
		delay: INTERVAL,
		groups: line.groups,
		active: line.tab,
	});
	const label = sanitize(name);
	const host: HostInfo = {
		get host() {
			const { hello, latency } = sampler;
			const own = hello && hello.host !== name ? safe`${label} (${sanitize(hello.host)})` : label;
			return latency === undefined
				? safe`${own}, connecting`
				: safe`${own}, ${Math.max(1, Math.round(latency))} ms away`;
		},
		get kernel() {
			return sanitize(sampler.hello?.kernel ?? '');
		},
		get cpus() {
			return sampler.hello?.cpus ?? 0;
		},
		load: () => [],
		uptime: () => Number.NaN,
	};
	const native = () => loadAddon(built.addonPath);
	const screen = openScreen({ registry, command: line, host, native });
	const { runLive } = await import('../../ui/live.tsx');
	return runLive({
		registry,
		sampler,
		command: { ...line, delay: INTERVAL },
		host,
		screen,
		inspect: async (process) => checkedDetails(await sampler.inspect(process)),
	});
}
