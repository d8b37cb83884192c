/** The run-queue tracer with stamps of its own, which kernels without the scheduler's get, against schedstat. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { expectAgreement, happened, hiddenShare, sampleTwice } from './brackets.ts';
import { seconds } from './host.ts';
import { runQueue } from './runqlat-session.ts';
import { childrenOf } from './workload.ts';

const { loads, start, read, sampleOf } = runQueue(({ source }) => expect(source.kind).toBe('own stamps'));

/** @param percent what the tracer says that it may be off by */
async function compare(pids: number[], least: number, percent: number): Promise<void> {
	expect(read().source.uncertainty).toContain(`sums ±${percent} %`);
	const keys = pids.map(String);
	const [from, to] = await sampleTwice(() => sampleOf(pids), keys, {
		enough: least,
		tolerance: percent / 100,
		patience: 3,
	});
	for (const pid of pids) {
		expect(happened(from, to, String(pid))).toBeGreaterThan(least);
		// a wake-up in an interrupt that no program sees has no stamp, and its wait does not count
		expectAgreement(from, to, String(pid), percent / 100, 0, hiddenShare(from, to));
	}
}

// the second is that of kernels which have no groups in their scheduler
const CLOCKS = [
	{ clock: 'the run queue’s clock', stamps: true, percent: 1 },
	{ clock: 'CLOCK_MONOTONIC', stamps: 'monotonic', percent: 2 },
];

test.each(CLOCKS)('hogs on one CPU, by $clock', async ({ stamps, percent }) => {
	start({ stamps });
	const hogs = [1, 2, 3].map(() => loads.start(1, 'threads', 1, 60, 0.01, 0));
	await seconds(0.5);
	await compare(
		hogs.map(({ pid }) => pid),
		0.5e9,
		percent,
	);
	for (const hog of hogs) hog.kill();
});

test.each(CLOCKS)(
	'threads that sleep and wake, and tasks pushed from CPU to CPU, by $clock',
	async ({ stamps, percent }) => {
		start({ stamps });
		const many = loads.start(1, 'threads', 50, 60, 0.0002, 0.02);
		const parent = loads.start(undefined, 'migrate', 6, 60);
		await seconds(0.7);
		await compare([many.pid, ...childrenOf(parent.pid)], 0.05e9, percent);
		const { waiting, waiting_count } = read().extra;
		expect(waiting_count).toBeGreaterThan(0);
		expect(waiting.some(({ comm }) => comm === 'workload')).toBe(true);
		many.kill();
		parent.kill();
	},
);

test('short-lived processes have rows', async () => {
	start({ stamps: true });
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

test('the machine has what its processes have, and more only where that is reported', async () => {
	start({ stamps: true });
	const load = loads.start(undefined, 'threads', 20, 60, 0.0005, 0.002);
	await seconds(1);
	const { rows, lost } = read();
	const sum = rows.slice(1).reduce((total, { count_total }) => total + count_total, 0);
	expect(rows[0]?.count_total).toBeGreaterThan(1000);
	expect(sum + (lost['process_unknown'] ?? 0)).toBeGreaterThanOrEqual((rows[0]?.count_total ?? 0) * 0.99);
	load.kill();
});
