/** The walk over all tasks beside processes that end and begin in numbers: each is there as long as it lives, and rests as it does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { mainTask } from '../../src/tracers/overview/tasks/reader.ts';
import { ThreadTime } from '../../src/tracers/overview/tasks/time.ts';
import { type ProcessNow, TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import { generator } from '../lib/random.ts';
import { realHost, seconds } from './host.ts';
import { end } from './leftovers.ts';
import { buildWorkloads } from './workload.ts';

const living = new Map<number, ChildProcess>();
async function begin(count: number): Promise<void> {
	const children = Array.from({ length: count }, () => spawn('sleep', ['120'], { stdio: 'ignore' }));
	await Promise.all(children.map((child) => once(child, 'spawn')));
	for (const child of children) living.set(child.pid as number, child);
}

test('sleepers that end one, two or many in a row, and new ones between them', async () => {
	const walk = new TaskWalk(realHost());
	try {
		await walk.ready;
		await begin(150);
		await seconds(0.3);
		// stacks are read in the first walk in which functions are known; the next one reports what rests in rows
		for (let warm = 0; warm < 3; warm++) {
			walk.read();
			await seconds(0.15);
		}
		const random = generator(7);
		for (let round = 0; round < 12; round++) {
			const pids = [...living.keys()].sort((a, b) => a - b);
			const at = Math.floor(random() * (pids.length - 12));
			const ending = pids.slice(at, at + ([0, 1, 2, 9][round % 4] ?? 0));
			await Promise.all(ending.map((pid) => end(living.get(pid) as ChildProcess)));
			for (const pid of ending) living.delete(pid);
			if (round % 3 === 0) await begin(2);
			await seconds(0.2);
			const processes = walk.read();
			for (const pid of ending) expect(processes.has(pid), `round ${round}: ${pid} has ended`).toBe(false);
			for (const pid of living.keys()) expect(processes.get(pid)?.tasks.length, `round ${round}: ${pid}`).toBe(1);
		}
		// on a busy machine the last ones take a while until they sleep
		const rest = () => [...living.keys()].every((pid) => processes.get(pid)?.rests === true);
		let processes = walk.read();
		for (let tries = 0; tries < 40 && !rest(); tries++) {
			await seconds(0.3);
			processes = walk.read();
		}
		for (const pid of living.keys()) {
			const process = processes.get(pid);
			const [task] = process?.tasks ?? [];
			expect([pid, process?.rests, process?.tasks.length]).toEqual([pid, true, 1]);
			expect(task?.state).toBe('S');
			expect(task?.reason).toBe('timer');
			expect(task?.asleep_ns).toBeGreaterThan(0.1e9);
		}
	} finally {
		await Promise.all(Array.from(living.values(), (child) => end(child)));
		walk.close();
	}
});

/** `VmRSS` of a thread that lives: that of the first one is gone with it. */
function residentBytes(pid: number, tid: number): number {
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))?.[1]) * 1024;
}

test('a process whose first thread has ended has the state, time and memory of the others', async () => {
	const loads = buildWorkloads();
	const walk = new TaskWalk(realHost());
	try {
		await walk.ready;
		const { pid } = loads.start(undefined, 'leaderless', 30);
		const first = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/task/${pid}/status`, 'utf8'))?.[1];
		for (let tries = 0; tries < 100 && first() !== 'Z'; tries++) await seconds(0.05);
		expect(first()).toBe('Z');
		// the first reads are of everything, the next ones leave out what rests
		let process: ProcessNow | undefined;
		const spent = new ThreadTime();
		for (let turn = 0; turn < 4; turn++) {
			const processes = walk.read();
			process = processes.get(pid);
			const { parts } = spent.take(processes.values(), 2e8).get(pid) ?? { parts: {} };
			expect(Object.keys(parts).filter((part) => part !== 'timer')).toEqual([]);
			await seconds(0.2);
		}
		expect(process?.tasks.map(({ tid, state, reason }) => [tid !== pid, state, reason])).toEqual([
			[true, 'S', 'timer'],
		]);
		expect(process && mainTask(process)?.state).toBe('S');
		expect(process?.threads).toBe(2);
		expect(process?.rests).toBe(true);
		const resident = residentBytes(pid, process?.tasks[0]?.tid as number);
		// the kernel's counters are exact to 32 pages per CPU
		expect(Math.abs((process?.rss_bytes ?? 0) - resident)).toBeLessThan(32 * 4096 * availableParallelism());
		expect(process?.rss_bytes).toBeGreaterThan(0);
	} finally {
		await loads.stop();
		walk.close();
	}
});
