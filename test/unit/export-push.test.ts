/** OTLP and _bulk against servers that refuse what is not allowed, answer late, in part, or not at all. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Exporter } from '../../src/export/exporter.ts';
import { Bulk } from '../../src/export/push/bulk.ts';
import { Client, reasonOf, retryAfterMs } from '../../src/export/push/http.ts';
import { Otlp } from '../../src/export/push/otlp.ts';
import { otlpSettings } from '../../src/export/push/otlp-settings.ts';
import { type PushOptions, startPush } from '../../src/export/push/push.ts';
import { type Batch, PushQueue, type Result } from '../../src/export/push/queue.ts';
import { authorization } from '../../src/export/push/secrets.ts';
import { type Behaviour, type Received, type StrictServer, strictServer } from '../lib/strict-server.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

async function server(
	behave: (request: Received, index: number) => Behaviour,
	tls?: { key: string; cert: string },
): Promise<StrictServer> {
	const one = await strictServer(behave, tls);
	ends.push(one.close);
	return one;
}

function httpClient(): Client {
	const client = new Client({ timeout: 10_000, gzip: false });
	ends.push(() => client.close());
	return client;
}

const identity = { version: '1', host: 'db1', kernel: '6.1' };
const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_METRIC_EXPORT_INTERVAL: '86400000' };

/** Pushes some ticks; `results` are the counts of records by destination and result. */
function push(options: Partial<PushOptions>, ticks = 4) {
	const exporter = new Exporter({ ...identity, series: 5000 });
	const reports: string[] = [];
	const pushing = startPush({
		otlp: '',
		bulk: '',
		bulkAuth: '',
		ca: '',
		env,
		identity,
		exporter,
		report: (text) => reports.push(text),
		pauses: { first: 5, longest: 20 },
		...options,
	});
	const overview = overviewFixture();
	let slow = 0;
	for (let at = 0; at < ticks; at++) {
		const io = ioSnapshot(at);
		slow += io.slow.length;
		const sources = [energySnapshot(at), runqlatSnapshot(at), irqSnapshot(at), io] as unknown as Snapshot[];
		for (const snapshot of [...sources, overview(at, sources)])
			exporter.apply({ kind: 'snapshot', snapshot: snapshot as Snapshot });
	}
	const results = () =>
		Object.fromEntries(
			[...exporter.mapping.series.all()]
				.filter(({ id }) => id === 'sent')
				.flatMap(({ series }) => [...series].map(({ labels, value }) => [Object.values(labels).join(' '), value])),
		) as Record<string, number>;
	return { reports, results, slow, close: () => pushing?.close() ?? Promise.resolve() };
}

const accepted: Behaviour = { status: 200, body: '{}' };

/** What OTLP/JSON allows: 64-bit numbers as texts, ids in hex, times that are there. */
function checkOtlp(value: unknown, key = ''): void {
	if (/UnixNano$|^(asInt|intValue|count)$/.test(key) && value !== undefined)
		expect(typeof value === 'string' || Number.isSafeInteger(value), `${key} ${value}`).toBe(true);
	if (/^(traceId)$/.test(key)) expect(value).toMatch(/^[0-9a-f]{32}$/);
	if (/^(spanId|parentSpanId)$/.test(key)) expect(value).toMatch(/^[0-9a-f]{16}$/);
	if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
	if (typeof value === 'object' && value !== null)
		for (const [name, one] of Object.entries(value)) checkOtlp(one, name);
}

