/** Block IO against /proc/diskstats: counts, bytes, sums of stages, slow requests. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SlowRequest } from '../../src/tracers/io/snapshot.ts';
import { seconds } from './host.ts';
import { compare, SLACK } from './io-agreement.ts';
import { ioSessions } from './io-session.ts';
import { dd, directIo, onDisk } from './load.ts';

const start = ioSessions();

test('direct IO: counts and bytes agree with /proc/diskstats', async () => {
	const made = await compare(start(), (directory) => directIo(directory, 5000));
	expect(made['reads']).toBeGreaterThan(4900);
	expect(made['writes']).toBeGreaterThan(4900);
});

test('buffered IO with fsync: counts and bytes agree with /proc/diskstats', async () => {
	const made = await compare(start(), (directory) =>
		dd('if=/dev/zero', `of=${join(directory, 'buffered')}`, 'bs=64k', 'count=2000', 'conv=fsync'),
	);
	// large ones: the kernel merges what is adjacent
	expect(made['writes']).toBeGreaterThan(20);
});

test('a flush with every write: counts agree with /proc/diskstats', async () => {
	const made = await compare(start(), async (directory) => {
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
	const running = start({ comm: 'dd' });
	await onDisk((directory) => directIo(directory, 2000));
	const { rows, lost } = running.read(1e9, 'operation');
	const reads = rows.filter((row) => row.op === 'read');
	expect(reads.reduce((sum, row) => sum + row.count, 0)).toBeGreaterThan(1000);
	for (const row of rows) {
		const { total, ...stages } = row.stages_total as Record<string, { count: number; sum_ns: number }> & {
			total: { count: number; sum_ns: number };
		};
		expect(Object.keys(stages)).toEqual(['request', 'plug', 'queue', 'device']);
		expect(Object.values(stages).reduce((sum, { sum_ns }) => sum + sum_ns, 0)).toBe(total.sum_ns);
		expect(stages['device']?.count).toBe(total.count);
		for (const { count } of Object.values(stages)) expect(count).toBeLessThanOrEqual(total.count);
		for (const stage of Object.values(row.stages)) {
			expect(stage.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(stage.count);
			expect(stage.p50_ns).toBeLessThanOrEqual(stage.p99_ns);
			expect(stage.p99_ns).toBeLessThanOrEqual(stage.max_ns);
			expect(stage.mean_ns).toBeLessThanOrEqual(stage.max_ns);
		}
	}
	// writes of no bytes are flushes (see bpf/io/io.bpf.c) and have none
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
	const running = start({ slow: 0, comm: 'dd' });
	await seconds(0.3);
	running.read(1e9, 'operation');
	const slow: SlowRequest[] = [];
	let [suppressed, completed] = [0, 0];
	let folder = '';
	const take = (): void => {
		const { rows, extra } = running.read(1e9, 'operation');
		slow.push(...extra.slow);
		suppressed += extra.slow_suppressed;
		for (const row of rows) completed += row.stages['total']?.count ?? 0;
	};
	await onDisk(async (directory) => {
		folder = directory;
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
	for (const { stages, pid, bytes, op, file } of mine) {
		const { total, ...parts } = stages;
		expect(Object.values(parts).reduce((sum, ns) => sum + ns, 0)).toBe(total);
		expect(pid).toBeGreaterThan(0);
		// its own program may have to be read as well
		if (op === 'read' && file?.startsWith(folder)) expect(bytes).toBe(4096);
	}
});
