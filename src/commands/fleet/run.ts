/** The fleet: its source, then the screen, or lines for scripts. */
import { spawnSync } from 'node:child_process';
import { EXIT } from '../../core/errors.ts';
import { loadAddon } from '../../core/native.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { Client, parseUrl } from '../../export/push/http.ts';
import { authorization, readAuthorization, readPem } from '../../export/push/secrets.ts';
import { FleetSampler, type FleetSource } from '../../fleet/fleet-sampler.ts';
import { PrometheusSource } from '../../fleet/prometheus.ts';
import type { FleetRow } from '../../fleet/rows.ts';
import { readHosts, SshSource } from '../../fleet/ssh-source.ts';
import { fleetTracer } from '../../fleet/tracer.ts';
import { words } from '../../options/common.ts';
import { orUnlimited } from '../../options/values.ts';
import { localHost } from '../../system/local-host.ts';
import { openScreen } from '../../ui/screen.ts';
import type { TabEntry } from '../../ui/tab.ts';
import { type Context, needTerminal, untilSignal } from '../command.ts';
import { jsonLine, rowsOf } from '../json-lines.ts';
import { Output } from '../output.ts';
import { agentCommand } from './ssh.ts';

/** Of one query, ms. */
const TIMEOUT = 20_000;
/** Intervals of a scraper after which a host counts as down. */
const STALE_WINDOWS = 3;
/** Time for the first agents to answer where a script asks once, ms. */
const FIRST_AGENTS = 20_000;

interface Opened {
	source: FleetSource;
	engine: string;
}

async function openSource({ line, registry }: Context): Promise<Opened> {
	const { values, delay } = line;
	const text = (name: string) => String(values[name]);
	if (values['hosts'] !== '') {
		const hosts = readHosts(text('hosts'));
		const commandFor = (host: string) => agentCommand(line, host);
		const tabs = registry.map(({ tracer }) => tracer);
		return {
			source: new SshSource({ hosts, commandFor, tabs, delay: Math.min(delay, 10) }),
			engine: `ssh to ${hosts.length} host${hosts.length === 1 ? '' : 's'}`,
		};
	}
	const url = parseUrl('prometheus', text('prometheus'), '--prometheus-auth FILE or WATTLAG_PROMETHEUS_AUTHORIZATION');
	const variable = process.env['WATTLAG_PROMETHEUS_AUTHORIZATION'];
	const auth =
		values['prometheus-auth'] !== ''
			? readAuthorization('prometheus-auth', text('prometheus-auth'))
			: variable && authorization(variable, 'WATTLAG_PROMETHEUS_AUTHORIZATION');
	const ca = values['ca'] === '' ? undefined : readPem('ca', text('ca'));
	const window = Number(values['window']);
	const source = new PrometheusSource({
		url,
		client: new Client({ timeout: TIMEOUT, gzip: false, ca }),
		authorization: auth || undefined,
		window,
		selector: text('selector'),
		stale: STALE_WINDOWS * window,
	});
	await source.check();
	return { source, engine: url.host };
}

/** One refresh as a line of JSON. */
async function print(
	sampler: FleetSampler,
	tracer: ReturnType<typeof fleetTracer>,
	{ line }: Context,
): Promise<number> {
	const output = new Output();
	const limit = orUnlimited(Number(line.values['limit']));
	const select = rowsOf({ tracer: tracer as never, sort: tracer.defaultSort, filter: line.filter, limit });
	const stop = untilSignal();
	const snapshot = await new Promise<Snapshot | undefined>((resolve) => {
		stop.addEventListener('abort', () => resolve(undefined), { once: true });
		sampler.subscribe((event) => {
			if (event.kind === 'snapshot') resolve(event.snapshot);
		});
	});
	await sampler.close();
	if (!snapshot) return 0;
	const { error } = snapshot as unknown as { error: string };
	if (error !== '') {
		process.stderr.write(`wattlag: ${error}\n`);
		return EXIT.unavailable;
	}
	output.print(jsonLine(snapshot, select(snapshot)));
	return output.end();
}

/** The words that start this program, for a host in the same terminal. */
function self(context: Context, option: '--connect' | '--browse', host: string): string[] {
	const { values, appearance } = context.line;
	return [
		...process.execArgv,
		process.argv[1] as string,
		'fleet',
		option,
		host,
		'--ssh',
		String(values['ssh']),
		'--remote',
		String(values['remote']),
		'--theme',
		appearance.theme,
		...(appearance.ascii ? ['--ascii'] : []),
	];
}

function reached({ host, instance }: FleetRow, by: string): string {
	return by === 'instance' ? instance.replace(/:\d+$/, '') : host;
}

export async function openFleet(context: Context): Promise<number> {
	const { line, built } = context;
	const json = line.values['json'] === true;
	if (!json) needTerminal('wattlag fleet', ' --json');
	const labels = words(String(line.values['by']));
	const tracer = fleetTracer(labels);
	const { source, engine } = await openSource(context);
	if (json && source instanceof SshSource) await source.ready(FIRST_AGENTS);
	const sampler = new FleetSampler({ source, engine, peers: String(line.values['peers']), delay: line.delay });
	if (json) return print(sampler, tracer, context);
	const entry = {
		tracer,
		tab: async () => (await import('../../ui/tabs/fleet/tab.ts')).fleetTab,
	} as unknown as TabEntry;
	const command = { ...line, tab: tracer.id };
	const host = localHost();
	const screen = openScreen({ registry: [entry], command, host, native: () => loadAddon(built.addonPath) });
	const { runLive } = await import('../../ui/live.tsx');
	return runLive({
		registry: [entry],
		sampler,
		command,
		host,
		screen,
		open: (row, what) => {
			const one = row as FleetRow;
			if (one.hosts !== 1 && one.instance === one.host) return;
			// this process waits: nothing of it reads keys or writes meanwhile
			spawnSync(
				process.execPath,
				self(context, what === 'captures' ? '--browse' : '--connect', reached(one, String(line.values['reach']))),
				{ stdio: 'inherit' },
			);
		},
	});
}
