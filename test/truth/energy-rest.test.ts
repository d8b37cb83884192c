/** What ends idle periods, against perf's own counts of the same tracepoints, and idle time against /proc/stat. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { monotonicNs } from '../../src/lib/clock.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { realHost } from './host.ts';
import { leashed, temporaryDirectory } from './leftovers.ts';

const PERIOD = 1_000_000;
const SECONDS = 3;

function buildTimer(): string {
	const { path, remove } = temporaryDirectory(join(tmpdir(), 'wattlag-timer-'));
	onTestFinished(remove);
	execFileSync('clang', ['-O1', '-Wall', '-Werror', 'test/truth/fixtures/timer.c', '-o', join(path, 'timer')]);
	return join(path, 'timer');
}

/** Idle time of all CPUs by /proc/stat, ns. */
function idleTime(): number {
	const [, idle, wait] = /^cpu +\d+ \d+ \d+ (\d+) (\d+)/m.exec(
		readFileSync('/proc/stat', 'utf8'),
	) as unknown as string[];
	return (Number(idle) + Number(wait)) * 1e7;
}

/** Context switches of a process of one thread, by the kernel. */
function switchesOf(pid: number): number {
	return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Counts of tracepoints on all CPUs while `sleep` runs. */
async function perf(events: [event: string, filter?: string][], seconds: number): Promise<number[]> {
	const words = events.flatMap(([event, filter]) => ['-e', event, ...(filter ? ['--filter', filter] : [])]);
	const child = spawn(...leashed('perf', 'stat', '-a', '-x', ',', ...words, '--', 'sleep', String(seconds)), {
		stdio: ['ignore', 'ignore', 'pipe'],
	});
	const lines = (await text(child.stderr as NodeJS.ReadableStream)).trim().split('\n');
	return events.map((_, index) => Number(lines.at(index - events.length)?.split(',')[0]));
}

test('a timer of 1,000 Hz: its wake-ups by cause, all idle periods as cpuidle counts them, their time', async ({
	skip,
}) => {
	const timer = buildTimer();
	const session = energy.start(realHost(), { rest: true });
	onTestFinished(() => session.close());
	// counts the same in the hook that runs anyway
	const queue = runqlat.start(realHost(), {});
	onTestFinished(() => queue.close());
	const child = spawn(...leashed('taskset', '-c', '1', timer, String(PERIOD), String((SECONDS + 2) * 1000)), {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const exited = once(child, 'exit');
	const pid = child.pid as number;
	// it has become the timer
	while (!readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('timer'))
		await new Promise((done) => setTimeout(done, 5));
	const begin = monotonicNs();
	session.read(1, 'process');
	queue.read(1, 'process');
	const before = { idle: idleTime(), switches: switchesOf(pid) };
	const [all = 0, fromIdle = 0] = await perf(
		[
			['sched:sched_switch', `next_pid==${pid}`],
			['sched:sched_switch', `prev_pid==0 && next_pid==${pid}`],
		],
		SECONDS,
	);
	const dt = monotonicNs() - begin;
	const { rows, extra } = session.read(dt, 'process');
	const waited = queue.read(dt, 'process').rows.find(({ key }) => key.id === pid);
	const idle = idleTime() - before.idle;
	const switches = switchesOf(pid) - before.switches;
	await exited;
	const { rest } = extra;
	if (!rest?.wakes) throw new Error(rest?.missing.join('; '));
	skip(idle < 0.05 * dt * realHost().cpus, 'the CPUs are never idle: there is nothing to wake');
	const seconds = dt / 1e9;
	// on a busy machine, and beside other guests of its host, the timer comes late and loses periods
	const quiet = idle > 0.9 * dt * realHost().cpus;
	expect(switches / seconds).toBeGreaterThan(quiet ? 900 : 100);
	expect(switches / seconds).toBeLessThan(quiet ? 1010 : 2000);
	// a switch from another task is no wake-up: other tasks have woken its CPU before it
	const { wakes = 0 } = rows.find((one) => one.pid === pid) ?? {};
	expect(wakes).toBeGreaterThan(quiet ? switches / 2 : 0);
	expect(wakes).toBeLessThanOrEqual(switches + 2);
	const own = rest.wakes.causes.filter((cause) => cause.pid === pid);
	expect(own.reduce((sum, cause) => sum + cause.wakes, 0)).toBe(wakes);
	expect(own[0]?.cause).toMatch(/^timer hrtimer_wakeup/);
	expect(Math.abs((waited?.wakes ?? 0) - wakes)).toBeLessThan(0.01 * wakes + 5);
	// some machines hide events from perf: where it has all switches, it has those from idle too
	if (Math.abs(all / SECONDS / (switches / seconds) - 1) < 0.01) {
		expect(wakes / seconds / (fromIdle / SECONDS)).toBeGreaterThan(0.98);
		expect(wakes / seconds / (fromIdle / SECONDS)).toBeLessThan(1.02);
	}
	// every period enters a state, which cpuidle counts itself
	const entered = rest.states.reduce((sum, { entries_per_s }) => sum + (entries_per_s ?? 0), 0);
	if (rest.source === 'cpuidle') expect(Math.abs(rest.wakes.per_s / entered - 1)).toBeLessThan(quiet ? 0.02 : 0.25);
	// the time of all periods, and of the states, is the idle time of /proc/stat
	const states = rest.states.reduce((sum, { share }) => sum + share * dt * realHost().cpus, 0);
	const periods = (rest.wakes.mean_idle_ns ?? 0) * rest.wakes.per_s * seconds;
	expect(Math.abs(periods - idle)).toBeLessThan(0.06 * idle + 0.06e9);
	if (rest.source === 'cpuidle') expect(Math.abs(states - idle)).toBeLessThan(0.06 * idle + 0.06e9);
});

test('a process that wakes another CPU is the cause: bytes through a pipe, one by one', async () => {
	const last = realHost().cpus - 1;
	if (last === 0) return;
	const session = energy.start(realHost(), { rest: true });
	onTestFinished(() => session.close());
	const COUNT = 150;
	const writer = `import time
for i in range(${COUNT}): time.sleep(0.01); print(flush=True)`;
	const pipe = spawn(
		...leashed(
			'sh',
			'-c',
			`exec 3>&1; { taskset -c 0 python3 -uc '${writer}' & echo $! >&3; wait; } | taskset -c ${last} sh -c 'echo $$ >&3; exec cat >/dev/null'`,
		),
		{ stdio: ['ignore', 'pipe', 'inherit'] },
	);
	const begin = monotonicNs();
	const before = idleTime();
	session.read(1, 'process');
	const pids = (await text(pipe.stdout as NodeJS.ReadableStream)).trim().split('\n').map(Number);
	const { rest } = session.read(monotonicNs() - begin, 'process').extra;
	if (!rest?.wakes) throw new Error(rest?.missing.join('; '));
	const between = rest.wakes.causes.filter(({ pid, waker_pid }) => pids.includes(pid) && pids.includes(waker_pid));
	const wakes = between.reduce((sum, one) => sum + one.wakes, 0);
	// on a busy machine the reader's CPU is seldom idle
	const idle = (idleTime() - before) / (monotonicNs() - begin) / realHost().cpus;
	expect(wakes).toBeGreaterThanOrEqual(idle > 0.9 ? 0.8 * COUNT : idle > 0.3 ? 1 : 0);
	expect(wakes).toBeLessThanOrEqual(COUNT + 10);
	if (wakes === 0) return;
	expect(between.every(({ pid, waker_pid, via }) => pid !== waker_pid && via === 'process')).toBe(true);
	expect(between[0]?.cause).toMatch(/^process python3\[\d+\]$/);
	// the writer itself is woken by its timer
	const writes = rest.wakes.causes.filter(({ pid }) => pid === between[0]?.waker_pid);
	expect(writes.some(({ cause }) => cause.startsWith('timer hrtimer_wakeup'))).toBe(true);
});
