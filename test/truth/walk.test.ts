/** The walk over all tasks beside processes that end and begin in numbers: each is there as long as it lives, and rests as it does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import { generator } from '../lib/random.ts';
import { realHost, seconds } from './host.ts';
import { end } from './leftovers.ts';

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
