/**
 * Waits for a CPU wherever they are taken from the scheduler's run_delay: the parts of time in the overview, `measure`, the
 * profile of waits. Of sleepers that are moved while they fall asleep, run_delay has the sleep since Linux 6.12; the truth
 * is by stamps of the test's own at each wake-up and switch.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { ThreadTime } from '../../src/tracers/overview/tasks/time.ts';
import { TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import { Taking } from '../../src/tracers/profile/taking.ts';
import { realHost, seconds } from './host.ts';
import { leashed } from './leftovers.ts';
import { type OwnWaits, ownWaits } from './own-waits.ts';
import { buildWorkloads, childrenOf, schedstat } from './workload.ts';

vi.setConfig({ testTimeout: 60_000 });

const host = realHost();
/** Since 6.12 a sleeper that is moved may have a stamp. */
const delays = host.addon.hasMember('sched_entity', 'sched_delayed');
/** The queue's clock is that of the pick or the wake-up, that of the truth of its hook; ns for each thread and second. */
const SLACK = 4e6;
const SECONDS = 2;
const SLEEPERS = 10;

const loads = buildWorkloads();
afterAll(() => loads.stop());
let truth: OwnWaits | undefined;
const closers: (() => void)[] = [];
afterEach(() => {
	for (const close of closers.splice(0)) close();
	truth = undefined;
});

function begin(): OwnWaits {
	truth = ownWaits();
	closers.push(() => truth?.close());
	return truth;
}

const sumOf = (own: OwnWaits, tids: readonly number[]): number => {
	const all = own.waits();
	return tids.reduce((sum, tid) => sum + (all.get(tid)?.sum_ns ?? 0), 0);
};
const kernelSum = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + schedstat(pid).wait_ns, 0);

/** All processes of a program. */
function processesOf(path: string): number[] {
	return readdirSync('/proc').flatMap((name) => {
		if (!/^\d+$/.test(name)) return [];
		try {
			return readlinkSync(`/proc/${name}/exe`) === path ? [Number(name)] : [];
		} catch {
			return [];
		}
	});
}

/** Hogs and sleepers that are moved as soon as they sleep; those that exist before us are asleep with a stamp by now. */
async function provoke(sleep: number): Promise<number[]> {
	const parent = loads.start(undefined, 'asleep', 4, SLEEPERS, 30, sleep);
	closers.push(() => parent.kill('SIGKILL'));
	await seconds(1.5);
	return childrenOf(parent.pid).slice(-SLEEPERS);
}

function say(what: string, ours: number, truly: number, kernels: number): void {
	const ms = (ns: number): string => (ns / 1e6).toFixed(1);
	process.stderr.write(`${what}: ours ${ms(ours)} ms, truth ${ms(truly)}, run_delay ${ms(kernels)}\n`);
}

/** Within 5 %, and what two reads that are not at one moment make of waits that go on. */
function expectEqual(ours: number, truly: number, slack: number): void {
	expect(truly).toBeGreaterThan(0);
	expect(ours).toBeLessThan(truly * 1.05 + slack);
	expect(ours).toBeGreaterThan(truly * 0.95 - slack);
}

test.each([1, 0.003])(
	'where the time of sleepers goes (sleeps of %d s): no sleep is a wait for a CPU',
	async (sleep) => {
		const sleepers = await provoke(sleep);
		const walk = new TaskWalk(host);
		closers.push(() => walk.close());
		await walk.ready;
		const times = new ThreadTime();
		const own = begin();
		times.take(walk.read().values(), 0);
		const [before, kernelBefore] = [sumOf(own, sleepers), kernelSum(sleepers)];
		let ours = 0;
		let longest = 0;
		let last = process.hrtime.bigint();
		for (let turn = 0; turn < SECONDS * 4; turn++) {
			await seconds(0.25);
			const now = process.hrtime.bigint();
			const processes = walk.read();
			const spent = times.take(processes.values(), Number(now - last));
			for (const pid of sleepers)
				longest = Math.max(longest, ...(processes.get(pid)?.tasks.map(({ asleep_ns }) => asleep_ns) ?? []));
			last = now;
			for (const pid of sleepers) ours += spent.get(pid)?.parts.runnable ?? 0;
		}
		const [truly, kernels] = [sumOf(own, sleepers) - before, kernelSum(sleepers) - kernelBefore];
		say(`time, sleeps of ${sleep} s`, ours, truly, kernels);
		// a wait that goes on is in one sum and not yet in the other: one for each sleeper, of two turns of the hogs
		expectEqual(ours, truly, SLEEPERS * 2 * SLACK);
		// none has slept for longer than it sleeps: of a moved one exec_start is by another CPU's clock
		expect(longest).toBeLessThan((sleep + 1) * 1e9);
		if (sleep >= 1) expect(longest).toBeGreaterThan(0.5e9);
		// the thing has happened
		if (delays && sleep >= 1) expect(kernels - truly).toBeGreaterThan(0.5e9);
	},
);

test('measure: the waits of a command that sleeps are those of its threads', async () => {
	const own = begin();
	const command = [loads.path, 'asleep', 2, SLEEPERS, SECONDS, 0.1].map(String);
	const options = ['measure', '--json', '--source', 'model', '-p', '20', '--idle', '4', '--'];
	const child = spawn(...leashed('bin/wattlag', ...options, ...command), { stdio: ['ignore', 'pipe', 'inherit'] });
	let output = '';
	child.stdout?.on('data', (chunk) => (output += chunk));
	const ended = once(child, 'exit');
	closers.push(() => child.kill('SIGKILL'));
	const tids = new Set<number>();
	let kernels = 0;
	while (child.exitCode === null) {
		for (const pid of processesOf(loads.path)) tids.add(pid);
		kernels = Math.max(kernels, kernelSum([...tids]));
		await seconds(0.1);
	}
	await ended;
	const line = JSON.parse(output.trimEnd().split('\n').at(-1) as string) as { wait_ns: number; processes: number };
	const truly = sumOf(own, [...tids]);
	say('measure', line.wait_ns, truly, kernels);
	expect(tids.size).toBe(line.processes);
	expectEqual(line.wait_ns, truly, tids.size * SLACK);
});

test('a profile of waits: what sleepers could have run is what they waited', async () => {
	const sleepers = await provoke(0.1);
	const own = begin();
	const taking = new Taking(host, {
		mode: 'off-cpu',
		target: { comm: 'sleeper' },
		targetText: safe`comm sleeper`,
		hz: 99,
		offCpuMin: 1e6,
		unwind: false,
	});
	closers.push(() => taking.close());
	const [before, kernelBefore] = [sumOf(own, sleepers), kernelSum(sleepers)];
	for (let turn = 0; turn < SECONDS * 10; turn++) {
		await seconds(0.1);
		taking.drain();
	}
	taking.stop();
	const [truly, kernels] = [sumOf(own, sleepers) - before, kernelSum(sleepers) - kernelBefore];
	const ours = taking
		.profile()
		.stacks.filter(({ state }) => state === 'waits for a CPU')
		.reduce((sum, { ns }) => sum + ns, 0);
	say('profile', ours, truly, kernels);
	expectEqual(ours, truly, SLEEPERS * 2 * SLACK);
});
