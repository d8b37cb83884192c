/** Who waited: threads, filters and culprits of the run-queue tracer against /proc and known answers. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { type Counters, expectAgreement, happened, hiddenShare, sample, sampleTwice } from './brackets.ts';
import { realHost, seconds } from './host.ts';
import { leashed } from './leftovers.ts';
import { type RunqlatReading, runQueue } from './runqlat-session.ts';
import { makeGroup, schedstat } from './workload.ts';

const TOLERANCE = 0.01;

const { loads, start, read } = runQueue();

/** Nothing is counted: only the time and what is hidden are of interest. */
const nothing = (): Counters => new Map();

const all = ({ rows }: RunqlatReading): RunqlatRow => rows[0] as RunqlatRow;

/** Words of a file of /proc, by the name before the colon. */
function statusOf(pid: number, tid = pid): Map<string, number> {
	const text = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
	return new Map([...text.matchAll(/^(\w+):\s+(\d+)$/gm)].map(([, name, value]) => [name as string, Number(value)]));
}

function waitOf(pid: number, tid: number): number {
	return Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[1]);
}

function totals(group: string): Counters {
	return new Map(read(group).rows.map(({ key, wait_ns_total }) => [String(key.id), wait_ns_total]));
}

test('threads, each against its own schedstat', async () => {
	start();
	const load = loads.start(1, 'threads', 4, 60, 0.01, 0);
	read('thread');
	await seconds(0.5);
	const tids = read('thread').rows.flatMap(({ key }) =>
		key.kind === 'thread' && key.pid === load.pid ? [key.id] : [],
	);
	expect(tids.length).toBe(4);
	const kernel = (): Counters => new Map(tids.map((tid) => [String(tid), waitOf(load.pid, tid)]));
	const [from, to] = await sampleTwice(() => sample(kernel, () => totals('thread')), tids.map(String), {
		enough: 1e9,
		tolerance: TOLERANCE,
		patience: 3,
	});
	for (const tid of tids) {
		expect(happened(from, to, String(tid))).toBeGreaterThan(1e9);
		expectAgreement(from, to, String(tid), TOLERANCE, 0);
	}
	load.kill();
});

test('short-lived threads: the waits of each are in its row and in its process', async () => {
	start();
	read('thread');
	const load = loads.start(1, 'churn', 6000, 0.0005);
	const rival = loads.start(1, 'threads', 1, 60, 0.01, 0);
	let threads = 0;
	let rows = 0;
	for (let i = 0; i < 6; i++) {
		await seconds(0.25);
		for (const { key, wait_ns } of read('thread').rows) {
			if (key.pid !== load.pid) continue;
			threads += wait_ns;
			rows++;
		}
	}
	const process = read('process').rows.find(({ key }) => key.id === load.pid)?.wait_ns_total ?? 0;
	expect(rows).toBeGreaterThan(50);
	expect(process).toBeGreaterThan(0.2e9);
	// what a thread waits during its own exit is not in its row; the last read was a moment later
	expect(threads / process).toBeGreaterThan(0.9);
	expect(threads / process).toBeLessThanOrEqual(1);
	load.kill();
	rival.kill();
});

test('switches, against /proc/PID/status', async () => {
	start();
	const load = loads.start(1, 'threads', 5, 60, 0.002, 0.001);
	const rival = loads.start(1, 'threads', 1, 60, 0.01, 0);
	await seconds(0.5);
	const tids = (): string[] =>
		execFileSync('ls', [`/proc/${load.pid}/task`], { encoding: 'utf8' })
			.trim()
			.split('\n');
	const kernel = (): Counters => {
		const sum = new Map([
			['voluntary', 0],
			['involuntary', 0],
		]);
		for (const tid of tids()) {
			const status = statusOf(load.pid, Number(tid));
			sum.set('voluntary', (sum.get('voluntary') ?? 0) + (status.get('voluntary_ctxt_switches') ?? 0));
			sum.set('involuntary', (sum.get('involuntary') ?? 0) + (status.get('nonvoluntary_ctxt_switches') ?? 0));
		}
		return sum;
	};
	const ours = (): Counters => {
		const row = read().rows.find(({ key }) => key.id === load.pid);
		return new Map([
			['voluntary', row?.voluntary_total ?? 0],
			['involuntary', row?.involuntary_total ?? 0],
		]);
	};
	const from = sample(kernel, ours);
	await seconds(1);
	// threads get their storage by a read whose figures are dropped
	read('thread');
	await seconds(1);
	const to = sample(kernel, ours);
	for (const kind of ['voluntary', 'involuntary']) {
		expect(happened(from, to, kind)).toBeGreaterThan(50);
		expectAgreement(from, to, kind, 0, 0);
	}
	load.kill();
	rival.kill();
});

