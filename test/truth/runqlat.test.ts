/** Run-queue wait per process against /proc/PID/task/TID/schedstat, the kernel's own run_delay. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { type Counters, expectAgreement, happened, hiddenShare, sample, sampleTwice } from './brackets.ts';
import { realHost, seconds } from './host.ts';
import { type RunqlatReading, runQueue } from './runqlat-session.ts';
import { childrenOf } from './workload.ts';

/** Of the wait, over what the two reads leave open. */
const TOLERANCE = 0.01;

/** Every row has to be sound, whatever the test is about. */
function expectSound({ rows }: RunqlatReading): void {
	for (const row of rows) {
		const text = JSON.stringify(row);
		const inBuckets = row.buckets.reduce((sum, [, count]) => sum + count, 0);
		expect(inBuckets, text).toBe(row.count);
		for (const value of [row.count, row.wait_ns, row.max_ns])
			expect(Number.isSafeInteger(value) && value >= 0, text).toBe(true);
		expect(row.p50_ns, text).toBeLessThanOrEqual(row.p99_ns);
		expect(row.p99_ns, text).toBeLessThanOrEqual(row.max_ns);
		expect(row.max_ns, text).toBeLessThan(row.buckets.at(-1)?.[0] ?? 1);
		expect(row.wait_ns_total, text).toBeGreaterThanOrEqual(row.wait_ns);
	}
	expect(new Set(rows.map((row) => runqlat.rowKey(row))).size).toBe(rows.length);
}

const { loads, start, read, sampleOf } = runQueue(expectSound);

/** @param least wait that the load is sure to have met with, so that nothing is compared with nothing; ns */
async function compare(pids: number[], least: number): Promise<void> {
	const keys = pids.map(String);
	const [from, to] = await sampleTwice(() => sampleOf(pids), keys, {
		enough: least,
		tolerance: TOLERANCE,
		patience: 4,
	});
	for (const pid of pids) {
		expect(happened(from, to, String(pid))).toBeGreaterThan(least);
		expectAgreement(from, to, String(pid), TOLERANCE, 0);
	}
}

test('hogs on one CPU, there before us and after', async () => {
	const before = [1, 2].map(() => loads.start(1, 'threads', 1, 60, 0.01, 0));
	await seconds(0.3);
	start();
	const after = [1, 2].map(() => loads.start(1, 'threads', 1, 60, 0.01, 0));
	await seconds(0.5);
	await compare(
		[...before, ...after].map((child) => child.pid),
		1e9,
	);
	for (const child of [...before, ...after]) child.kill();
});

test('a process of many threads that sleep and wake', async () => {
	start();
	// half a CPU's work: 200 files are read to see the kernel's side, and what is waited meanwhile is in no bound's favour
	const many = loads.start(1, 'threads', 200, 60, 0.00005, 0.02);
	await seconds(1);
	await compare([many.pid], 0.1e9);
	many.kill();
});

test('waiting tasks pushed from CPU to CPU', async () => {
	start();
	const parent = loads.start(undefined, 'migrate', 6, 60);
	await seconds(1);
	const pids = childrenOf(parent.pid);
	await compare(pids, 1e9);
	// they are pushed every 3 ms, but what waits has waited since it was runnable
	let oldest = 0;
	for (let i = 0; i < 40; i++) {
		await seconds(0.02);
		const ages = read().extra.waiting.flatMap(({ pid, age_ns }) => (pids.includes(pid) ? [age_ns] : []));
		oldest = Math.max(oldest, ...ages);
	}
	expect(oldest).toBeGreaterThan(10e6);
	parent.kill();
});

test('what waits now is listed with its age, oldest first', async () => {
	start();
	const hogs = [1, 2, 3].map(() => loads.start(1, 'threads', 1, 60, 0.01, 0).pid);
	await seconds(0.5);
	const seen = new Set<number>();
	for (let i = 0; i < 10; i++) {
		await seconds(0.05);
		const { waiting, waiting_count } = read().extra;
		expect(waiting.length).toBe(Math.min(64, waiting_count));
		expect(
			waiting.every(({ age_ns }, index) => age_ns <= (waiting[index - 1]?.age_ns ?? Number.POSITIVE_INFINITY)),
		).toBe(true);
		const ours = waiting.filter(({ pid }) => hogs.includes(pid));
		expect(ours.every(({ cpu, comm, age_ns }) => cpu === 1 && comm === 'workload' && age_ns < 2e9)).toBe(true);
		for (const { pid } of ours) seen.add(pid);
	}
	expect([...seen].sort()).toEqual([...hogs].sort());
	for (const pid of hogs) process.kill(pid);
});

test('the longest wait is that of the interval, not of all time', async () => {
	start();
	const hog = loads.start(1, 'threads', 1, 60, 0.01, 0);
	const maxOf = ({ rows }: RunqlatReading): number => rows.find(({ key }) => key.id === hog.pid)?.max_ns ?? 0;
	await seconds(0.5);
	// a real-time task takes the CPU for 0.6 s: no sharing, so the hog waits for all of it
	execFileSync('chrt', ['-f', '50', 'taskset', '-c', '1', loads.path, 'threads', '1', '0.6', '0.1', '0']);
	await seconds(0.2);
	const blocked = read();
	expect(maxOf(blocked)).toBeGreaterThan(0.55e9);
	for (const { count, wait_ns, max_ns } of blocked.rows)
		if (count > 0) expect(max_ns).toBeGreaterThanOrEqual(Math.floor(wait_ns / count));
	await seconds(1);
	const after = read();
	expect(after.rows.find(({ key }) => key.id === hog.pid)?.count).toBeGreaterThan(0);
	expect(maxOf(after)).toBeLessThan(0.5e9);
	hog.kill();
});

