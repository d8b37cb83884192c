/** The process in focus: who wakes it, and its sleep by reason, beside what the process itself counts and the kernel's own times. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { monotonicNs } from '../../src/lib/clock.ts';
import { KernelFunctions } from '../../src/symbols/kernel-functions.ts';
import { FocusWatch } from '../../src/tracers/overview/tasks/focus.ts';
import { sleepFunctions } from '../../src/tracers/overview/tasks/reasons.ts';
import { realHost } from './host.ts';
import { leashed } from './leftovers.ts';

/** One process writes 200 times into a pipe, the other reads; then the reader sleeps ten times for 50 ms. It waits for a line before and after. */
const PAIR = `
import os, sys, time
r, w = os.pipe()
reader = os.fork()
if reader == 0:
    os.close(w); os.read(r, 1)
    for _ in range(200): os.read(r, 1)
    for _ in range(10): time.sleep(0.05)
    print('done', flush=True)
    os.read(r, 1); os._exit(0)
print(reader, os.getpid(), flush=True)
sys.stdin.readline()
os.write(w, b'x'); time.sleep(0.05)
for _ in range(200): os.write(w, b'x'); time.sleep(0.003)
sys.stdin.readline()
os.write(w, b'x'); os.wait()
`;

let child: ChildProcess | undefined;
let watch: FocusWatch | undefined;
afterEach(async () => {
	watch?.close();
	const ended = child && child.exitCode === null ? once(child, 'exit') : undefined;
	child?.kill('SIGKILL');
	await ended;
});

const times = (pid: number) => {
	const [run = 0, delay = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
	const status = readFileSync(`/proc/${pid}/status`, 'utf8');
	const switches = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
	return { at: monotonicNs(), run, delay, switches };
};

test('wakers are counted by process, and sleeps by reason', async () => {
	const functions = new KernelFunctions();
	expect(await functions.load('/proc', sleepFunctions)).toBe(true);
	child = spawn(...leashed('python3', '-c', PAIR), { stdio: ['pipe', 'pipe', 'inherit'] });
	const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
	const [reader = 0, writer = 0] = String((await lines.next()).value)
		.split(' ')
		.map(Number);
	watch = new FocusWatch(realHost(), reader, functions);
	const before = times(reader);
	watch.read();
	child.stdin?.write('begin\n');
	expect((await lines.next()).value).toBe('done');
	const reading = watch.read();
	const after = times(reader);

	const slept = after.switches - before.switches;
	const [first, second] = reading.wakers;
	// of 201 bytes some are there before the reader sleeps again
	expect(first).toMatchObject({ by: 'process', pid: writer, comm: expect.stringMatching(/^python3/) });
	expect(first?.count).toBeGreaterThan(150);
	expect(first?.count).toBeLessThanOrEqual(201);
	expect(second).toMatchObject({ by: 'interrupt' });
	expect(reading.wakers.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(slept * 0.95);

	const timer = reading.slept.get('timer') ?? 0;
	const pipe = reading.slept.get('pipe') ?? 0;
	expect(timer).toBeGreaterThanOrEqual(0.49e9);
	expect(pipe).toBeGreaterThan(0.5e9);
	const all = [...reading.slept.values()].reduce((sum, ns) => sum + ns, 0);
	// it sleeps in a read before the hooks are there: that time is not in the sum, but in the wall
	const wall = after.at - before.at;
	const known = all + reading.runnable_ns + (after.run - before.run);
	expect(known).toBeLessThanOrEqual(wall * 1.02);
	expect(known).toBeGreaterThan(wall * 0.8);
	expect(reading.unseen(reader)).toBe(false);
	child.stdin?.write('end\n');
	await once(child, 'exit');
}, 30_000);
