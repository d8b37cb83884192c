/** The fleet against real engines: Prometheus and VictoriaMetrics, ssh to a real sshd. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { SamplerEvent } from '../../src/core/sampler.ts';
import { Client } from '../../src/export/push/http.ts';
import { judged } from '../../src/fleet/outliers.ts';
import { PrometheusSource } from '../../src/fleet/prometheus.ts';
import { RemoteSampler } from '../../src/fleet/remote-sampler.ts';
import type { FleetRow } from '../../src/fleet/rows.ts';
import { registry } from '../../src/registry.ts';
import { fakeHosts } from './fleet-hosts.ts';
import { engineAt, freePort, startPrometheus, until } from './prometheus.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

/** Seconds. */
const WINDOW = 8;

function sourceAt(url: string): PrometheusSource {
	const source = new PrometheusSource({
		url: new URL(url),
		client: new Client({ timeout: 10_000, gzip: false }),
		window: WINDOW,
		selector: '',
		stale: 6,
	});
	ends.push(() => source.close());
	return source;
}

async function startVictoria(targets: string): Promise<string> {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-victoria-'));
	const config = join(folder, 'scrape.yml');
	writeFileSync(config, targets);
	const port = await freePort();
	const child: ChildProcess = spawn('victoria-metrics', [`-promscrape.config=${config}`, `-storageDataPath=${folder}/data`, `-httpListenAddr=127.0.0.1:${port}`, '-search.latencyOffset=1s', '-dedup.minScrapeInterval=1ms', '-memory.allowedBytes=200MB'], { stdio: 'ignore' }); // biome-ignore format: one command
	ends.push(() => {
		child.kill('SIGKILL');
		rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
	});
	const url = `http://127.0.0.1:${port}`;
	await until('VictoriaMetrics starts', 30, async () => (await fetch(`${url}/health`)).ok);
	return url;
}

/** All hosts behind one port, each with a path of its own. */
function scrapeConfigs(port: number, count: number) {
	return [
		{
			job_name: 'wattlag',
			scrape_interval: '1s',
			scrape_timeout: '900ms',
			static_configs: Array.from({ length: count }, (_, index) => ({
				targets: [`127.0.0.1:${port}`],
				labels: { __metrics_path__: `/${index}/metrics`, instance: `i${index}`, rack: `r${index % 5}` },
			})),
		},
	];
}

test('200 hosts in Prometheus, a tenth of them killed, hung or slow: the table is what the hosts report', async () => {
	const { port, hosts, pace, close } = await fakeHosts(200);
	ends.push(close);
	const prometheus = await startPrometheus({ targets: [], scrapes: scrapeConfigs(port, hosts.length) });
	ends.push(prometheus.close);
	const source = sourceAt(prometheus.url);
	await until('all hosts have rates', 60, async () => (await source.rows()).filter(({ up, cpu, watts }) => up && cpu !== null && watts !== null).length === hosts.length); // biome-ignore format: one condition
	// a rate of steps of a second over a window of eight is off by a step or so at each end
	const near = (value: number | null | undefined, truth: number) => Math.abs((value ?? 0) / truth - 1) < 0.35;
	let rows: FleetRow[] = [];
	let wrong = '';
	await until(`the table equals the hosts`, 60, async () => {
		rows = await source.rows();
		const seconds = pace(WINDOW);
		expect(rows.map(({ host }) => host)).toEqual(hosts.map(({ name }) => name));
		const off = hosts.filter(({ cpu, watts, irq }, index) => {
			const row = rows[index];
			return !near(row?.cpu, cpu * seconds) || !near(row?.watts, watts * seconds) || !near(row?.irq, irq * seconds);
		});
		wrong = `${off.length} hosts are off, e.g. ${off[0]?.name}`;
		return off.length === 0;
	}).catch((error: Error) => {
		throw new Error(`${error.message}: ${wrong}`);
	});
	for (const [index, row] of rows.entries()) {
		expect(row.wait_p99_ns).toBeGreaterThan(0);
		expect(row.io_p99_ns).toBeGreaterThan(0);
		expect(row.labels['rack']).toBe(`r${index % 5}`);
	}
	expect(judged(rows, 'job').every(({ out }) => out !== null)).toBe(true);
	const sick = hosts.filter((_, index) => index % 10 === 3);
	for (const [index, host] of sick.entries())
		host.health = (['killed', 'hung', 'slow'] as const)[index % 3] as 'killed';
	const gone = new Set(sick.filter(({ health }) => health !== 'slow').map(({ name }) => name));
	await until('the killed and hung ones are down, nobody else', 60, async () => {
		const down = (await source.rows()).filter(({ up }) => !up).map(({ host }) => host);
		return down.length === gone.size && down.every((name) => gone.has(name));
	});
	const after = await source.rows();
	expect(after.length).toBe(200);
	for (const row of after)
		if (!row.up) expect([row.severity, row.finding, row.state]).toEqual([0, '', 'no new figures']);
});