test('a group out of quota: all of the throttled time is waiting', async () => {
	const folder = '/sys/fs/cgroup/cpu/wattlag-test';
	mkdirSync(folder);
	try {
		writeFileSync(join(folder, 'cpu.cfs_period_us'), '100000');
		writeFileSync(join(folder, 'cpu.cfs_quota_us'), '20000');
		start({ culprits: true });
		const load = loads.start(1, 'threads', 2, 60, 0.01, 0);
		writeFileSync(join(folder, 'cgroup.procs'), String(load.pid));
		await seconds(0.5);
		const kernel = (): Counters => new Map([[String(load.pid), schedstat(load.pid).wait_ns]]);
		const take = () => sample(kernel, () => totals('process'));
		// 80 ms of each period for each of the two, and the half of what is left
		const [from, to] = await sampleTwice(take, [String(load.pid)], { enough: 3e9, tolerance: TOLERANCE, patience: 4 });
		expect(happened(from, to, String(load.pid))).toBeGreaterThan(3e9);
		expectAgreement(from, to, String(load.pid), TOLERANCE, 0);
		load.kill('SIGKILL');
		await new Promise((resolve) => load.once('exit', resolve));
	} finally {
		rmdirSync(folder);
	}
});

test('a filter measures only what it names, and its change keeps the session', async () => {
	const wanted = loads.start(1, 'threads', 2, 60, 0.005, 0);
	const other = loads.start(1, 'threads', 2, 60, 0.005, 0);
	const session = start({ pid: wanted.pid });
	await seconds(1);
	const only = read();
	expect(only.rows.filter(({ count }) => count > 0).map(({ key }) => key.id)).toEqual([0, wanted.pid]);
	expect(only.extra.waiting.every(({ pid }) => pid === wanted.pid)).toBe(true);
	expect(only.extra.filter).toBe(`pid ${wanted.pid}`);
	// the CPUs are read first: a wait or two may end before the process is
	expect((only.rows[1]?.count ?? 0) - all(only).count).toBeGreaterThanOrEqual(0);
	expect((only.rows[1]?.count ?? 0) - all(only).count).toBeLessThanOrEqual(2);

	session.tune?.({ pid: other.pid });
	read();
	await seconds(1);
	const changed = read();
	expect(changed.rows.filter(({ count }) => count > 0).map(({ key }) => key.id)).toEqual([0, other.pid]);
	// what it waited before it was looked at is not in its first wait
	expect(changed.rows[1]?.max_ns).toBeLessThan(0.5e9);
	expect(all(changed).count_total).toBeGreaterThan(all(only).count_total);

	session.tune?.({ pid: 0, comm: 'workload' });
	read();
	await seconds(0.5);
	expect(read().rows.every(({ key }) => key.kind === 'all' || key.comm === 'workload')).toBe(true);

	session.tune?.({ comm: '' });
	const kernel = (): Counters => new Map([[String(wanted.pid), schedstat(wanted.pid).wait_ns]]);
	// a process that did not wait since the last reading has no row: its total is the one before
	const known: Counters = new Map();
	const ours = (): Counters => {
		for (const [id, total] of totals('process')) known.set(id, total);
		return new Map(known);
	};
	await vi.waitFor(() => expect(ours().has(String(wanted.pid))).toBe(true), 5000);
	const take = () => sample(kernel, ours);
	const [from, to] = await sampleTwice(take, [String(wanted.pid)], { enough: 1e9, tolerance: TOLERANCE, patience: 3 });
	expectAgreement(from, to, String(wanted.pid), TOLERANCE, 0);
	wanted.kill();
	other.kill();
});

test('a filter by control group takes the groups below along', async () => {
	const outer = makeGroup();
	const folder = `/sys/fs/cgroup/unified${outer.name}`;
	mkdirSync(join(folder, 'inner'));
	try {
		const session = start({ cgroup: outer.name });
		const load = loads.start(1, 'threads', 2, 60, 0.005, 0);
		await seconds(0.3);
		expect(all(read()).count).toBe(0);
		writeFileSync(join(folder, 'inner/cgroup.procs'), String(load.pid));
		await seconds(0.5);
		const { rows } = read();
		expect(rows.map(({ key }) => key.id)).toEqual([0, load.pid]);
		expect(rows[1]?.count).toBeGreaterThan(10);

		// a change that cannot be made leaves all as it is
		session.tune?.({ cgroup: '/no/such/group' });
		await seconds(0.3);
		const refused = read();
		expect(refused.extra).toMatchObject({ filter: `cgroup ${outer.name}` });
		expect(refused.extra.refused).toContain('no control group');
		expect(all(refused).count_total).toBeGreaterThan(rows[0]?.count_total ?? 0);

		// from a row of the screen: to the group below, and back to everything
		session.tune?.({ cgroup_id: statSync(join(folder, 'inner')).ino });
		read();
		await seconds(0.3);
		const inner = read();
		expect(inner.extra).toMatchObject({ filter: `cgroup ${outer.name}/inner`, refused: '' });
		expect(inner.rows.filter(({ count }) => count > 0).map(({ key }) => key.id)).toEqual([0, load.pid]);
		session.tune?.({ pid: 0, comm: '', cgroup: '', cgroup_id: 0 });
		const other = loads.start(1, 'threads', 1, 5, 0.005, 0);
		read();
		await seconds(0.3);
		expect(read().rows.some(({ key, count }) => key.id === other.pid && count > 0)).toBe(true);
		other.kill();
		load.kill('SIGKILL');
		await new Promise((resolve) => load.once('exit', resolve));
		await seconds(0.1);
	} finally {
		rmdirSync(join(folder, 'inner'));
		outer.remove();
	}
	expect(() => runqlat.start(realHost(), { cgroup: '/no/such/group' })).toThrow('no control group');
});

