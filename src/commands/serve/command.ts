/** `wattlag serve`: the figures for other programs, by scrape, by push or as a file. */
import { EXIT, UsageError } from '../../core/errors.ts';
import { DEFAULT_LISTEN, parseListen } from '../../export/listen.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { localHost } from '../../system/local-host.ts';
import { type Command, startSampler, untilSignal } from '../command.ts';

/** Findings begin within two intervals, and a scrape every 15 s finds new figures; seconds. */
const DELAY = 5;
const FIRST_DELAY = 1;

export const serve: Command = {
	name: 'serve',
	by: { word: 'serve' },
	usage: 'serve',
	usageOptions: '[--listen ADDR:PORT] [options]',
	summary: 'figures for Prometheus and others (see docs/export.md)',
	delay: DELAY,
	options: [
		{
			name: 'listen',
			type: 'string',
			default: DEFAULT_LISTEN,
			placeholder: 'ADDR:PORT',
			help: 'address of /metrics; none: no port is opened',
		},
		{
			name: 'textfile',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			help: "write the figures to a file for node_exporter's textfile collector, FILE.prom",
		},
		{
			name: 'otlp',
			type: 'string',
			default: '',
			placeholder: 'URL',
			help: 'push metrics, events and slow requests to an OpenTelemetry collector; env: OTEL_EXPORTER_OTLP_ENDPOINT',
		},
		{
			name: 'bulk',
			type: 'string',
			default: '',
			placeholder: 'URL',
			help: 'write events and findings to data streams of Elasticsearch or OpenSearch',
		},
		{
			name: 'bulk-auth',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			help: 'file with user:password, ApiKey KEY or Bearer TOKEN for --bulk (or WATTLAG_BULK_AUTHORIZATION)',
		},
		{
			name: 'ca',
			type: 'string',
			default: '',
			placeholder: 'FILE',
			help: 'certificate authority (PEM) that has signed the certificates of the servers of --otlp and --bulk',
		},
		{
			name: 'series',
			type: 'number',
			integer: true,
			default: 400,
			min: 50,
			max: 100_000,
			placeholder: 'N',
			help: 'most series that are exported; refused ones are counted',
		},
		{
			name: 'top',
			type: 'number',
			integer: true,
			default: 20,
			min: 1,
			max: 1000,
			placeholder: 'N',
			help: 'containers, units and commands that are exported by name; the rest is "other"',
		},
	],
	check({ values }) {
		if (values['listen'] !== 'none') parseListen(String(values['listen']));
		const textfile = String(values['textfile']);
		if (textfile !== '' && !textfile.endsWith('.prom'))
			throw new UsageError(`--textfile ${textfile}: the name must end in .prom, or node_exporter does not read it`);
	},
	async run(context) {
		const { line, registry, version } = context;
		const { runServe } = await import('./run.ts');
		const tracers = registry.map(({ tracer }) => tracer);
		const sampler = await startSampler(context, {
			tabs: tracers.filter(({ onDemand }) => !onDemand).map(({ id }) => id),
			firstDelay: Math.min(FIRST_DELAY, line.delay),
		});
		const { host, kernel, cpus } = localHost();
		try {
			return await runServe(sampler, {
				identity: { version, host, kernel },
				cpus,
				values: line.values,
				stop: untilSignal(),
				report: (text) => process.stderr.write(`wattlag: ${sanitize(text)}\n`),
				measuring: tracers.filter(({ onDemand, from }) => !onDemand && !from).map(({ id }) => id),
				unavailable: EXIT.unavailable,
			});
		} finally {
			sampler.close();
		}
	},
};
