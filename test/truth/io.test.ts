/** Block IO against /proc/diskstats and, where it is installed, against fio's own figures. */
import { execFile } from 'node:child_process';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import type { IoExtra, IoRow, SlowRequest } from '../../src/io/snapshot.ts';
import { io } from '../../src/tracers/io.ts';
import type { Reading, Session } from '../../src/tracers/tracer.ts';
import { expectAgreement, happened, hiddenShare, type Sample, sample } from './brackets.ts';
import { realHost, seconds } from './host.ts';
import { kernelRequests, ourRequests } from './io-counters.ts';
import { dd, directIo, onDisk } from './load.ts';

const run = promisify(execFile);

/** Completions that one side has counted and the other not yet, at both reads. */
const SLACK = cpus().length;
/** The same in bytes: a large request on each CPU. */
const BYTES_SLACK = SLACK * 1_310_720;

let session: Session<IoRow, IoExtra> | undefined;

afterEach(() => {
	session?.close();
	session = undefined;
});

function start(slow = 1000): Session<IoRow, IoExtra> {
	session = io.start(realHost(), { slow });
	return session;
}

/** Requests by group that the load made at least, over all devices. */
async function compare(load: (directory: string) => Promise<void>): Promise<Record<string, number>> {
	const running = start();
	// what was in flight at start has no latency and may be missing on our side
	await seconds(0.3);
	return onDisk(async (directory) => {
		let reading: Reading<IoRow, IoExtra> | undefined;
		const take = (): Sample =>
			sample(kernelRequests, () => {
				reading = running.read(1e9, 'operation');
				return ourRequests(reading);
			});
		const from = take();
		await load(directory);
		const to = take();
		const devices = new Set(reading?.rows.map((row) => row.dev));
		expect(devices.size, 'no device did anything').toBeGreaterThan(0);
		const hidden = hiddenShare(from, to);
		const made: Record<string, number> = {};
		for (const dev of devices) {
			for (const group of ['reads', 'writes', 'discards', 'flushes']) {
				expectAgreement(from, to, `${dev} ${group}`, 0.01, SLACK, hidden);
				if (group !== 'flushes') expectAgreement(from, to, `${dev} ${group} bytes`, 0.01, BYTES_SLACK, hidden);
				made[group] = (made[group] ?? 0) + happened(from, to, `${dev} ${group}`);
			}
		}
		expect(reading?.lost).toMatchObject({ requests_full: 0, stats_full: 0 });
		return made;
	});
}

test('direct IO: counts and bytes agree with /proc/diskstats', async () => {
	const made = await compare((directory) => directIo(directory, 5000));
	expect(made['reads']).toBeGreaterThan(4900);
	expect(made['writes']).toBeGreaterThan(4900);
});

test('buffered IO with fsync: counts and bytes agree with /proc/diskstats', async () => {
	const made = await compare((directory) =>
		dd('if=/dev/zero', `of=${join(directory, 'buffered')}`, 'bs=64k', 'count=2000', 'conv=fsync'),
	);
	// large ones: the kernel merges what is adjacent
	expect(made['writes']).toBeGreaterThan(20);
});

test('a flush with every write: counts agree with /proc/diskstats', async () => {
	const made = await compare(async (directory) => {
		const file = openSync(join(directory, 'synced'), 'w');
		for (let i = 0; i < 500; i++) {
			writeSync(file, 'x'.repeat(4096));
			fsyncSync(file);
		}
		closeSync(file);
	});
	expect(made['writes']).toBeGreaterThan(500);
});