test('the culprit is the process that ran: known answer', async () => {
	const victim = loads.start(1, 'threads', 1, 60, 0.002, 0.002);
	const hog = loads.start(1, 'threads', 1, 60, 0.01, 0);
	start({ culprits: true });
	await seconds(0.3);
	const from = sample(nothing, nothing);
	read();
	await seconds(2);
	const reading = read();
	const hidden = hiddenShare(from, sample(nothing, nothing));
	const waited = reading.rows.find(({ key }) => key.id === victim.pid)?.wait_ns ?? 0;
	const by = reading.extra.culprits.find(({ pid }) => pid === victim.pid)?.culprits ?? [];
	const sum = reading.extra.culprits.find(({ pid }) => pid === victim.pid)?.wait_ns ?? 0;
	expect(waited).toBeGreaterThan(0.05e9);
	// one pinned task waits on one queue only: all of its waiting is divided
	expect(sum / waited).toBeGreaterThan(0.97 - hidden);
	expect(sum / waited).toBeLessThan(1.03);
	const known = by.find(({ pid }) => pid === hog.pid);
	expect(known?.comm).toBe('workload');
	expect(by.every(({ pid }) => pid !== victim.pid)).toBe(true);
	victim.kill();
	hog.kill();
});

test('a culprit has its present name: a shell that executes another program', async () => {
	const go = join(dirname(loads.path), 'go');
	const victim = loads.start(1, 'threads', 1, 60, 0.002, 0.002);
	const script = `while ! [ -e ${go} ]; do :; done; exec ${loads.path} threads 1 60 0.01 0`;
	const shell = spawn(...leashed('taskset', '-c', '1', 'sh', '-c', script), { stdio: 'ignore' });
	start({ culprits: true });
	/** The shell among those that ran while the victim waited, once it has this name. */
	const culprit = (name: string) =>
		vi.waitFor(
			() => {
				const of = read().extra.culprits.find(({ pid }) => pid === victim.pid)?.culprits ?? [];
				const found = of.find(({ pid, comm }) => pid === shell.pid && comm === name);
				if (!found) throw new Error(`no ${name}: ${JSON.stringify(of)}`);
				return found;
			},
			{ timeout: 20_000, interval: 300 },
		);
	const before = await culprit('sh');
	writeFileSync(go, '');
	const after = await culprit('workload');
	expect(before.start_time).toBeGreaterThan(0);
	expect(after.start_time).toBe(before.start_time);
	const gone = once(shell, 'exit');
	shell.kill('SIGKILL');
	victim.kill();
	await gone;
});

test('looking closely at a process: its threads and its culprits, and neither afterwards', async () => {
	const session = start();
	const load = loads.start(1, 'threads', 3, 60, 0.003, 0);
	await seconds(0.2);
	session.tune?.({ focus: load.pid });
	read();
	await seconds(0.6);
	const close = read();
	expect(close.extra.focus?.threads.length).toBe(3);
	expect(close.extra.culprits.map(({ pid }) => pid)).toEqual([load.pid]);
	session.tune?.({ focus: 0 });
	read();
	expect(read().extra).toMatchObject({ focus: null, culprits: [] });
	load.kill();
});

test('what has waited since before we came is listed, with its age', async () => {
	const task = (policy: string, priority: string) =>
		spawn('chrt', [policy, priority, 'taskset', '-c', '1', loads.path, 'threads', '1', '30', '0.1', '0']);
	const runs = ({ pid }: ChildProcess) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'workload\n';
	// the kernel lets ordinary tasks run once in a second, not real-time ones below others
	const victim = task('--rr', '1');
	await vi.waitFor(() => expect(runs(victim)).toBe(true), 10_000);
	const hog = task('--fifo', '50');
	await vi.waitFor(() => expect(runs(hog)).toBe(true), 10_000);
	await seconds(0.1);
	start();
	const begun = performance.now();
	const wait = () => read().extra.waiting.find(({ pid }) => pid === victim.pid);
	const age = () => wait()?.age_ns ?? 0;
	// where a sleeper may have a stamp, one of before us is not trusted: the age begins with us, and says so
	const delays = realHost().addon.hasMember('sched_entity', 'sched_delayed');
	expect(wait()).toMatchObject({ runnable: true, longer: delays });
	await seconds(0.02);
	const first = age();
	expect(first).toBeGreaterThan(delays ? 0 : 0.1e9);
	await seconds(0.1);
	const second = age();
	// its age grows with the clock: it has not run in between
	const passed = (performance.now() - begun) * 1e6;
	expect(second - first).toBeGreaterThan(0.08e9);
	expect(second - first).toBeLessThan(passed + 0.02e9);
	for (const child of [hog, victim]) {
		const gone = once(child, 'exit');
		child.kill('SIGKILL');
		await gone;
	}
});
