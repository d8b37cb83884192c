/** What `serve` pushes: the queues of both destinations, fed at every tick. */
import { readFileSync } from 'node:fs';
import type { SamplerEvent } from '../../core/sampler.ts';
import type { Exporter } from '../exporter.ts';
import type { Identity } from '../mapping.ts';
import { resourceMetrics, resourceOf } from '../otel.ts';
import { Bulk } from './bulk.ts';
import { Client, parseUrl } from './http.ts';
import { logRecords, Otlp, type Scope, spansOf } from './otlp.ts';
import { otlpSettings } from './otlp-settings.ts';
import { PushQueue, type Result } from './queue.ts';
import { type EventRecord, Records } from './records.ts';
import { authorization, readAuthorization, readPem } from './secrets.ts';

export interface PushOptions {
	/** Values of the options; empty: not asked for. */
	otlp: string;
	bulk: string;
	bulkAuth: string;
	ca: string;
	env: Readonly<Record<string, string | undefined>>;
	identity: Identity;
	exporter: Exporter;
	report(text: string): void;
	/** First pause and longest pause after failures, ms. */
	pauses?: { first: number; longest: number };
}

/** Time for what is queued when the program ends, ms. */
const CLOSING = 3000;
/** Of requests to the bulk server, ms. */
const TIMEOUT = 10_000;

/** Takes the records of a tick. */
interface Destination {
	take(records: readonly EventRecord[]): void;
	close(): Promise<void>;
}

function bootId(): string {
	try {
		return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
	} catch {
		return '';
	}
}

function queueOf(name: string, destination: string, { exporter, report, pauses }: PushOptions): PushQueue {
	return new PushQueue({
		name,
		report,
		...(pauses && { pauses }),
		counted: (result: Result, count) => {
			exporter.mapping.series.add('sent', { destination, result }, count);
			exporter.changed();
		},
	});
}

function toOtlp(options: PushOptions): Destination {
	const { otlp: option, env, identity, exporter, ca } = options;
	const settings = otlpSettings(option, env);
	const file = (path: string) => (path === '' ? undefined : readPem('ca', path));
	const client = new Client({
		timeout: settings.timeout,
		gzip: settings.gzip,
		ca: file(ca) ?? file(settings.ca),
		cert: file(settings.cert),
		key: file(settings.key),
	});
	const otlp = new Otlp(settings, client);
	const resource = resourceOf(identity, settings.resource);
	const scope: Scope = { resource, instrumentationScope: { name: 'wattlag', version: identity.version } };
	// a queue for each: metrics that are refused do not hold up events
	const queues = {
		metrics: queueOf(`--otlp ${settings.urls.metrics}`, 'otlp-metrics', options),
		logs: queueOf(`--otlp ${settings.urls.logs}`, 'otlp-logs', options),
		traces: queueOf(`--otlp ${settings.urls.traces}`, 'otlp-traces', options),
	};
	const pushMetrics = () => {
		const { version } = identity;
		queues.metrics.push(
			otlp.metrics(resourceMetrics(exporter.mapping.series.all(), { resource, version, at: Date.now() })),
		);
	};
	const timer = setInterval(pushMetrics, settings.interval);
	return {
		take(records) {
			if (records.length === 0) return;
			queues.logs.push(otlp.logs(logRecords(records, scope)));
			queues.traces.push(otlp.traces(spansOf(records, scope)));
		},
		async close() {
			clearInterval(timer);
			pushMetrics();
			await Promise.all(Object.values(queues).map((queue) => queue.close(CLOSING)));
			client.close();
		},
	};
}

function toBulk(options: PushOptions): Destination {
	const { bulk: option, bulkAuth, ca, env, identity, report } = options;
	const url = parseUrl('bulk', option, '--bulk-auth FILE or WATTLAG_BULK_AUTHORIZATION');
	const variable = env['WATTLAG_BULK_AUTHORIZATION'];
	const auth =
		bulkAuth !== ''
			? readAuthorization('bulk-auth', bulkAuth)
			: variable && authorization(variable, 'WATTLAG_BULK_AUTHORIZATION');
	const client = new Client({ timeout: TIMEOUT, gzip: false, ca: ca === '' ? undefined : readPem('ca', ca) });
	const { host, kernel, version } = identity;
	const bulk = new Bulk({ url, client, authorization: auth || undefined, host: { name: host, kernel, version } });
	const queue = queueOf(`--bulk ${url}`, 'bulk', options);
	const stop = new AbortController();
	// without the template, a server makes ordinary indices of the names: nothing is sent before it is there
	let ready = false;
	const early: EventRecord[] = [];
	const prepare = async (): Promise<void> => {
		let said: string | undefined;
		for (
			let pause = options.pauses?.first ?? 1000;
			!stop.signal.aborted;
			pause = Math.min(2 * pause, options.pauses?.longest ?? 60_000)
		) {
			const wrong = await bulk.prepare(stop.signal);
			if (stop.signal.aborted) return;
			if (wrong === undefined) break;
			if (wrong !== said) report(`--bulk ${url}: the index template was not written: ${wrong}; tried again`);
			said = wrong;
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, pause);
				// the program does not wait for the next attempt when it ends
				const end = () => {
					clearTimeout(timer);
					resolve();
				};
				stop.signal.addEventListener('abort', end, { once: true });
			});
		}
		ready = true;
		for (const batch of bulk.batches(early.splice(0))) queue.push(batch);
	};
	/** Of the oldest ones that wait for the template, so many. */
	const drop = (count: number): void => {
		if (count <= 0) return;
		early.splice(0, count);
		options.exporter.mapping.series.add('sent', { destination: 'bulk', result: 'dropped' }, count);
	};
	void prepare();
	return {
		take(records) {
			if (ready) for (const batch of bulk.batches(records)) queue.push(batch);
			else {
				early.push(...records);
				drop(early.length - MOST_EARLY);
			}
		},
		async close() {
			stop.abort();
			await queue.close(CLOSING);
			client.close();
			const left = early.length;
			drop(left);
			if (left > 0) report(`--bulk ${url}: ${left} records were not sent`);
		},
	};
}

/** Records that wait for the template. */
const MOST_EARLY = 10_000;

/** @throws {UsageError} */
export function startPush(options: PushOptions): { close(): Promise<void> } | undefined {
	const destinations: Destination[] = [];
	if (options.otlp !== '') destinations.push(toOtlp(options));
	if (options.bulk !== '') destinations.push(toBulk(options));
	if (destinations.length === 0) return undefined;
	const records = new Records({ host: options.identity.host, boot: bootId() });
	options.exporter.onTick((events: readonly SamplerEvent[]) => {
		const all = records.of(events);
		for (const destination of destinations) destination.take(all);
	});
	return {
		async close() {
			await Promise.all(destinations.map((destination) => destination.close()));
		},
	};
}