describe('OTLP', () => {
	test('metrics, events and slow requests reach their paths in the form of the specification', async () => {
		const { url, received } = await server((request) => {
			if (request.method !== 'POST' || request.headers['content-type'] !== 'application/json') return { status: 415 };
			checkOtlp(JSON.parse(request.body.toString('utf8')));
			return accepted;
		});
		const { close, results, slow } = push({ otlp: url });
		await close();
		expect(new Set(received.map(({ path }) => path))).toEqual(new Set(['/v1/metrics', '/v1/logs', '/v1/traces']));
		expect(slow).toBeGreaterThan(0);
		const bodies = (path: string) =>
			received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body.toString('utf8')));
		const spans = bodies('/v1/traces').flatMap((one) => one.resourceSpans[0].scopeSpans[0].spans);
		expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined).length).toBe(slow);
		const roots = new Set(spans.map(({ spanId }) => spanId));
		expect(roots.size).toBe(spans.length);
		for (const { parentSpanId } of spans) if (parentSpanId !== undefined) expect(roots).toContain(parentSpanId);
		const metrics = bodies('/v1/metrics').flatMap((one) => one.resourceMetrics[0].scopeMetrics[0].metrics);
		const energy = metrics.find(({ name }) => name === 'wattlag.energy');
		expect(energy).toMatchObject({ unit: 'J', sum: { isMonotonic: true, aggregationTemporality: 2 } });
		const [resource] = bodies('/v1/metrics').map((one) => one.resourceMetrics[0].resource.attributes);
		expect(resource).toContainEqual({ key: 'host.name', value: { stringValue: 'db1' } });
		expect(results()['otlp-traces sent']).toBe(spans.length);
		expect(Object.keys(results()).every((key) => key.endsWith('sent'))).toBe(true);
	});

	test('429, 503, a cut answer and a reset are tried again, in order; nothing is lost or there twice', async () => {
		const bad: Behaviour[] = [{ status: 429, headers: { 'Retry-After': '0' } }, { status: 503 }, 'cut', 'reset'];
		const seen = new Map<string, number>();
		const { url, received } = await server((request) => {
			const count = seen.get(request.path) ?? 0;
			seen.set(request.path, count + 1);
			return bad[count] ?? accepted;
		});
		const { close, results, slow, reports } = push({ otlp: url }, 3);
		await close();
		const answered = received.filter(({ path }) => path === '/v1/traces').slice(bad.length);
		const roots = answered.flatMap(({ body }) => JSON.parse(body.toString('utf8')).resourceSpans[0].scopeSpans[0].spans).filter(({ parentSpanId }) => parentSpanId === undefined); // biome-ignore format: one list
		expect(roots.length).toBe(slow);
		expect(results()['otlp-traces dropped']).toBeUndefined();
		expect(reports.some((text) => text.includes('overloaded'))).toBe(true);
		expect(reports.some((text) => text.includes('works again'))).toBe(true);
	});

	test('a partial success is counted; a malformed record is not sent again', async () => {
		const { url, received } = await server(({ path }) => {
			if (path === '/v1/logs') return { status: 400 };
			if (path === '/v1/traces')
				return { status: 200, body: '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}' };
			return accepted;
		});
		const { close, results, reports } = push({ otlp: url }, 3);
		await close();
		const requests = received.filter(({ path }) => path === '/v1/traces').length;
		expect(requests).toBeGreaterThan(0);
		expect(results()['otlp-traces rejected']).toBe(2 * requests);
		expect(results()['otlp-logs rejected']).toBeGreaterThan(0);
		expect(results()['otlp-logs sent']).toBeUndefined();
		expect(reports.join('\n')).toContain('too old');
	});

	test('a server that never answers keeps the queue, and costs no more than its time at the end', async () => {
		const { url } = await server(() => 'hang');
		const { close, results } = push({ otlp: url, env: { ...env, OTEL_EXPORTER_OTLP_TIMEOUT: '50' } }, 1);
		await close();
		expect(results()['otlp-metrics dropped']).toBeGreaterThan(0);
		expect(results()['otlp-metrics sent']).toBeUndefined();
	}, 20_000);

	test('the environment of OpenTelemetry is honoured', () => {
		const all = otlpSettings('env', {
			OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318/base/',
			OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://logs/x',
			OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b, x=1',
			OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
			OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
			OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod',
			OTEL_SERVICE_NAME: 'mine',
		});
		expect(all.urls.metrics.href).toBe('https://collector:4318/base/v1/metrics');
		expect(all.urls.logs.href).toBe('http://logs/x');
		expect(all.headers.traces).toEqual({ 'api-key': 'a b', x: '1' });
		expect([all.gzip, all.timeout, all.protocol]).toEqual([true, 5000, 'http/protobuf']);
		expect(all.resource).toEqual({ 'deployment.environment.name': 'prod', 'service.name': 'mine' });
	});

	test.each([
		['http://user:secret@host', {}, /visible to all users/],
		['ftp://host', {}, /only http and https/],
		['host:4318', {}, /only http and https|not a URL/],
		['env', {}, /OTEL_EXPORTER_OTLP_ENDPOINT is not set/],
		['http://h', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /wattlag has http\/protobuf/],
		['http://h', { OTEL_EXPORTER_OTLP_HEADERS: 'x' }, /name=value/],
		['http://h', { OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0D%0Ac' }, /cannot be a header/],
		['http://h', { OTEL_EXPORTER_OTLP_HEADERS: 'a b=c' }, /cannot be a header/],
		// a timer fires at once
		['http://h', { OTEL_METRIC_EXPORT_INTERVAL: '9999999999' }, /milliseconds from 1 to 2147483647/],
		['http://h', { OTEL_METRIC_EXPORT_INTERVAL: '1e309' }, /milliseconds/],
		['http://h', { OTEL_METRIC_EXPORT_INTERVAL: '0.001' }, /milliseconds/],
		['http://h', { OTEL_EXPORTER_OTLP_TIMEOUT: 'Infinity' }, /milliseconds/],
		['http://h', { OTEL_EXPORTER_OTLP_TIMEOUT: '-1' }, /milliseconds/],
	])('bad input: %s %j', (option, variables, message) => {
		expect(() => otlpSettings(option, variables)).toThrow(message);
		expect(() => otlpSettings(option, variables)).not.toThrow(/secret/);
	});
});

