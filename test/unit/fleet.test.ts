/** A fleet's rows: queries, answers, outliers, groups; and the agent's protocol over pipes that break. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { capturesMenu, localName, parseCaptures } from '../../src/commands/fleet/browse.ts';
import { fetchCapture, parseFetch, passOn, quoted } from '../../src/commands/fleet/captures.ts';
import type { Sampler, SamplerEvent } from '../../src/core/sampler.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { instruments } from '../../src/export/instruments.ts';
import { openMetrics } from '../../src/export/openmetrics.ts';
import { Client } from '../../src/export/push/http.ts';
import { runAgent } from '../../src/fleet/agent.ts';
import { FleetSampler } from '../../src/fleet/fleet-sampler.ts';
import { grouped } from '../../src/fleet/groups.ts';
import { judged, median, robustScores } from '../../src/fleet/outliers.ts';
import { PrometheusSource, samplesOf } from '../../src/fleet/prometheus.ts';
import { queries } from '../../src/fleet/promql.ts';
import {
	checkHello,
	FrameReader,
	type Hello,
	Lines,
	PROTOCOL,
	parseNote,
	parseRequest,
} from '../../src/fleet/protocol.ts';
import { RemoteSampler } from '../../src/fleet/remote-sampler.ts';
import { emptyRow, type FleetRow } from '../../src/fleet/rows.ts';
import { checkHost, readHosts } from '../../src/fleet/ssh-source.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { fromText } from '../../src/recording/columns-text.ts';
import { packFrame, preamble } from '../../src/recording/frame.ts';
import { registry } from '../../src/registry.ts';
import { strictServer } from '../lib/strict-server.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

const host = (name: string, figures: Partial<FleetRow> = {}): FleetRow => ({
	...emptyRow(sanitize(name)),
	up: true,
	from: sanitize('wattlag'),
	labels: { job: sanitize('a') },
	...figures,
});

describe('outliers', () => {
	test('median and deviation are those of statistics books', () => {
		expect(median([3, 1, 2])).toBe(2);
		expect(median([4, 1, 2, 3])).toBe(2.5);
		// 1, 1, 2, 2, 4, 6, 9: median 2, deviations 1 1 0 0 2 4 7, their median 1
		const scores = robustScores([1, 1, 2, 2, 4, 6, 9], 0);
		expect(scores[6]).toBeCloseTo(7 / 1.4826, 9);
		expect(scores[2]).toBe(0);
	});

	test('the host that differs comes out, by the figure it differs in; equal peers are not set apart', () => {
		const rows = Array.from({ length: 12 }, (_, index) =>
			host(`h${index}`, { cpu: 1, watts: 40 + index / 10, wait_p99_ns: 1e6 }),
		);
		rows[7] = host('h7', { cpu: 1, watts: 40, wait_p99_ns: 80e6 });
		const judgedRows = judged(rows, 'job');
		const worst = judgedRows.reduce((a, b) => (Math.abs(b.out ?? 0) > Math.abs(a.out ?? 0) ? b : a));
		expect([worst.host, worst.out_by]).toEqual(['h7', 'wait p99 high']);
		for (const row of judgedRows) if (row.host !== 'h7') expect(Math.abs(row.out ?? 0)).toBeLessThan(3);
	});

	test('peers are those of the same label; fewer than four are none; unknown figures do not count', () => {
		const rows = [
			...Array.from({ length: 5 }, (_, index) => host(`a${index}`, { cpu: 1 })),
			...Array.from({ length: 3 }, (_, index) => host(`b${index}`, { cpu: 90, labels: { job: sanitize('b') } })),
			host('silent', {}),
		];
		const all = judged(rows, 'job');
		expect(all.filter(({ host: name }) => name.startsWith('b')).map(({ out }) => out)).toEqual([null, null, null]);
		expect(all.at(-1)?.out).toBeNull();
		expect(all[0]?.out).toBe(0);
	});
});

test('a group is the sum of what adds up and the worst of the rest', () => {
	const [group] = grouped(
		[
			host('a', { watts: 1, wait_p99_ns: 5, severity: 1, finding: sanitize('x') }),
			host('b', { watts: 2, wait_p99_ns: 7, severity: 3, finding: sanitize('y'), up: false }),
		],
		'job',
	);
	expect(group).toMatchObject({
		host: 'a',
		hosts: 2,
		watts: 3,
		wait_p99_ns: 7,
		severity: 3,
		finding: 'b: y',
		state: '1 of 2 down',
	});
});

describe('queries', () => {
	test('are eight whatever the fleet, and name only metrics that are exported', () => {
		const all = queries({ window: 60, selector: 'env="prod"' });
		expect(Object.keys(all).length).toBe(8);
		const names = new Set<string>(
			Object.values(instruments).flatMap(({ name, kind }) =>
				kind === 'counter' ? [`${name}_total`] : [name, `${name}_bucket`],
			),
		);
		for (const query of Object.values(all)) {
			for (const [name] of query.matchAll(/\bwattlag_\w+/g)) expect(names, name).toContain(name);
			expect(query.match(/env="prod"/g)?.length).toBe(query.match(/\b(wattlag|node)_\w+/g)?.length);
		}
	});

	test.each([
		[{ status: 200, body: '{"status":"success","data":{"resultType":"matrix","result":[]}}' }, /no vector/],
		[
			{ status: 400, body: '{"status":"error","errorType":"bad_data","error":"parse error at char 3"}' },
			/PromQL: parse error/,
		],
		[{ status: 200, body: '<html>' }, /no JSON/],
		[{ status: 401, body: 'no' }, /credentials/],
		[{ status: 302, body: '' }, /redirects/],
	])('an answer that is none: %j', ({ status, body }, message) => {
		expect(() => samplesOf({ status, retryAfter: undefined, body: Buffer.from(body) })).toThrow(message);
	});
});

/** FIXTURE: a server that answers the eight queries for `count` hosts, each with its number as its figures. */
async function promServer(count: number) {
	const time = 1_700_000_000;
	const vector = (result: { metric: Record<string, string>; value: [number, string] }[]) => ({
		status: 200,
		body: JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }),
	});
	const each = (figure: (index: number) => number, labels: (index: number) => Record<string, string> = () => ({})) =>
		Array.from({ length: count }, (_, index) => ({
			metric: { instance: `10.0.0.${index}:9724`, job: 'wattlag', ...labels(index) },
			value: [time, String(figure(index))] as [number, string],
		}));
	let queriesSeen = 0;
	const server = await strictServer((request) => {
		if (request.path !== '/api/v1/query' || request.method !== 'POST') return { status: 404 };
		const query = new URLSearchParams(request.body.toString()).get('query') ?? '';
		queriesSeen++;
		if (query.startsWith('last_over_time(wattlag_build_info'))
			return vector(
				each(
					() => 1,
					(index) => ({ __name__: 'wattlag_build_info', host: `host${index}`, version: '1', rack: `r${index % 7}` }),
				),
			);
		if (query.startsWith('time() -')) return vector(each((index) => (index % 10 === 9 ? 4000 : 3)));
		if (query.includes('finding_since'))
			return vector(
				each(
					() => time - 90,
					() => ({ rule: 'starving', level: 'severe', subject: 'x', owner: 'y' }),
				).slice(0, 3),
			);
		if (query.includes('wattlag_cpu')) return vector(each((index) => index / 100));
		if (query.includes('"watts"'))
			return vector([
				...each(
					(index) => index,
					() => ({ figure: 'watts' }),
				),
				...each(
					() => 0.5,
					() => ({ figure: 'error' }),
				),
			]);
		if (query.includes('runqueue')) return vector(each((index) => (index === 1 ? Number.NaN : 0.001)));
		if (query.includes('wattlag_io')) return vector(each(() => 0.002));
		return vector([
			...each(
				() => 0.1,
				() => ({ figure: 'irq' }),
			),
			...each(
				() => 2,
				() => ({ figure: 'lost' }),
			),
		]);
	});
	ends.push(server.close);
	const source = new PrometheusSource({
		url: new URL(server.url),
		client: new Client({ timeout: 10_000, gzip: false }),
		window: 60,
		selector: '',
		stale: 180,
	});
	ends.push(() => source.close());
	return { source, seen: () => queriesSeen };
}

