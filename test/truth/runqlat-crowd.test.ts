/** Sums over the whole machine of the run-queue tracer: groups, namespaces, and more threads than have rows. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { MAX_TASKS } from '../../src/tracers/runqlat/tasks.ts';
import { between, type Counters, expectAgreement, happened, sample } from './brackets.ts';
import { seconds } from './host.ts';
import { runQueue } from './runqlat-session.ts';
import { makeGroup, schedstat } from './workload.ts';

const TOLERANCE = 0.01;

const { loads, start, read } = runQueue();

function threadCount(pid: number): number {
	return Number(/^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Of all tasks since the machine started. */
const switches = (): number => Number(/^ctxt (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);

/** The row of that name, once it has waited more than 20 times; the last one seen after 3 s. */
async function busy(group: string, comm: string): Promise<RunqlatRow | undefined> {
	let row: RunqlatRow | undefined;
	for (let turn = 0; turn < 15 && (row?.count_total ?? 0) <= 20; turn++) {
		await seconds(0.2);
		row = read(group).rows.find(({ key }) => key.comm === comm);
	}
	return row;
}

test('control groups and pid namespaces are the sums of their processes, with names', async () => {
	const group = makeGroup();
	let done: Promise<string> | undefined;
	try {
		start();
		done = group.run(`unshare --fork --pid ${loads.path} threads 3 4 0.003 0.001`);
		const byGroup = await busy('cgroup', group.name);
		expect(byGroup?.count_total).toBeGreaterThan(20);
		const inner = await busy('pidns', 'workload');
		expect(inner?.count_total).toBeGreaterThan(20);
		const spaces = read('pidns').rows.filter(({ key }) => key.kind === 'pidns');
		expect(spaces.some(({ key }) => key.id === 0xeffffffc)).toBe(true);
		const processes = read('process').rows;
		const inGroup = readFileSync(`/sys/fs/cgroup/unified${group.name}/cgroup.procs`, 'utf8').split('\n').map(Number);
		const one = processes.find(({ key }) => key.comm === 'workload' && inGroup.includes(key.id));
		const later = read('pidns').rows.find(({ key }) => key.id === inner?.key.id);
		expect(later?.count_total).toBeGreaterThanOrEqual(one?.count_total ?? Number.POSITIVE_INFINITY);
		expect(later?.count_total).toBeLessThanOrEqual((one?.count_total ?? 0) + (later?.count ?? 0) + 5);
		await done;
		for (const name of ['cgroup', 'pidns'] as const) {
			const { rows, lost } = read(name);
			const sum = rows.slice(1).reduce((total, row) => total + row.count, 0);
			expect(sum + (lost['process_unknown'] ?? 0)).toBeGreaterThanOrEqual((rows[0]?.count ?? 0) * 0.9);
		}
	} finally {
		await done;
		await seconds(0.2);
		group.remove();
	}
});

test('14,000 threads at once: the sums stay exact, what has no row is reported', async () => {
	start();
	const crowd = loads.start(undefined, 'threads', 14_000, 60, 0.00001, 1.5);
	// until all are there
	for (let i = 0; i < 200 && threadCount(crowd.pid) < 14_000; i++) await seconds(0.1);
	expect(threadCount(crowd.pid)).toBe(14_000);
	read('thread');
	const kernel = (): Counters => new Map([[String(crowd.pid), schedstat(crowd.pid).wait_ns]]);
	let unstamped = 0;
	const ours = (): Counters => {
		const { rows, lost } = read('process');
		unstamped = lost['unstamped'] ?? 0;
		return new Map(rows.map(({ key, wait_ns_total }) => [String(key.id), wait_ns_total]));
	};
	const from = sample(kernel, ours);
	const unstampedBefore = unstamped;
	// every thread wakes once in 1.5 s
	await seconds(2);
	const to = sample(kernel, ours);
	const waited = happened(from, to, String(crowd.pid));
	expect(waited).toBeGreaterThan(0.1e9);
	// kernels with delayed dequeues count the sleep of a thread that was moved in it as a wait: 1.5 s, which we leave out
	const sleeps = ((unstamped - unstampedBefore) * 1.6e9) / waited;
	// who waits behind process 1 may get its CPU without a program seeing it (see counters.ts)
	const behindInit = (to.init - from.init) / waited;
	// reading 14,000 files takes long, during which they wait on: the bounds are wide, but they hold
	expectAgreement(from, to, String(crowd.pid), TOLERANCE, 0, sleeps + behindInit);
	console.log(between(from, to, String(crowd.pid)).text);
	/** A read of the threads, and the switches of the machine meanwhile. */
	const readThreads = () => {
		const before = switches();
		return { ...read('thread'), meanwhile: switches() - before };
	};
	const begun = readThreads();
	// until each has had its turn twice, and the reads are a small part of it
	const switched = switches() + Math.max(3 * 14_000, 20 * begun.meanwhile);
	for (let i = 0; i < 60 && switches() < switched; i++) await seconds(0.1);
	const threads = readThreads();
	const unlisted = threads.rows.find(({ key }) => key.kind === 'thread' && key.id === 0);
	expect(threads.rows.length).toBeLessThanOrEqual(MAX_TASKS + 2);
	expect(threads.rows.length).toBeGreaterThan(MAX_TASKS * 0.9);
	expect(unlisted?.key.comm).toBe('(unlisted)');
	expect(unlisted?.count).toBeGreaterThan(1000);
	expect(threads.lost['unlisted']).toBe(0);
	expect((threads.rows[0] as RunqlatRow).count).toBeGreaterThan(14_000);
	// The CPUs are read first, then the threads, at both ends of the interval: waits that end during the first read are missing in the
	// sum, those that end during the last one are in it only. A switch ends one wait at most.
	const sum = threads.rows.slice(1).reduce((total, { count }) => total + count, 0);
	const { count } = threads.rows[0] as RunqlatRow;
	const hidden = TOLERANCE * count + (threads.lost['process_unknown'] ?? 0);
	const text = `${sum} of ${count} waits; ${begun.meanwhile} and ${threads.meanwhile} switches during the reads`;
	console.log(text);
	expect(sum, text).toBeGreaterThan(count - begun.meanwhile - hidden);
	expect(sum, text).toBeLessThan(count + threads.meanwhile + hidden);
	crowd.kill('SIGKILL');
});

test('threads that are displayed again have the waits of that interval, not those of the first time', async () => {
	start();
	loads.start(0, 'threads', 8, 30, 0.001, 0);
	const waits = () => {
		const { rows } = read('thread');
		return rows.flatMap(({ key, count, wait_ns }) =>
			key.kind === 'thread' && key.comm === 'workload' ? [{ count, wait_ns }] : [],
		);
	};
	read('thread');
	await seconds(1);
	const first = waits();
	expect(first.filter(({ wait_ns }) => wait_ns > 0.2e9).length).toBeGreaterThan(3);
	read('process');
	const begun = performance.now();
	await seconds(0.1);
	// the read of the change, and the next one
	const change = waits();
	await seconds(0.2);
	const again = waits();
	const passed_ns = (performance.now() - begun) * 1e6;
	expect(again.filter(({ count }) => count > 0).length).toBeGreaterThan(3);
	// no thread waits for longer than time passes; a wait counts when it ends, and eight share a CPU by slices of a few ms
	for (const { wait_ns } of [...change, ...again]) expect(wait_ns).toBeLessThan(passed_ns + 0.1e9);
});