interface Action {
	create: { _index: string; _id: string };
}

/** The lines of a _bulk request, in pairs; throws what a server would refuse. */
function pairsOf(body: Buffer): { action: Action; document: Record<string, unknown> }[] {
	const text = body.toString('utf8');
	expect(text.endsWith('\n')).toBe(true);
	const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one step
	expect(lines.length % 2).toBe(0);
	return lines.flatMap((action, index) => (index % 2 === 0 ? [{ action, document: lines[index + 1] }] : []));
}

function bulkServer(itemStatus: (id: string, round: number) => number) {
	const rounds = new Map<string, number>();
	const stored = new Map<string, Record<string, unknown>>();
	const behave = (request: Received): Behaviour => {
		if (request.path === '/es/_index_template/wattlag') return request.method === 'PUT' ? accepted : { status: 405 };
		if (request.path !== '/es/_bulk' || request.headers['content-type'] !== 'application/x-ndjson')
			return { status: 400 };
		if (request.headers.authorization !== 'ApiKey abc') return { status: 401 };
		const items = pairsOf(request.body).map(({ action, document }) => {
			const { _id, _index } = action.create;
			// a data stream takes only create, with a time
			if (!/^logs-wattlag\.[a-z_]+-default$/.test(_index) || Number.isNaN(Date.parse(String(document['@timestamp']))))
				return { create: { status: 400 } };
			const round = rounds.get(_id) ?? 0;
			rounds.set(_id, round + 1);
			const status = stored.has(_id) ? 409 : itemStatus(_id, round);
			if (status === 201) stored.set(_id, document);
			return { create: { _index, _id, status, ...(status >= 400 && { error: { type: 'x', reason: 'why' } }) } };
		});
		return {
			status: 200,
			body: JSON.stringify({ took: 1, errors: items.some(({ create }) => create.status >= 400), items }),
		};
	};
	return { behave, stored };
}

