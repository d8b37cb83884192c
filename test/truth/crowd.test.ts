/** Many threads that do nothing: what it takes to start and to read beside them. */
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import type { Tracer } from '../../src/core/tracer.ts';
import { threadCpu } from '../../src/lib/clock.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { realHost, seconds } from './host.ts';
import { atLatestAtExit } from './leftovers.ts';
import { buildWorkloads } from './workload.ts';

const THREADS = 100_000;

/** Room for the threads and what else runs; distributions of desktops have more. */
const LIMITS: Readonly<Record<string, number>> = {
	'/proc/sys/kernel/pid_max': 2 * THREADS,
	'/proc/sys/kernel/threads-max': 2 * THREADS,
};

/** Raise what is lower. Returns what puts it back. */
function raiseLimits(): () => void {
	const before = Object.entries(LIMITS).flatMap(([path, least]) => {
		const value = readFileSync(path, 'utf8').trim();
		return Number(value) < least ? [[path, value] as const] : [];
	});
	for (const [path] of before) writeFileSync(path, String(LIMITS[path]));
	return atLatestAtExit(() => {
		for (const [path, value] of before) writeFileSync(path, value);
	});
}

const loads = buildWorkloads(new URL('fixtures/crowd.c', import.meta.url));
afterAll(() => loads.stop());

/** CPU time, which the load of others does not lengthen, ns. */
function cost(use: () => void): number {
	const before = threadCpu();
	use();
	return threadCpu() - before;
}

/** What it takes to read /proc/PID/task/TID/stat of all threads, as other tools do at every refresh; one in ten is read. */
function costOfProc(pid: number): number {
	const read = cost(() => {
		for (const [index, tid] of readdirSync(`/proc/${pid}/task`).entries())
			if (index % 10 === 0) readFileSync(`/proc/${pid}/task/${tid}/stat`);
	});
	return 10 * read;
}

test('100,000 threads: starting costs less than one walk of /proc, a reading a tenth of it', async () => {
	const restoreLimits = raiseLimits();
	const crowd = loads.start(undefined, THREADS);
	const [line] = (await once(crowd.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
	expect(line.toString()).toBe(`${THREADS} threads\n`);
	const walk = costOfProc(crowd.pid as number);
	const tracers = [energy, runqlat, irq] as unknown as Tracer<object, object>[];
	const sessions: ReturnType<(typeof tracers)[0]['start']>[] = [];
	try {
		const start = cost(() => {
			for (const tracer of tracers) sessions.push(tracer.start(realHost(), {}));
		});
		expect(start).toBeLessThan(walk);
		for (const [index, session] of sessions.entries()) session.read(1e9, tracers[index]?.groups[0] as string);
		await seconds(1);
		for (const [index, session] of sessions.entries()) {
			const { id, groups } = tracers[index] as Tracer<object, object>;
			const reading = cost(() => session.read(1e9, groups[0] as string));
			expect(reading, id).toBeLessThan(walk / 10);
		}
	} finally {
		for (const session of sessions) session.close();
		crowd.kill('SIGKILL');
		restoreLimits();
	}
});
