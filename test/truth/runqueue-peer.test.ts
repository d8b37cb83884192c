/** The distribution of waits beside that of libbpf-tools' runqlat over the same seconds, and beside a known answer. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { log2Slots } from '../../src/runqueue/zones.ts';
import { type RunqlatExtra, type RunqlatRow, runqlat } from '../../src/tracers/runqlat.ts';
import type { Reading, Session } from '../../src/tracers/tracer.ts';
import { realHost, seconds } from './host.ts';
import { histograms, summary } from './peer-histograms.ts';
import { buildWorkloads, type Workloads } from './workload.ts';

const peer = '/usr/sbin/runqlat';

let loads: Workloads;
let session: Session<RunqlatRow, RunqlatExtra>;
let readAt = 0;

beforeAll(() => {
	loads = buildWorkloads();
});

afterEach(() => session.close());

afterAll(() => loads.stop());

function read(): Reading<RunqlatRow, RunqlatExtra> {
	const now = Number(process.hrtime.bigint());
	const reading = session.read(now - readAt, 'process');
	readAt = now;
	return reading;
}

test('libbpf-tools runqlat: totals within 1 %, mean within 5 %', async () => {
	// only this one process: both may filter by it, and what else the machine does is in neither
	const load = loads.start(1, 'threads', 40, 30, 0.0003, 0.004);
	const rival = loads.start(1, 'threads', 2, 30, 0.005, 0);
	await seconds(0.5);
	session = runqlat.start(realHost(), { pid: load.pid });
	readAt = Number(process.hrtime.bigint());
	const before = read().rows[0]?.count_total ?? 0;
	// it prints at the end of its seconds, and goes on with what it needs to attach before and to end after
	const running = promisify(execFile)(peer, ['-p', String(load.pid), '6', '1']);
	await seconds(0.5);
	const started = read().rows[0]?.count_total ?? 0;
	await running;
	const { rows } = read();
	const ours = summary(log2Slots(rows[0]?.buckets ?? [], 1e3));
	const theirs = summary(histograms((await running).stdout)[0] ?? []);
	const rate = ours.count / 6;
	console.log(
		`ours ${ours.count} (mean ${ours.mean.toFixed(0)} µs), runqlat ${theirs.count} (mean ${theirs.mean.toFixed(0)} µs)`,
	);
	// its seconds begin and end within our half second before and its own end
	expect(theirs.count).toBeGreaterThan(1000);
	expect(theirs.count).toBeGreaterThanOrEqual(ours.count * 0.99 - 0.3 * rate);
	expect(theirs.count).toBeLessThanOrEqual((ours.count + started - before) * 1.01);
	expect(ours.mean / theirs.mean).toBeGreaterThan(0.95);
	expect(ours.mean / theirs.mean).toBeLessThan(1.05);
	load.kill();
	rival.kill();
});

test('a known answer: blocked for 0.4 s by a real-time task', async () => {
	session = runqlat.start(realHost(), {});
	readAt = Number(process.hrtime.bigint());
	const victim = loads.start(1, 'threads', 1, 20, 0.01, 0);
	await seconds(0.4);
	read();
	for (let turn = 0; turn < 3; turn++) {
		execFileSync('chrt', ['-f', '50', 'taskset', '-c', '1', loads.path, 'threads', '1', '0.4', '0.1', '0']);
		await seconds(0.1);
	}
	const row = read().rows.find(({ key }) => key.id === victim.pid);
	const long = (row?.buckets ?? []).filter(([upper]) => upper > 0.39e9).reduce((sum, [, count]) => sum + count, 0);
	expect(long).toBe(3);
	expect(row?.zones.at(-1)).toBeGreaterThanOrEqual(3);
	expect(row?.max_ns).toBeGreaterThan(0.4e9);
	expect(row?.mean_ns).toBe(Math.round((row?.wait_ns ?? 0) / (row?.count ?? 1)));
	victim.kill();
});