test.each([
	['http/json', '<html>please log in</html>', 'retry'],
	['http/json', '5', 'retry'],
	['http/json', '', 'done'],
	['http/json', '{}', 'done'],
	['http/protobuf', '<html>please log in</html>', 'retry'],
	['http/protobuf', '', 'done'],
])('%s: an answer %j of a server that may not speak OTLP', async (protocol, body, kind) => {
	const { url } = await server(() => ({ status: 200, body }));
	const settings = otlpSettings(url, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
	const outcome = await new Otlp(settings, httpClient()).logs([]).send(new AbortController().signal);
	expect(outcome.kind).toBe(kind);
	if (outcome.kind === 'retry') expect(outcome.reason).toBe('its answer is not that of OTLP');
});

/** What becomes of one record where the server answers so. */
async function answeredBy(body: string) {
	const { url } = await server(() => ({ status: 200, body }));
	const bulk = new Bulk({ url: new URL(url), client: httpClient(), host: { name: 'a', kernel: 'b', version: 'c' } });
	const record = { kind: 'finding', name: 'finding.begin', level: 'high', at: 0, message: '', figures: {}, id: '1' };
	return bulk.batches([record as never])[0]?.send(new AbortController().signal);
}

describe('_bulk', () => {
	const bulkEnv = { WATTLAG_BULK_AUTHORIZATION: 'ApiKey abc' };

	test('every record is stored once, although items are refused for a while; the template comes first', async () => {
		const { behave, stored } = bulkServer((id, round) => (round < 2 && id.charCodeAt(0) % 2 === 0 ? 429 : 201));
		const { url, received } = await server(behave);
		const { close, results, slow } = push({ bulk: `${url}/es`, env: bulkEnv });
		await expect.poll(() => stored.size, { timeout: 20_000 }).toBeGreaterThanOrEqual(slow);
		await close();
		expect(received[0]?.path).toBe('/es/_index_template/wattlag');
		expect(stored.size).toBe(results()['bulk sent']);
		const documents = [...stored.values()];
		expect(
			documents.filter(({ data_stream: stream }) => (stream as { dataset: string }).dataset === 'wattlag.slow_request')
				.length,
		).toBe(slow);
		for (const document of documents) {
			expect(document).toMatchObject({
				host: { name: 'db1' },
				event: { module: 'wattlag' },
				ecs: { version: expect.any(String) },
			});
		}
	});

	test('the same records again have the same ids: the server has nothing twice', async () => {
		const { behave, stored } = bulkServer(() => 201);
		const { url } = await server(behave);
		for (const _round of [1, 2]) {
			const { close, results, slow } = push({ bulk: `${url}/es`, env: bulkEnv });
			await expect.poll(() => results()['bulk sent'] ?? 0, { timeout: 20_000 }).toBeGreaterThanOrEqual(slow);
			await close();
		}
		expect(new Set(stored.keys()).size).toBe(stored.size);
		const [one, other] = [stored.size, new Set([...stored.values()].map((document) => JSON.stringify(document))).size];
		expect(one).toBe(other);
	});

	test('at the end the next attempt is not waited for, and what waited for the template is counted', async () => {
		const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
		const before = timers();
		const { close, reports, results, slow } = push({ bulk: 'http://127.0.0.1:1', env: bulkEnv, pauses: { first: 60_000, longest: 60_000 } }); // biome-ignore format: one call
		await expect.poll(() => reports.join('\n'), { timeout: 10_000 }).toContain('nothing listens there');
		await close();
		expect(reports.at(-1)).toMatch(/records were not sent$/);
		expect(results()['bulk dropped']).toBeGreaterThanOrEqual(slow);
		expect(timers()).toBe(before);
	});

	test.each(['null', '5', '[]', '{"items":null}', '{"items":{"length":1}}', '<html>', '\xff'])(
		'an answer that is none of _bulk: %j',
		async (body) => expect(await answeredBy(body)).toMatchObject({ kind: 'retry', reason: 'its answer is not that of a _bulk request' }), // biome-ignore format: one line
	);

	test('an item that is none is a refused one', async () => {
		expect(await answeredBy('{"items":[null]}')).toMatchObject({ kind: 'done', sent: 0, rejected: 1, reason: 'status 0' }); // biome-ignore format: one line
	});

	test('a wrong password is one line, and the queue is kept until it is right', async () => {
		const { behave, stored } = bulkServer(() => 201);
		let right = false;
		const { url } = await server((request) => (right ? behave({ ...request, headers: { ...request.headers, authorization: 'ApiKey abc' } }) : request.path.endsWith('_bulk') ? { status: 401 } : accepted)); // biome-ignore format: one rule
		const { close, reports, slow } = push({ bulk: `${url}/es`, env: { WATTLAG_BULK_AUTHORIZATION: 'me:wrong' } });
		await expect.poll(() => reports.length, { timeout: 20_000 }).toBeGreaterThan(0);
		expect(reports.filter((text) => text.includes('credentials')).length).toBe(1);
		expect(reports.join('')).not.toContain('wrong:');
		right = true;
		await expect.poll(() => stored.size, { timeout: 20_000 }).toBeGreaterThanOrEqual(slow);
		await close();
	});
});

test('TLS is verified: a self-signed certificate is refused until it is named', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-tls-'));
	ends.push(() => rmSync(folder, { recursive: true, force: true }));
	const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
	const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert]); // biome-ignore format: one command
	expect(made.status).toBe(0);
	const { url, received } = await server(() => accepted, {
		key: readFileSync(key, 'utf8'),
		cert: readFileSync(cert, 'utf8'),
	});
	const untrusted = push({ otlp: url }, 1);
	await untrusted.close();
	expect(untrusted.reports.join('\n')).toContain('self-signed; name it with --ca');
	expect(received.length).toBe(0);
	const trusted = push({ otlp: url, ca: cert }, 1);
	await trusted.close();
	expect(received.length).toBeGreaterThan(0);
	expect(() => push({ otlp: url, ca: key.replace('key', 'none') }, 1)).toThrow(/--ca/);
});