test('VictoriaMetrics answers the same queries', async () => {
	const { port, hosts, close } = await fakeHosts(12);
	ends.push(close);
	const url = await startVictoria(JSON.stringify({ scrape_configs: scrapeConfigs(port, hosts.length) }));
	const source = sourceAt(url);
	await until('all hosts have rates', 60, async () => {
		const rows = await source.rows();
		return rows.length === hosts.length && rows.every(({ up, cpu, wait_p99_ns: wait, io_p99_ns: io }) => up && cpu !== null && cpu > 0 && wait !== null && io !== null); // biome-ignore format: one condition
	});
	const engine = engineAt(url, () => {});
	const [build] = await engine.query('count(wattlag_build_info)');
	expect(build?.value).toBe(12);
});

/** An sshd of our own, for this user, on the loopback address. */
async function startSshd(): Promise<{ config: string }> {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-ssh-'));
	const at = (name: string) => join(folder, name);
	for (const key of ['host', 'user'])
		expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]).status).toBe(0);
	writeFileSync(at('authorized'), readFileSync(at('user.pub')));
	chmodSync(at('authorized'), 0o600);
	mkdirSync('/run/sshd', { recursive: true });
	const port = await freePort();
	writeFileSync(
		at('sshd_config'),
		`Port ${port}\nListenAddress 127.0.0.1\nHostKey ${at('host')}\nAuthorizedKeysFile ${at('authorized')}\nPidFile none\nStrictModes no\nUsePAM no\n`,
	);
	const [kind, key] = readFileSync(at('host.pub'), 'utf8').split(' ');
	writeFileSync(at('known'), `far ${kind} ${key}\n`);
	writeFileSync(
		at('config'),
		`Host *\n Port ${port}\n HostName 127.0.0.1\n HostKeyAlias far\n IdentityFile ${at('user')}\n UserKnownHostsFile ${at('known')}\n BatchMode yes\n`,
	);
	const child = spawn('/usr/sbin/sshd', ['-D', '-f', at('sshd_config')], { stdio: 'ignore' });
	ends.push(() => {
		child.kill('SIGKILL');
		rmSync(folder, { recursive: true, force: true });
	});
	await until('sshd answers', 20, async () => spawnSync('ssh', ['-F', at('config'), 'far', 'true']).status === 0);
	return { config: at('config') };
}

test('through a real sshd: tabs as they are there, options reach the agent, a cut connection is made anew', async () => {
	const { config } = await startSshd();
	const events: SamplerEvent[] = [];
	const sampler = new RemoteSampler({
		command: ['ssh', '-F', config, 'far', `${process.cwd()}/bin/wattlag`, 'agent', '--stdio'],
		host: 'far',
		tabs: registry.map(({ tracer }) => tracer),
		delay: 0.5,
		groups: { energy: 'user' },
		active: 'energy',
		pauses: { first: 50, longest: 100 },
	});
	ends.push(() => sampler.close());
	sampler.subscribe((event) => events.push(event));
	const snapshots = () => events.flatMap((event) => (event.kind === 'snapshot' ? [event.snapshot] : []));
	await until('the overview comes', 60, async () =>
		snapshots().some(({ tab, rows }) => tab === 'overview' && rows.length > 0),
	);
	await until(
		'the group is that which was asked for',
		30,
		async () =>
			snapshots().at(-1) !== undefined && snapshots().some(({ tab, group }) => tab === 'energy' && group === 'user'),
	);
	expect(sampler.hello?.tabs).toContain('energy');
	await until('a beat has come back', 20, async () => (sampler.latency ?? 0) > 0);
	const details = await sampler.inspect({ pid: process.pid, start: 0 });
	expect(JSON.stringify(details)).toContain('node');
	// what key p does on a row: the profile of one process there
	sampler.tune('profile', { pid: process.pid, tid: 0, comm: '', cgroup: '', cgroup_id: 0, unwind: false, begin: 1 });
	sampler.setActiveTab('profile');
	const spin = (): void => {
		for (const end = Date.now() + 50; Date.now() < end; );
	};
	await until('stacks of this process', 60, async () => {
		spin();
		return snapshots().some(({ tab, rows }) => tab === 'profile' && rows.length > 0);
	});
	sampler.setActiveTab('energy');
	// the connection breaks in the middle of whatever it carries
	const before = snapshots().length;
	(sampler as unknown as { child: ChildProcess }).child.kill('SIGKILL');
	await until('it is told', 20, async () => events.some((event) => event.kind === 'worker-failed' && event.restarting));
	await until('new figures', 60, async () => snapshots().length > before + 3);
});
