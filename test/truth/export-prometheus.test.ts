/** What Prometheus makes of /metrics, beside the same snapshots added up: a running kernel, a real server, PromQL. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runServe } from '../../src/commands/serve/run.ts';
import type { Sampler, SamplerEvent } from '../../src/core/sampler.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { loadTracers, registry } from '../../src/registry.ts';
import { Sampling } from '../../src/sampling/sampling.ts';
import type { EnergyExtra, EnergyRow } from '../../src/tracers/energy/snapshot.ts';
import type { IoExtra, IoRow } from '../../src/tracers/io/snapshot.ts';
import type { RunqlatExtra, RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { realHost, seconds } from './host.ts';
import { onDisk } from './load.ts';
import { freePort, startPrometheus, until } from './prometheus.ts';

const measuring = await loadTracers(registry.map(({ tracer }) => tracer.id));

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});

/** The sampling loop in this thread, and all snapshots that it ever emitted. */
function measure(): { sampler: Sampler; snapshots: Snapshot[]; stop(): void } {
	const listeners = new Set<(event: SamplerEvent) => void>();
	const snapshots: Snapshot[] = [];
	const sampling = new Sampling({
		tracers: measuring.filter(({ onDemand }) => !onDemand),
		host: realHost(),
		delay: 0.5,
		firstDelay: 0.5,
		groups: {},
		sections: Object.fromEntries(
			registry.map(({ tracer }) => [
				tracer.id,
				Object.fromEntries(tracer.options.map((option) => [option.name, option.default])),
			]),
		),
		emit: (event) => {
			if (event.kind === 'snapshot') snapshots.push(event.snapshot);
			for (const listener of listeners) listener(event);
		},
	});
	void sampling.start();
	ends.push(() => sampling.close());
	return {
		sampler: {
			subscribe(listener) {
				listeners.add(listener);
				return () => listeners.delete(listener);
			},
			setInterval: () => {},
			setGroup: () => {},
			close: () => sampling.close(),
		},
		snapshots,
		stop: () => sampling.close(),
	};
}

const total = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0);