describe('Prometheus', () => {
	test('answers become rows: names by the host itself, NaN is not known, old figures are none of the present', async () => {
		const { source } = await promServer(20);
		const rows = await source.rows();
		expect(rows.length).toBe(20);
		const of = (name: string) => rows.find((row) => row.host === name);
		expect(of('host0')).toMatchObject({
			instance: '10.0.0.0:9724',
			severity: 3,
			finding: 'starving: x (y)',
			since_s: 90,
			watts: 0,
			watts_error: 0.5,
			io_p99_ns: 2e6,
			irq: 0.1,
			lost: 2,
			up: true,
			drops: null,
			events: null,
		});
		expect(of('host1')?.wait_p99_ns).toBeNull();
		expect(of('host9')).toMatchObject({ up: false, state: 'no new figures', severity: 0 });
		expect(of('host3')?.labels['rack']).toBe('r3');
	});

	test('5,000 hosts take eight queries, and every host is a row', async () => {
		const { source, seen } = await promServer(5000);
		const sampler = new FleetSampler({ source, engine: 'e', peers: 'job', delay: 3600 });
		ends.push(() => sampler.close());
		const snapshot = await new Promise<Snapshot>((resolve) =>
			sampler.subscribe((event) => event.kind === 'snapshot' && resolve(event.snapshot)),
		);
		expect(snapshot.rows.length).toBe(5000);
		expect(seen()).toBe(8);
		expect(snapshot).toMatchObject({ hosts: 5000, down: 500, error: '' });
	});

	test.each([
		[[null], 0],
		[[5, 'x', [], {}], 0],
		[[{ metric: { host: 5, instance: {}, job: null }, value: [1, '2'] }], 0],
		[[{ metric: { host: 'a' }, value: 'x' }], 0],
		[[{ metric: JSON.parse('{"__proto__":"x","host":"a"}'), value: [1, '2'] }], 1],
	])('what is no sample is left out: %j', (result, count) => {
		const body = Buffer.from(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
		expect(samplesOf({ status: 200, retryAfter: undefined, body }).samples.length).toBe(count);
	});

	test('a server that is gone leaves the previous rows, with the error', async () => {
		const { source } = await promServer(5);
		const sampler = new FleetSampler({ source, engine: 'e', peers: 'job', delay: 0.05 });
		ends.push(() => sampler.close());
		const seen: Snapshot[] = [];
		sampler.subscribe((event) => event.kind === 'snapshot' && seen.push(event.snapshot));
		await expect.poll(() => seen.length).toBeGreaterThan(0);
		await ends.splice(0, 1)[0]?.();
		await expect
			.poll(() => (seen.at(-1) as unknown as { error: string }).error, { timeout: 10_000 })
			.toMatch(/nothing listens there|closed the connection/);
		expect(seen.at(-1)?.rows.length).toBe(5);
	});
});

test.each(['-oProxyCommand=x', 'a b', 'a;b', '$(x)', '', 'a\nb'])('no host: %j', (name) => {
	expect(() => checkHost(name, 'x')).toThrow(/is no host name/);
});

test('a file of hosts: comments, labels, lines of Windows; a host that is there twice is refused', () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-hosts-'));
	ends.push(() => rmSync(folder, { recursive: true }));
	const path = join(folder, 'hosts');
	const read = (text: string) => {
		writeFileSync(path, text);
		return readHosts(path);
	};
	expect(read('\ufeffdb1 role=db rack=a3\r\n# no host\r\n\r\n[::1]  # local\n')).toEqual([
		{ host: 'db1', labels: { role: 'db', rack: 'a3' } },
		{ host: '[::1]', labels: {} },
	]);
	expect(() => read('db1\ndb2\ndb1 role=x\n')).toThrow(/, line 3: db1 is there already$/);
	expect(() => read('-oProxyCommand=x\n')).toThrow(/, line 1: .* is no host name/);
	expect(() => read('db1 role\n')).toThrow(/write label=value/);
	expect(() => read('# nothing\n')).toThrow(/no host in it/);
});

