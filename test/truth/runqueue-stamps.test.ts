/** The run-queue tracer with stamps of its own, which kernels without the scheduler's get, against schedstat. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RunqlatExtra, RunqlatRow } from '../../src/runqueue/rows.ts';
import { runqlat } from '../../src/tracers/runqlat.ts';
import type { Reading, Session } from '../../src/tracers/tracer.ts';
import { type Counters, expectAgreement, happened, sample } from './brackets.ts';
import { realHost, seconds } from './host.ts';
import { buildWorkloads, childrenOf, schedstat, type Workloads } from './workload.ts';

let loads: Workloads;
let session: Session<RunqlatRow, RunqlatExtra>;
let readAt = 0;

beforeAll(() => {
	loads = buildWorkloads();
});

afterEach(() => session.close());

afterAll(() => loads.stop());

function start(): void {
	session = runqlat.start(realHost(), { stamps: true });
	readAt = Number(process.hrtime.bigint());
}

function read(): Reading<RunqlatRow, RunqlatExtra> {
	const now = Number(process.hrtime.bigint());
	const reading = session.read(now - readAt, 'process');
	readAt = now;
	expect(reading.source.kind).toBe('own stamps');
	return reading;
}

async function compare(pids: number[], least: number): Promise<void> {
	const kernel = (): Counters => new Map(pids.map((pid) => [String(pid), schedstat(pid).wait_ns]));
	const ours = (): Counters =>
		new Map(
			read().rows.flatMap(({ key, wait_ns_total }) =>
				key.kind === 'process' ? [[String(key.id), wait_ns_total]] : [],
			),
		);
	const from = sample(kernel, ours);
	await seconds(3);
	const to = sample(kernel, ours);
	for (const pid of pids) {
		expect(happened(from, to, String(pid))).toBeGreaterThan(least);
		expectAgreement(from, to, String(pid), 0.01, 0);
	}
}

test('hogs on one CPU', async () => {
	start();
	const hogs = [1, 2, 3].map(() => loads.start(1, 'threads', 1, 20, 0.01, 0));
	await seconds(0.5);
	await compare(
		hogs.map(({ pid }) => pid),
		0.5e9,
	);
	for (const hog of hogs) hog.kill();
});

test('threads that sleep and wake, and tasks pushed from CPU to CPU', async () => {
	start();
	const many = loads.start(1, 'threads', 50, 20, 0.0002, 0.02);
	const parent = loads.start(undefined, 'migrate', 6, 12);
	await seconds(0.7);
	await compare([many.pid, ...childrenOf(parent.pid)], 0.05e9);
	const { waiting, waiting_count } = read().extra;
	expect(waiting_count).toBeGreaterThan(0);
	expect(waiting.some(({ comm }) => comm === 'workload')).toBe(true);
	many.kill();
	parent.kill();
});

test('short-lived processes have rows', async () => {
	start();
	const output = execFileSync(
		'sh',
		['-c', 'i=0; while [ $i -lt 100 ]; do /bin/true & wait $!; echo $!; i=$((i+1)); done'],
		{
			encoding: 'utf8',
		},
	);
	const pids = output.trim().split('\n').map(Number);
	await seconds(0.3);
	const rows = new Set(read().rows.map(({ key }) => key.id));
	expect(pids.filter((pid) => rows.has(pid)).length).toBeGreaterThanOrEqual(97);
});

test('the machine has what its processes have, and more only where that is told', async () => {
	start();
	const load = loads.start(undefined, 'threads', 20, 10, 0.0005, 0.002);
	await seconds(1);
	const { rows, lost } = read();
	const sum = rows.slice(1).reduce((total, { count_total }) => total + count_total, 0);
	expect(rows[0]?.count_total).toBeGreaterThan(1000);
	expect(sum + (lost['process_unknown'] ?? 0)).toBeGreaterThanOrEqual((rows[0]?.count_total ?? 0) * 0.99);
	load.kill();
});
