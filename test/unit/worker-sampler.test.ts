/** The sampling thread's handle with threads that crash: one restart, with what was asked for meanwhile; never silently. */
import { afterEach, expect, test, vi } from 'vitest';
import type { SamplerEvent } from '../../src/core/sampler.ts';
import { WorkerSampler } from '../../src/sampling/worker-sampler.ts';
import { workerSettings as settings } from './worker-settings.ts';

/** Tells what it was started with, and crashes when it is asked for intervals of 13 s. */
const fragile = `
import { parentPort, workerData } from 'node:worker_threads';
parentPort.postMessage({ kind: 'live', tab: JSON.stringify(workerData) });
parentPort.on('message', ({ kind, seconds }) => {
	if (kind === 'close') parentPort.close();
	if (seconds === 13) throw new Error('worker\\x1b broke');
});`;

let sampler: WorkerSampler | undefined;
afterEach(() => sampler?.close());

function start(): SamplerEvent[] {
	const events: SamplerEvent[] = [];
	sampler = new WorkerSampler(new URL(`data:text/javascript,${encodeURIComponent(fragile)}`), settings);
	sampler.subscribe((event) => events.push(event));
	return events;
}

const kinds = (events: SamplerEvent[]) => events.map(({ kind }) => kind);

test('a crash is reported, and a second thread begins with what the user has chosen', async () => {
	const events = start();
	await vi.waitFor(() => expect(kinds(events)).toEqual(['live']));
	sampler?.setGroup('io', 'device');
	sampler?.tune('io', { pid: 7 });
	sampler?.setInterval(13);
	await vi.waitFor(() => expect(kinds(events)).toEqual(['live', 'worker-failed', 'live']));
	expect(events[1]).toMatchObject({ message: 'worker^[ broke', restarting: true });
	const again = JSON.parse((events[2] as { tab: string }).tab);
	expect(again).toMatchObject({ groups: { io: 'device' }, sections: { io: { pid: 7 } }, delay: 13 });
});

test('there is one restart: the second crash is reported as the end', async () => {
	const events = start();
	for (const crash of [1, 2]) {
		await vi.waitFor(() => expect(kinds(events).filter((kind) => kind === 'live')).toHaveLength(crash));
		sampler?.setInterval(13);
		await vi.waitFor(() => expect(kinds(events).filter((kind) => kind === 'worker-failed')).toHaveLength(crash));
	}
	expect(events.at(-1)).toMatchObject({ kind: 'worker-failed', restarting: false });
});