test('stages add up, and every request has its latency', async () => {
	const running = start();
	await seconds(0.3);
	running.read(1e9, 'operation');
	await onDisk((directory) => directIo(directory, 2000));
	const { rows, lost } = running.read(1e9, 'operation');
	const reads = rows.filter((row) => row.op === 'read');
	expect(reads.reduce((sum, row) => sum + row.count, 0)).toBeGreaterThan(1000);
	for (const row of rows) {
		const { queue, device, total } = row.stages_total as Record<
			'queue' | 'device' | 'total',
			{ count: number; sum_ns: number }
		>;
		expect(queue.sum_ns + device.sum_ns).toBe(total.sum_ns);
		expect(device.count).toBe(total.count);
		expect(queue.count).toBeLessThanOrEqual(total.count);
		for (const stage of Object.values(row.stages)) {
			expect(stage.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(stage.count);
			expect(stage.p50_ns).toBeLessThanOrEqual(stage.p99_ns);
			expect(stage.p99_ns).toBeLessThanOrEqual(stage.max_ns);
			expect(stage.mean_ns).toBeLessThanOrEqual(stage.max_ns);
		}
	}
	// writes of no bytes are flushes (see bpf/io.bpf.c) and have none
	for (const row of reads) expect(row.stages['total']?.count).toBe(row.count);
	expect(lost).toMatchObject({ requests_full: 0, stats_full: 0 });
});

test('by device: one row each, the sum of its operations', async () => {
	const running = start();
	await seconds(0.2);
	await onDisk((directory) => directIo(directory, 200));
	const before = new Map<string, number>();
	for (const row of running.read(1e9, 'operation').rows)
		before.set(row.dev, (before.get(row.dev) ?? 0) + row.count_total);
	const rows = running.read(1e9, 'device').rows;
	expect(new Set(rows.map((row) => row.dev)).size).toBe(rows.length);
	for (const row of rows) {
		expect(row.op).toBe('all');
		expect(row.count_total).toBeGreaterThanOrEqual(before.get(row.dev) ?? 0);
	}
});

test('slow requests: all listed or counted as suppressed, with the task that issued them', async () => {
	const running = start(0);
	await seconds(0.3);
	running.read(1e9, 'operation');
	const slow: SlowRequest[] = [];
	let [suppressed, completed] = [0, 0];
	const take = (): void => {
		const { rows, extra } = running.read(1e9, 'operation');
		slow.push(...extra.slow);
		suppressed += extra.slow_suppressed;
		for (const row of rows) completed += row.stages['total']?.count ?? 0;
	};
	await onDisk(async (directory) => {
		await directIo(directory, 300);
		take();
		await directIo(directory, 300);
	});
	take();
	// a request that completes while we read may be in one of the two sums and not yet in the other
	expect(Math.abs(slow.length + suppressed - completed)).toBeLessThanOrEqual(SLACK);
	expect(suppressed).toBeGreaterThan(0);
	const mine = slow.filter((request) => request.comm === 'dd');
	expect(mine.length).toBeGreaterThan(0);
	for (const { stages, pid, bytes, op } of mine) {
		expect((stages['queue'] ?? 0) + (stages['device'] as number)).toBe(stages['total']);
		expect(pid).toBeGreaterThan(0);
		if (op === 'read') expect(bytes).toBe(4096);
	}
});

interface FioLatency {
	N: number;
	mean: number;
	percentile: Record<string, number>;
}

test('in flight while there is load, none left behind; latency lies within what fio saw', async () => {
	const running = start();
	await seconds(0.3);
	await onDisk(async (directory) => {
		const job = (name: string, ...options: string[]) =>
			run('fio', [
				`--name=${name}`,
				`--filename=${join(directory, 'fio')}`,
				'--size=32M',
				'--rw=randread',
				'--bs=4k',
				'--direct=1',
				...options,
				'--output-format=json',
			]);
		// layout first, so that the reads below are alone
		await job('layout', '--ioengine=psync', '--number_ios=1');
		running.read(1e9, 'operation');
		const { stdout } = await job('one', '--ioengine=psync', '--number_ios=5000');
		const read = running.read(1e9, 'operation').rows.find((row) => row.op === 'read' && row.count > 4000);
		const fio = (JSON.parse(stdout) as { jobs: { read: { clat_ns: FioLatency } }[] }).jobs[0]?.read
			.clat_ns as FioLatency;
		const total = read?.stages['total'];
		if (!total) throw new Error('no row with the reads of fio');
		// fio's clock runs from system call to return: it holds ours, and the way in and out
		expect(fio.N).toBe(5000);
		expect(total.count).toBeLessThan(fio.N * 1.01);
		expect(total.mean_ns).toBeLessThan(fio.mean * 1.01);
		expect(total.mean_ns).toBeGreaterThan(fio.mean * 0.3);
		const median = fio.percentile['50.000000'] as number;
		expect(total.p50_ns).toBeLessThan(median * 1.25);
		expect(total.p50_ns).toBeGreaterThan(median * 0.3);

		let most = 0;
		const load = job('deep', '--ioengine=libaio', '--iodepth=16', '--runtime=2', '--time_based');
		for (let i = 0; i < 30; i++) {
			await seconds(0.05);
			most = Math.max(most, running.read(5e7, 'operation').extra.inflight_count);
		}
		await load;
		expect(most).toBeGreaterThan(0);
	});
	let stuck = Number.POSITIVE_INFINITY;
	for (let i = 0; i < 20 && stuck > 0; i++) {
		await seconds(0.1);
		stuck = running.read(1e8, 'operation').extra.inflight.filter((request) => request.age_ns > 1e9).length;
	}
	expect(stuck).toBe(0);
});