test('what Prometheus has is the sum of the intervals, part by part; promtool has no complaint', async () => {
	const port = await freePort();
	const prometheus = await startPrometheus({ targets: [`127.0.0.1:${port}`] });
	ends.push(prometheus.close);
	const { sampler, snapshots, stop } = measure();
	const ended = new AbortController();
	const served = runServe(sampler, {
		identity: { version: '0', host: 'h', kernel: 'k' },
		values: { listen: `127.0.0.1:${port}`, textfile: '', series: 50_000, top: 1000 },
		stop: ended.signal,
		report: () => {},
		measuring: ['energy'],
		unavailable: 77,
	});
	ends.push(async () => {
		ended.abort();
		await served;
	});
	// some requests of ours, whatever else the machine does
	await until('requests are measured', 60, async () => snapshots.some(({ tab }) => tab === 'io'));
	await onDisk(async (directory) => {
		const output = `of=${join(directory, 'file')}`;
		expect(spawnSync('dd', ['if=/dev/zero', output, 'bs=64k', 'count=64', 'oflag=dsync']).status).toBe(0);
	});
	await seconds(6);
	stop();
	// nothing changes any more: the next scrapes find the end
	await seconds(3);
	const of = <Row, Extra extends object>(tab: string) =>
		snapshots.filter((one) => one.tab === tab) as unknown as Snapshot<Row, Extra>[];
	const sum = async (query: string) => (await prometheus.query(query))[0]?.value ?? Number.NaN;

	const energy = of<EnergyRow, EnergyExtra>('energy');
	const joules = total(energy.map(({ measured_uj }) => measured_uj)) / 1e6;
	expect(joules).toBeGreaterThan(0);
	expect(await sum('sum(wattlag_energy_joules_total)')).toBeCloseTo(joules, 6);
	const cpu = total(energy.flatMap(({ rows }) => rows.map(({ cpu_ns }) => cpu_ns))) / 1e9;
	expect(await sum('wattlag_cpu_seconds_total{part="processes"}')).toBeCloseTo(cpu, 6);
	expect(await sum('sum(wattlag_group_cpu_seconds_total)')).toBeCloseTo(cpu, 6);

	const waits = of<RunqlatRow, RunqlatExtra>('runqlat').flatMap(({ rows }) =>
		rows.filter(({ key }) => key.kind === 'all'),
	);
	expect(await sum('wattlag_runqueue_wait_seconds_count')).toBe(total(waits.map(({ count }) => count)));
	expect(await sum('wattlag_runqueue_wait_seconds_sum')).toBeCloseTo(
		total(waits.map(({ wait_ns }) => wait_ns)) / 1e9,
		6,
	);

	const requests = of<IoRow, IoExtra>('io').flatMap(({ rows }) => rows.filter(({ stacked }) => !stacked));
	expect(total(requests.map(({ count }) => count))).toBeGreaterThan(0);
	// a write behind a flush is counted, and has no time of its own
	expect(await sum('sum(wattlag_io_seconds_count{stage="total"})')).toBe(
		total(requests.map(({ stages }) => stages['total']?.count ?? 0)),
	);
	expect(await sum('sum(wattlag_io_bytes_total)')).toBe(total(requests.map(({ bytes }) => bytes)));

	// the same from two scrapes, as dashboards ask for it; Prometheus extrapolates to the window, last minus first does not
	const first = await sum('min_over_time(wattlag_runqueue_wait_seconds_count[1m])');
	const last = await sum('max_over_time(wattlag_runqueue_wait_seconds_count[1m])');
	expect(await sum('increase(wattlag_runqueue_wait_seconds_count[1m])')).toBeGreaterThanOrEqual(last - first);
	// the scraper was given the format with the begins
	expect(await sum('wattlag_energy_joules_created{part="idle"} > 0')).toBeGreaterThan(0);

	const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
	expect(text).not.toContain('pid=');
	const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
	expect([checked.stdout, checked.stderr, checked.status]).toEqual(['', '', 0]);
	const open = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
	const parser = 'import sys; from prometheus_client.openmetrics.parser import text_string_to_metric_families as f; print(len(list(f(sys.stdin.read()))))'; // biome-ignore format: one program
	const parsed = spawnSync('/usr/bin/python3', ['-c', parser], { input: await open.text(), encoding: 'utf8' });
	expect([parsed.stderr, parsed.status]).toEqual(['', 0]);
	expect(Number(parsed.stdout)).toBeGreaterThan(20);
});

test('promtool takes the rules', () => {
	const { stdout, status } = spawnSync('promtool', ['check', 'rules', 'docs/prometheus/wattlag.rules.yml'], {
		encoding: 'utf8',
	});
	expect(stdout).toContain('SUCCESS');
	expect(status).toBe(0);
});

test('scrapes that come all at once, hang, or ask for other things do no harm', async () => {
	const port = await freePort();
	const { sampler } = measure();
	const ended = new AbortController();
	const served = runServe(sampler, {
		identity: { version: '0', host: 'h', kernel: 'k' },
		values: { listen: `127.0.0.1:${port}`, textfile: '', series: 400, top: 20 },
		stop: ended.signal,
		report: () => {},
		measuring: ['energy'],
		unavailable: 77,
	});
	const url = `http://127.0.0.1:${port}`;
	await until('it serves', 20, async () =>
		(await (await fetch(`${url}/metrics`)).text()).includes('wattlag_cpu_seconds'),
	);
	const all = await Promise.all(
		Array.from({ length: 30 }, () => fetch(`${url}/metrics`).then((reply) => reply.status)),
	);
	expect(new Set(all)).toEqual(new Set([200]));
	expect((await fetch(`${url}/../etc/passwd`)).status).toBe(404);
	expect((await fetch(`${url}/__proto__`)).status).toBe(404);
	expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
	const text = await (await fetch(`${url}/metrics`)).text();
	const series = Number(/^wattlag_exported_series (\d+)$/m.exec(text)?.[1]);
	expect(series).toBeLessThanOrEqual(400);
	const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
	expect(lines.length).toBe(series);
	ended.abort();
	expect(await served).toBe(0);
});
