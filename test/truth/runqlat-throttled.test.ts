/** A task that has used up a budget is runnable by state and stamp, and no CPU could run it: it is distinguished from one that waits for a CPU. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cgroupMount, v1Mount } from '../../src/system/cgroups.ts';
import type { Waiting } from '../../src/tracers/runqlat/snapshot.ts';
import { seconds } from './host.ts';
import { runQueue } from './runqlat-session.ts';
import { schedstat } from './workload.ts';

const { loads, start, read } = runQueue();

async function ended(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	child.kill('SIGKILL');
	await once(child, 'exit');
}

/** What is listed of a process in so many reads, a tenth of a second apart. */
async function listed(pid: number, reads: number): Promise<Waiting[]> {
	const found: Waiting[] = [];
	for (let left = reads; left > 0; left--) {
		await seconds(0.1);
		found.push(...read().extra.waiting.filter((one) => one.pid === pid));
	}
	return found;
}

test('its own budget (SCHED_DEADLINE): 20 ms of 2 s', async () => {
	const budget = ['--sched-runtime', '20000000', '--sched-deadline', '2000000000', '--sched-period', '2000000000', '0'];
	const load = spawn('chrt', ['--deadline', ...budget, loads.path, 'threads', '1', '30', '0.1', '0']);
	onTestFinished(() => ended(load));
	const pid = load.pid as number;
	await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('workload\n'), 10_000);
	start();
	read();
	const [before, begun] = [schedstat(pid).cpu_ns, performance.now()];
	const found = (await listed(pid, 15)).filter(({ age_ns }) => age_ns > 0.1e9);
	// a period of 2 s begins once or twice meanwhile
	const periods = 1 + Math.ceil((performance.now() - begun) / 2000);
	expect(schedstat(pid).cpu_ns - before).toBeLessThan(periods * 25e6);
	expect(found.length).toBeGreaterThan(3);
	expect(found.filter(({ throttled }) => !throttled)).toEqual([]);
	expect(Math.max(...found.map(({ age_ns }) => age_ns))).toBeGreaterThan(0.5e9);
}, 30_000);

/** A group with a quota of 10 ms a second, and one below it; undefined: no hierarchy has the cpu controller. */
function groupWithQuota(): { inner: string; remove(): void } | undefined {
	const old = v1Mount('/proc', 'cpu')?.folder;
	const folder = old ?? cgroupMount('/proc')?.folder;
	if (folder === undefined) return undefined;
	const outer = join(folder, `wattlag-quota-${process.pid}`);
	const inner = join(outer, 'inner');
	mkdirSync(outer);
	const set = old
		? (['cpu.cfs_period_us', '1000000', 'cpu.cfs_quota_us', '10000'] as const)
		: (['cpu.max', '10000 1000000'] as const);
	if (!existsSync(join(outer, set[0]))) {
		rmdirSync(outer);
		return undefined;
	}
	for (let at = 0; at < set.length; at += 2) writeFileSync(join(outer, set[at] as string), set[at + 1] as string);
	mkdirSync(inner);
	return {
		inner,
		remove() {
			rmdirSync(inner);
			rmdirSync(outer);
		},
	};
}

test('the quota of a group above its own: 10 ms of 1 s', async ({ skip }) => {
	const group = groupWithQuota();
	skip(group === undefined, 'no hierarchy of control groups has the cpu controller');
	const load = loads.start(undefined, 'threads', 1, 30, 0.1, 0);
	onTestFinished(async () => {
		await ended(load);
		group?.remove();
	});
	writeFileSync(join(group?.inner ?? '', 'cgroup.procs'), String(load.pid));
	start();
	read();
	await listed(load.pid, 10);
	const found = (await listed(load.pid, 12)).filter(({ age_ns }) => age_ns > 0.15e9);
	expect(found.length).toBeGreaterThan(3);
	expect(found.filter(({ throttled }) => !throttled)).toEqual([]);
}, 30_000);

test('a task that waits for a CPU has budget', async () => {
	const hogs = [0, 1, 2].map(() => loads.start(1, 'threads', 1, 30, 0.1, 0));
	onTestFinished(async () => {
		for (const hog of hogs) await ended(hog);
	});
	start();
	await seconds(0.2);
	const found = (await Promise.all(hogs.map(({ pid }) => listed(pid, 3)))).flat();
	expect(found.length).toBeGreaterThan(3);
	expect(found.filter(({ throttled }) => throttled)).toEqual([]);
}, 30_000);
