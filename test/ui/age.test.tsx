/** Figures that are not renewed are reported as old; paused ones are not. */
import { describe, expect, test } from 'vitest';
import { Store } from '../../src/history/store.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { WorkerSampler } from '../../src/sampling/worker-sampler.ts';
import { workerSettings } from '../unit/worker-settings.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { ioSnapshot } from './fixtures/io.ts';
import { eventually, settle } from './plain.ts';
import { onScreen } from './screen.tsx';

let now = 0;
const screen = onScreen('energy', undefined, () => new Store({ now: () => now }));
const badge = () => /(●|stale|stopped|PAUSED).*$/.exec(screen.text().split('\n')[1] ?? '')?.[0].trim();

/** Seconds later something else changes. */
async function later(seconds: number): Promise<void> {
	now += seconds * 1000;
	screen.store.apply({ kind: 'live', tab: 'irq' });
	await settle();
}

describe('age of the figures', () => {
	test('more than three intervals without new ones', async () => {
		await screen.show(energySnapshot(0));
		await eventually(() => expect(badge()).toBe('● 1s'));
		await later(2.9);
		expect(badge()).toBe('● 1s');
		await later(2.2);
		await eventually(() => expect(badge()).toBe('stale 5s'));
		await screen.show(energySnapshot(1));
		await eventually(() => expect(badge()).toBe('● 1s'));
	});

	test('each tab has its own age', async () => {
		await screen.show(energySnapshot(0), ioSnapshot(0));
		await later(70);
		await screen.show(ioSnapshot(1));
		await eventually(() => expect(badge()).toBe('stale 1m10s'));
		await screen.keys('4');
		await eventually(() => expect(badge()).toBe('● 1s'));
	});

	test('paused figures are not stale', async () => {
		await screen.show(energySnapshot(0));
		await screen.keys(' ');
		await later(60);
		await eventually(() => expect(badge()).toMatch(/^PAUSED/));
		await screen.keys(' ');
		await eventually(() => expect(badge()).toBe('stale 1m00s'));
	});

	test('failed sampling makes figures old at once; without a restart the screen shows stopped', async () => {
		await screen.show(energySnapshot(0));
		now += 500;
		const message = sanitize('out of memory');
		screen.store.apply({ kind: 'worker-failed', message, restarting: true });
		await eventually(() => expect(badge()).toBe('stale 0s'));
		await later(4);
		screen.store.apply({ kind: 'worker-failed', message, restarting: false });
		await eventually(() => expect(badge()).toBe('stopped 4s'));
		await screen.keys('4');
		await eventually(() => expect(badge()).toBe('stopped'));
	});
});

describe('a sampling thread that hangs', () => {
	const clocked = onScreen('energy');

	test('is reported although nothing else happens', { timeout: 10_000 }, async () => {
		const snapshot = JSON.stringify(energySnapshot(0, 3));
		const hangs = `
import { parentPort } from 'node:worker_threads';
parentPort.postMessage({ kind: 'snapshot', snapshot: ${snapshot} });
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
		const sampler = new WorkerSampler(new URL(`data:text/javascript,${encodeURIComponent(hangs)}`), {
			...workerSettings,
			tabs: ['energy'],
		});
		sampler.subscribe(clocked.store.apply);
		await eventually(() => expect(clocked.text()).toContain('● 1s'));
		await eventually(() => expect(clocked.text()).toMatch(/stale [34]s/));
		await sampler.close();
		expect(clocked.store.age('energy')).toBeGreaterThan(3);
	});
});
