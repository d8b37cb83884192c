/** `wattlag fleet`: many hosts on one screen; Enter opens one. */
import { basename } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { fleetTracer } from '../../fleet/tracer.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { words } from '../../options/common.ts';
import { checkFilter } from '../../options/resolve.ts';
import { type Command, needTerminal } from '../command.ts';

/** Seconds between two refreshes. */
const DELAY = 10;
/** Seconds: four scrapes of 15 s. */
const WINDOW = 60;

const label = /^[A-Za-z_]\w*$/;

export const fleet: Command = {
	name: 'fleet',
	by: { word: 'fleet' },
	usage: 'fleet',
	usageOptions: '--prometheus URL | --hosts FILE [--json]',
	summary: 'many hosts, outliers first; Enter opens one by ssh',
	delay: DELAY,
	ownFilter: true,
	options: [
		{
			name: 'prometheus',
			type: 'string',
			default: '',
			placeholder: 'URL',
			excludes: ['hosts', 'connect'],
			help: 'server with the figures of wattlag serve: Prometheus, VictoriaMetrics, Thanos, Mimir',
		},
		{
			name: 'prometheus-auth',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			help: 'file with user:password or Bearer TOKEN for it (or WATTLAG_PROMETHEUS_AUTHORIZATION)',
		},
		{
			name: 'hosts',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			excludes: ['connect'],
			help: 'no server: a file of hosts, one a line with labels (db1 role=db), each reached by ssh',
		},
		{
			name: 'connect',
			type: 'string',
			default: '',
			placeholder: 'HOST',
			once: true,
			help: 'open one host at once: its tabs as if they were here',
		},
		{
			name: 'captures',
			type: 'string',
			default: '',
			placeholder: 'HOST',
			once: true,
			help: 'list the captures of a host, as wattlag captures does there',
		},
		{
			name: 'browse',
			type: 'string',
			default: '',
			placeholder: 'HOST',
			once: true,
			help: 'list the captures of a host, fetch one by its number and open it; key O on the fleet does that',
		},
		{
			name: 'fetch',
			type: 'string',
			default: '',
			placeholder: 'HOST:PATH',
			once: true,
			help: 'copy a capture of a host here (-o FILE: to this file)',
		},
		{
			name: 'ssh',
			type: 'string',
			default: 'ssh -o BatchMode=yes -o ConnectTimeout=10',
			placeholder: 'CMD',
			help: 'program and arguments that reach a host, split at spaces; the host follows',
		},
		{
			name: 'remote',
			type: 'string',
			default: 'wattlag',
			placeholder: 'CMD',
			help: "wattlag's name on the hosts, e.g. 'sudo -n wattlag'",
		},
		{
			name: 'reach',
			type: 'string',
			default: 'host',
			choices: ['host', 'instance'],
			placeholder: 'NAME',
			help: "name of a host that ssh gets: the host's own, or the scraper's without its port",
		},
		{
			name: 'peers',
			type: 'string',
			default: 'job',
			placeholder: 'LABEL',
			invalid: (text) => (label.test(text) ? undefined : `'${text}' is no label`),
			help: 'hosts with the same value of this label are compared with each other',
		},
		{
			name: 'by',
			type: 'string',
			default: 'job',
			placeholder: 'LABEL,…',
			invalid: (text) => words(text).find((word) => !label.test(word)) && `write names of labels`,
			help: 'labels by which key t groups the hosts',
		},
		{
			name: 'window',
			type: 'number',
			default: WINDOW,
			min: 5,
			max: 3600,
			placeholder: 'SECONDS',
			help: 'window of rates: four times the scrape interval or more',
		},
		{
			name: 'selector',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			help: `labels that hosts must have, as in PromQL: 'env="prod",rack=~"a.*"'`,
		},
	],
	takes: ['json', 'limit', 'filter', 'ca', 'output'],
	check({ values, filter }) {
		checkFilter('filter', filter, [fleetTracer([])]);
		const asked = ['prometheus', 'hosts', 'connect', 'captures', 'browse', 'fetch'].filter(
			(name) => values[name] !== '',
		);
		if (asked.length === 0)
			throw new UsageError('fleet needs --prometheus URL, --hosts FILE or --connect HOST (docs/fleet.md)');
		if (asked.length > 1) throw new UsageError(`--${asked[0]} and --${asked[1]} exclude each other: leave one out`);
		if (/[{}]/.test(String(values['selector']))) throw new UsageError('--selector: write it without braces');
		if (values['connect'] !== '' && values['json'] === true)
			throw new UsageError('--json does not go with --connect: ssh HOST wattlag --batch --json');
	},
	async run(context) {
		const { line } = context;
		const { connectHost } = await import('./connect.ts');
		const [list, fetch] = [String(line.values['captures']), String(line.values['fetch'])];
		if (list !== '' || fetch !== '') {
			const { fetchCapture, listCaptures, parseFetch } = await import('./captures.ts');
			if (list !== '') return listCaptures(line, list);
			const from = parseFetch(fetch);
			const to = String(line.values['output']) || basename(from.path);
			await fetchCapture(line, from, to);
			process.stderr.write(`wattlag: written: ${sanitize(to)}\n`);
			return 0;
		}
		const { agentCommand } = await import('./ssh.ts');
		for (const name of ['browse', 'connect']) {
			const host = String(line.values[name]);
			if (host !== '') agentCommand(line, host);
		}
		if (line.values['browse'] !== '') {
			needTerminal('wattlag fleet --captures HOST', ' --json');
			const { browseCaptures } = await import('./browse.ts');
			return browseCaptures(context, String(line.values['browse']));
		}
		if (line.values['connect'] !== '') {
			needTerminal('ssh HOST wattlag --batch', ' --json');
			return connectHost(context, String(line.values['connect']));
		}
		const { openFleet } = await import('./run.ts');
		return openFleet(context);
	},
};
