/** CPU time of a process that does not stop running, against the kernel's own answer to that process. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { seconds } from './host.ts';
import { temporaryDirectory } from './leftovers.ts';
import { sessionsOf } from './tracer-session.ts';

const { start } = sessionsOf(energy);

type Note = [before: number, cpu: number, after: number];

const now = (): number => Number(process.hrtime.bigint());

test('a running process is charged up to the moment of the reading, not to its last tick', async () => {
	const session = start();
	const { path: folder, remove } = temporaryDirectory(join(tmpdir(), 'wattlag-clock-'));
	onTestFinished(remove);
	const stop = join(folder, 'stop');
	const child = spawn('nice', ['-n', '-20', process.execPath, 'test/truth/fixtures/own-clock.mjs', '30', stop], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	let output = '';
	child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
	const ended = new Promise((resolve) => child.once('close', resolve));
	await seconds(0.5);
	const readings: { before: number; cpu: number; after: number }[] = [];
	// on a busy machine fewer before it ends
	while (readings.length < 40 && child.exitCode === null) {
		await seconds(0.051);
		const before = now();
		const { rows } = session.read(50e6, 'process');
		const after = now();
		const row = rows.find(({ pid }) => pid === child.pid);
		if (row) readings.push({ before, cpu: row.cpu_ns_total, after });
	}
	// it has to note something after the last of them
	await seconds(0.1);
	writeFileSync(stop, '');
	await ended;
	const notes = JSON.parse(output) as Note[];
	const errors: number[] = [];
	for (const reading of readings) {
		const last = notes.findLast(([, , after]) => after <= reading.before);
		const next = notes.find(([before]) => before >= reading.after);
		if (!last || !next) continue;
		// all of the time since its last note at most, and what it had at the next one less all of the time until then
		const most = last[1] + (reading.after - last[0]);
		const least = next[1] - (next[2] - reading.before);
		errors.push(reading.cpu < least ? reading.cpu - least : Math.max(0, reading.cpu - most));
	}
	const worst = errors.reduce((extreme, error) => Math.max(extreme, Math.abs(error)), 0);
	expect(errors.length).toBeGreaterThan(5);
	// a tick is 1 to 10 ms: without the running slice the worst is one of them
	expect(worst).toBeLessThan(0.3e6);
});