test('the machine is the sum of its CPUs', async () => {
	start();
	const loaded = [loads.start(1, 'churn', 500, 0.0005), loads.start(undefined, 'threads', 20, 2, 0.0005, 0.002)];
	await seconds(1);
	const byCpu = read('cpu');
	const [all, ...cpus] = byCpu.rows;
	expect(all?.key.kind).toBe('all');
	expect(cpus.every(({ key }) => key.kind === 'cpu')).toBe(true);
	for (const field of ['count', 'wait_ns', 'count_total', 'wait_ns_total'] as const) {
		expect(cpus.reduce((sum, row) => sum + row[field], 0)).toBe(all?.[field]);
	}
	for (const load of loaded) load.kill();
});

test('the system alone: as many and as long waits as with processes, and none of these', async () => {
	start();
	const alone = runqlat.start(realHost(), { 'system-only': true });
	try {
		const loaded = [
			loads.start(1, 'threads', 4, 60, 0.002, 0),
			loads.start(undefined, 'threads', 20, 60, 0.0005, 0.002),
		];
		await seconds(0.3);
		const machine = ({ rows }: RunqlatReading): RunqlatRow => rows[0] as RunqlatRow;
		// ours between the other's two reads, as the truth is bracketed elsewhere
		const [before, ours, after] = [machine(read('cpu')), machine(alone.read(1e9, 'process')), machine(read('cpu'))];
		await seconds(2);
		const [last, reading, latest] = [machine(read('cpu')), alone.read(2e9, 'process'), machine(read('cpu'))];
		const now = machine(reading);
		expect(reading.rows).toHaveLength(1);
		expect(reading.extra.waiting_count).toBeGreaterThan(0);
		const grown = (from: RunqlatRow, to: RunqlatRow, field: 'count_total' | 'wait_ns_total') => to[field] - from[field];
		expect(grown(ours, now, 'count_total')).toBeGreaterThan(0.99 * grown(after, last, 'count_total'));
		expect(grown(ours, now, 'count_total')).toBeLessThan(1.01 * grown(before, latest, 'count_total'));
		// of a wait that was cut by migration only the last part is in it: how much is missing is the load's to say
		expect(grown(ours, now, 'wait_ns_total')).toBeGreaterThan(0.5 * grown(after, last, 'wait_ns_total'));
		expect(grown(ours, now, 'wait_ns_total')).toBeLessThan(1.01 * grown(before, latest, 'wait_ns_total'));
		for (const load of loaded) load.kill();
	} finally {
		alone.close();
	}
});

test('the processes add up to the machine, except for reported losses', async () => {
	start();
	const loaded = [loads.start(1, 'churn', 500, 0.0005), loads.start(undefined, 'threads', 20, 60, 0.0005, 0.002)];
	let counted = 0;
	let before: RunqlatReading | undefined;
	for (let i = 0; i < 5; i++) {
		await seconds(0.4);
		const now = read();
		const machine = now.rows[0]?.count_total ?? 0;
		// the CPUs are read first: the processes have what the machine has at this read, and not more than at the next
		if (before) {
			expect(counted).toBeLessThanOrEqual(machine);
			expect(counted + (now.lost['process_unknown'] ?? 0)).toBeGreaterThanOrEqual(
				(before.rows[0]?.count_total ?? 0) * 0.99,
			);
		}
		counted += now.rows.slice(1).reduce((sum, row) => sum + row.count, 0);
		before = now;
	}
	expect(counted).toBeGreaterThan(1000);
	for (const load of loaded) load.kill();
});

test('processes that live for a millisecond have rows with their name', async () => {
	start();
	const nothing = (): Counters => new Map();
	const from = sample(nothing, nothing);
	const output = execFileSync(
		'sh',
		['-c', 'i=0; while [ $i -lt 300 ]; do /bin/true & wait $!; echo $!; i=$((i+1)); done'],
		{ encoding: 'utf8' },
	);
	const pids = output.trim().split('\n').map(Number);
	await seconds(0.3);
	const rows = new Map(read().rows.map((row) => [row.key.id, row]));
	const found = pids.filter((pid) => rows.get(pid)?.key.comm === 'true');
	// each has run once at least; a switch away from a process that the machine exempts from tracing is not seen
	expect(found.length).toBeGreaterThanOrEqual(297);
	await seconds(0.3);
	const left = new Set(read().rows.map(({ key }) => key.id));
	// nor is the end of one that is reported while such a process has the CPU; the next full read finds it
	const hidden = hiddenShare(from, sample(nothing, nothing)) * pids.length;
	expect(pids.filter((pid) => left.has(pid)).length).toBeLessThanOrEqual(3 + hidden);
});