describe('the queue', () => {
	test('drops the oldest beyond its limits and counts it; the rest is sent in order', async () => {
		const counts: Partial<Record<Result, number>> = {};
		const queue = new PushQueue({
			name: 'x',
			report: () => {},
			counted: (result, count) => {
				counts[result] = (counts[result] ?? 0) + count;
			},
			most: { batches: 3, bytes: 1000 },
		});
		let open = () => {};
		const gate = new Promise<void>((resolve) => {
			open = resolve;
		});
		const order: number[] = [];
		const batch = (id: number, bytes = 10): Batch => ({
			count: 1,
			bytes,
			send: async () => {
				await gate;
				order.push(id);
				return { kind: 'done', sent: 1, rejected: 0 };
			},
		});
		for (let id = 0; id < 6; id++) queue.push(batch(id));
		queue.push(batch(6, 985));
		open();
		await queue.close(1000);
		expect(order).toEqual([0, 6]);
		expect(counts).toEqual({ dropped: 5, sent: 2 });
	});

	test.each([
		['3', 3000],
		['99999999', 3_600_000],
		['-5', 0],
		['x', undefined],
		[undefined, undefined],
	])('Retry-After: %s', (text, ms) => expect(retryAfterMs(text, Date.parse('2026-01-01'))).toBe(ms));
});

test.each([
	['user:pass', 'Basic dXNlcjpwYXNz'],
	[' ApiKey abc\n', 'ApiKey abc'],
	['Bearer t', 'Bearer t'],
])('authorization %j', (text, header) => expect(authorization(text, 'f')).toBe(header));

test.each(['', 'nocolon', 'a:b\nX: y'])('no authorization: %j', (text) => {
	expect(() => authorization(text, 'f')).toThrow(/^f: /);
});

test('reasons are words', () => {
	expect(reasonOf({ code: 'ECONNREFUSED', message: 'x' })).toBe('nothing listens there');
	expect(reasonOf({ code: 'HPE_INVALID_CONSTANT', message: 'x' })).toBe('it does not speak HTTP there');
});