test('captures: what a host lists is checked, and only plain names are taken over', () => {
	const lines = [
		'{"path":"/var/lib/wattlag/captures/capture-1.wlb","bytes":2048,"written":"2026-11-29T10:00:00.000Z","cause":"evil\\u001b[2J"}',
		'{"path":"relative.wlb","bytes":1}',
		'no json',
		'{"path":"/x\\ny","bytes":1}',
		'null',
	];
	const all = parseCaptures(lines.join('\n'));
	expect(all.map(({ path, cause }) => [path, cause])).toEqual([
		['/var/lib/wattlag/captures/capture-1.wlb', 'evil^[[2J'],
	]);
	expect(capturesMenu('db1', all)).toMatch(
		/^ {2}1 {2}2026-11-29 10:00:00Z .*2.00K {2}capture-1.wlb {2}evil\^\[\[2J\n$/,
	);
	expect(capturesMenu('db1', [])).toBe('no captures on db1\n');
	expect(localName('/a/capture-1.wlb')).toBe('capture-1.wlb');
	for (const path of ['/a/..', '/a/-rf', '/a/.bashrc', '/a/x y', '/a/\u001b.wlb'])
		expect(localName(path)).toBeUndefined();
});

test('captures: what a host writes is inert, and a line without end takes no memory', async () => {
	const written: string[] = [];
	await passOn(Readable.from([Buffer.from('a\x1b[2Jb\nWRITTEN  \u202e'), Buffer.from([0xff, 0x0a])]), {
		write: (text: string) => written.push(text) > 0,
	});
	const text = written.join('');
	expect(text.split('\n').length).toBe(3);
	expect(text).toMatch(/^a.*b\nWRITTEN/);
	expect(text).not.toMatch(/[\x1b\u202e]/);
});

test('captures: a host that sends something else, or without end, fills no disk', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-fetch-'));
	ends.push(() => rmSync(folder, { recursive: true }));
	const host = (name: string, script: string) => {
		const path = join(folder, name);
		writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
		return { values: { ssh: path, remote: 'wattlag' } } as never;
	};
	const to = join(folder, 'here.wlb');
	const fetched = (line: never, options?: Parameters<typeof fetchCapture>[3]) =>
		fetchCapture(line, { host: 'db1', path: '/x.wlb' }, to, options);
	const magic = "printf '\\050\\265\\057\\375'";
	await expect(fetched(host('other', 'exec yes 2>/dev/null'))).rejects.toThrow('it is no capture');
	await expect(fetched(host('endless', `${magic}; exec yes 2>/dev/null`), { most: 2 ** 20 })).rejects.toThrow(
		'larger than 1.00M, which no capture',
	);
	await expect(fetched(host('hangs', 'exec sleep 100'), { signal: AbortSignal.timeout(200) })).rejects.toThrow(
		'not copied',
	);
	await expect(fetched(host('fails', 'exit 5'))).rejects.toThrow('not copied (exit code 5)');
	expect(existsSync(to)).toBe(false);
	await fetched(host('good', `${magic}; printf x`));
	expect(readFileSync(to).toString('latin1')).toBe('\x28\xb5\x2f\xfdx');
});

test('captures: a path reaches the shell there as one word', () => {
	const path = "/a b/it's;$(x)";
	const { stdout } = spawnSync('sh', ['-c', `printf %s ${quoted(path)}`], { encoding: 'utf8' });
	expect(stdout).toBe(path);
	expect(parseFetch(`db1:${path}`)).toEqual({ host: 'db1', path });
	for (const text of ['db1', 'db1:relative', ':/x', 'db1:/x\ny'])
		expect(() => parseFetch(text), text).toThrow(/write HOST:/);
});

const tracers = registry.map(({ tracer }) => tracer);
const hello: Hello = {
	protocol: PROTOCOL,
	version: '1',
	host: 'far',
	kernel: '6',
	cpus: 4,
	tabs: tracers.map(({ id }) => id),
};

/** A sampler that reports given events, and remembers its calls. */
function toldSampler() {
	const listeners = new Set<(event: SamplerEvent) => void>();
	const asked: unknown[] = [];
	const sampler: Sampler = {
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		setInterval: (seconds) => asked.push(['delay', seconds]),
		setGroup: (tab, group) => asked.push(['group', tab, group]),
		tune: (tab, changes) => asked.push(['tune', tab, changes]),
		setActiveTab: (tab) => asked.push(['active', tab]),
		close: () => {},
	};
	return {
		sampler,
		asked,
		report: (event: SamplerEvent) => {
			for (const listener of listeners) listener(event);
		},
	};
}

describe('the agent', () => {
	test('sends what its sampler reports; cut anywhere, the pieces are the same frames', async () => {
		const { sampler, asked, report } = toldSampler();
		const [input, output] = [new PassThrough(), new PassThrough()];
		const ended = runAgent({ sampler, hello, input, output, inspect: async () => ({ command: 'x' }) });
		const snapshots = [1, 2, 3].map((at) => energySnapshot(at) as unknown as Snapshot);
		for (const snapshot of snapshots) report({ kind: 'snapshot', snapshot });
		input.write(
			`${JSON.stringify({ kind: 'delay', seconds: 2 })}\n${JSON.stringify({ kind: 'group', tab: 'energy', group: 'user' })}\n`,
		);
		input.write(`${JSON.stringify({ kind: 'beat', at: 7 })}\n`);
		await new Promise((resolve) => setTimeout(resolve, 20));
		const bytes = output.read() as Buffer;
		for (const size of [bytes.length, 1000, 61]) {
			const reader = new FrameReader();
			const frames = [];
			for (let at = 0; at < bytes.length; at += size) frames.push(...reader.take(bytes.subarray(at, at + size)));
			const notes = frames.filter(({ head }) => head.kind === 3).map(({ payload }) => parseNote(payload));
			expect(checkHello(notes[0] as never)).toEqual(hello);
			expect(notes.at(-1)).toEqual({ kind: 'beat', at: 7 });
			expect(frames.filter(({ head }) => head.kind === 1).map(({ payload }) => fromText(payload))).toEqual(
				snapshots.map((one) => JSON.parse(JSON.stringify(one))),
			);
		}
		expect(asked).toEqual([['delay', 2], ['group', 'energy', 'user']]); // biome-ignore format: one list
		input.end();
		await ended;
	});

	test('a long frame in very many pieces is put together once', () => {
		// bytes that no compression makes shorter
		const payload = Buffer.alloc(24 << 20);
		for (let at = 0, x = 1; at < payload.length; at += 4) {
			x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
			payload.writeUInt32LE(x, at);
		}
		const facts = { kind: 3, tab: 0, level: 0, findings: 0, busy: null, wall: 0, mono_ns: 0 };
		const bytes = Buffer.concat([preamble(), packFrame(facts, payload, undefined)]);
		const reader = new FrameReader();
		const frames = [];
		for (let at = 0; at < bytes.length; at += 512) frames.push(...reader.take(bytes.subarray(at, at + 512)));
		expect(frames.length).toBe(1);
		expect(frames[0]?.payload.equals(payload)).toBe(true);
	});

	test.each([
		'{}',
		'[]',
		'x',
		'{"kind":"delay","seconds":0}',
		'{"kind":"delay","seconds":"1"}',
		'{"kind":"tune","tab":"io","changes":{"a":{}}}',
		'{"kind":"inspect","id":1,"pid":"1","start":0}',
		'{"kind":"quit"}',
	])('ends at a request that is none: %s', async (line) => {
		expect(() => parseRequest(line)).toThrow();
		const [input, output] = [new PassThrough(), new PassThrough()];
		const ended = runAgent({ sampler: toldSampler().sampler, hello, input, output, inspect: async () => ({}) });
		input.write(`${line}\n`);
		await ended;
	});

	test('a line without end is no request', () => {
		expect(() => new Lines().take(Buffer.alloc(70_000, 'x'))).toThrow(/without end/);
	});
});

/** A viewer of a command. */
function viewer(command: string[], options: Partial<ConstructorParameters<typeof RemoteSampler>[0]> = {}) {
	const events: SamplerEvent[] = [];
	const sampler = new RemoteSampler({
		command,
		host: 'far',
		tabs: tracers,
		delay: 1,
		groups: {},
		active: 'energy',
		pauses: { first: 5, longest: 10 },
		...options,
	});
	sampler.subscribe((event) => events.push(event));
	ends.push(() => sampler.close());
	const failures = () => events.flatMap((event) => (event.kind === 'worker-failed' ? [event] : []));
	return { sampler, failures, events };
}

describe('the viewer', () => {
	test.each([
		[['sh', '-c', 'exit 127'], 'wattlag is not installed on far', false],
		[
			['sh', '-c', 'echo "me@far: Permission denied (publickey)." >&2; exit 255'],
			'Permission denied (publickey)',
			false,
		],
		[
			['sh', '-c', 'echo hello, this is a banner of more than forty-eight bytes and no frame at all'],
			'no recording of wattlag',
			true,
		],
		[['sh', '-c', 'exit 1'], 'the connection ended (exit code 1)', true],
		[['/does/not/exist'], 'ENOENT', true],
	])('%j: one line, and whether it is tried again', async (command, message, restarting) => {
		const { failures } = viewer(command);
		await expect.poll(() => failures().length, { timeout: 10_000 }).toBeGreaterThan(0);
		expect(failures()[0]?.message).toContain(message);
		expect(failures()[0]?.restarting).toBe(restarting);
		if (restarting) await expect.poll(() => failures().length, { timeout: 10_000 }).toBeGreaterThan(1);
	});

	test('silence ends the connection', async () => {
		const { failures } = viewer(['sleep', '100'], { silence: 60, beat: 10 });
		await expect.poll(() => failures().length, { timeout: 10_000 }).toBeGreaterThan(0);
		expect(failures()[0]?.message).toContain('nothing heard');
	});

	test('another protocol is refused with what to do', () => {
		expect(() => checkHello({ kind: 'hello', ...hello, protocol: PROTOCOL + 1, version: '9.9' })).toThrow(
			/wattlag 9\.9 with protocol.*same version/,
		);
	});
});

test('an empty set of series is a whole OpenMetrics text', () => {
	expect(openMetrics([])).toBe('# EOF\n');
});
