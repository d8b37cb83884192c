/** Tasks that sleep do not wait, however the scheduler has stamped them: by stamps of the test's own and the states of all tasks. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { realHost, seconds } from './host.ts';
import { type OwnWaits, ownWaits, sleptThrough, type TaskState } from './own-waits.ts';
import { runQueue } from './runqlat-session.ts';
import { childrenOf, schedstat } from './workload.ts';

vi.setConfig({ testTimeout: 180_000 });

const { loads, start, read } = runQueue();

let truth: OwnWaits | undefined;
afterEach(() => {
	truth?.close();
	truth = undefined;
});

/** Since 6.12 a sleeper that is moved may have a stamp. */
const delays = realHost().addon.hasMember('sched_entity', 'sched_delayed');
/** The queue's clock is that of the pick or the wake-up, ours that of the hook; ns. */
const SLACK = 2e6;

/** Hogs and sleepers that are moved as soon as they sleep; those that exist before us are asleep with a stamp by now. */
async function provoke(sleep: number): Promise<{ sleepers: number[]; stop(): void }> {
	const parent = loads.start(undefined, 'asleep', 4, 10, 40, sleep);
	await seconds(1.5);
	const isSleeper = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleeper\n';
	return { sleepers: childrenOf(parent.pid).filter(isSleeper), stop: () => parent.kill('SIGKILL') };
}

const stampedAsleep = (states: Map<number, TaskState>, pids: readonly number[]): number =>
	pids.filter((pid) => states.get(pid)?.asleep && states.get(pid)?.stamped).length;

test.each([
	{ name: 'for two seconds', sleep: 2, options: {} },
	{ name: 'for less than a tick', sleep: 0.003, options: {} },
	{ name: 'for two seconds, under a filter', sleep: 2, options: { comm: 'sleeper' } },
])('moved while asleep $name: no wait has the sleep, none is listed as waiting', async ({ sleep, options }) => {
	const load = await provoke(sleep);
	const own = ownWaits();
	truth = own;
	const atStart = stampedAsleep(own.states(), load.sleepers);
	start(options);
	const [begin, kernelBefore] = [own.waits(), load.sleepers.map((pid) => schedstat(pid).wait_ns)];
	const longest = new Map<number, number>();
	let seenStamped = atStart;
	let reading = read();
	const unstampedAtStart = reading.lost['unstamped'] ?? 0;
	for (let turn = 0; turn < 40; turn++) {
		await seconds(0.2);
		const before = own.states();
		reading = read();
		const after = own.states();
		seenStamped = Math.max(seenStamped, stampedAsleep(after, load.sleepers));
		for (const { tid, comm, age_ns } of reading.extra.waiting)
			expect(sleptThrough(tid, before, after), `${comm}[${tid}] waits for ${age_ns} ns`).toBe(false);
		for (const { key, max_ns } of reading.rows)
			if (key.kind === 'process') longest.set(key.id, Math.max(longest.get(key.id) ?? 0, max_ns));
	}
	const ended = own.waits();
	const rows = new Map(reading.rows.map((row) => [row.key.id, row]));
	let [ours, truly, kernels, missing] = [0, 0, 0, 0];
	for (const [index, pid] of load.sleepers.entries()) {
		const { count, sum_ns, max_ns } = ended.get(pid) ?? { count: 0, sum_ns: 0, max_ns: 0 };
		const row = rows.get(pid);
		expect(longest.get(pid) ?? 0, `longest wait of ${pid}`).toBeLessThanOrEqual(max_ns + SLACK);
		ours += row?.wait_ns_total ?? 0;
		truly += sum_ns - (begin.get(pid)?.sum_ns ?? 0);
		missing += count - (begin.get(pid)?.count ?? 0) - (row?.count_total ?? 0);
		kernels += schedstat(pid).wait_ns - (kernelBefore[index] ?? 0);
	}
	load.stop();
	const unstamped = (reading.lost['unstamped'] ?? 0) - unstampedAtStart;
	process.stderr.write(
		`asleep ${sleep} s: stamped ${atStart} at start, ${seenStamped} at most; waits ${ours / 1e6} ms, truth ${truly / 1e6}, kernel ${kernels / 1e6}; unstamped ${unstamped}, missing ${missing}\n`,
	);
	expect(truly).toBeGreaterThan(0);
	// waits that are cut by a read are in one sum and not yet in the other
	expect(ours).toBeLessThan(truly * 1.02 + load.sleepers.length * SLACK);
	// and no wait is missing that was not said to be
	expect(missing).toBeLessThanOrEqual((reading.lost['unstamped'] ?? 0) + (reading.lost['process_unknown'] ?? 0) + 3);
	// the thing has happened
	if (delays) expect(unstamped).toBeGreaterThan(0);
});

test('the system alone: no wait has the sleep of a task that was moved meanwhile', async () => {
	const load = await provoke(2);
	truth = ownWaits();
	start({ 'system-only': true });
	let longest = 0;
	for (let turn = 0; turn < 25; turn++) {
		await seconds(0.2);
		const before = truth.states();
		const { rows, extra } = read('cpu');
		const after = truth.states();
		longest = Math.max(longest, rows[0]?.max_ns ?? 0);
		for (const { tid, comm } of extra.waiting) expect(sleptThrough(tid, before, after), `${comm}[${tid}]`).toBe(false);
	}
	load.stop();
	const longestTruly = Math.max(...[...truth.waits().values()].map(({ max_ns }) => max_ns));
	expect(longest).toBeLessThanOrEqual(longestTruly + SLACK);
});
