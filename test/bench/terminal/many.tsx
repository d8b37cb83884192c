/**
 * SYNTHETIC: the real screen, 200 × 50, over snapshots of 10,000 processes or 100,000 threads that nobody measured.
 * Prints how long every frame took as JSON.
 */

import type { Sampler, SamplerEvent } from '../../../src/core/sampler.ts';
import type { Snapshot } from '../../../src/core/snapshot.ts';
import { decode, type EncodedSnapshot, encode } from '../../../src/history/archive.ts';
import { optimiseLate } from '../../../src/lib/optimise-late.ts';
import { sanitize } from '../../../src/lib/sanitize.ts';
import { registry } from '../../../src/registry.ts';
import { FrameWriter } from '../../../src/term/frame-writer.ts';
import { OverviewSession } from '../../../src/tracers/overview/session.ts';
import { runLive } from '../../../src/ui/live.tsx';
import type { Screen } from '../../../src/ui/screen.ts';
import { type Busy, tickOf } from '../../unit/overview-fixtures.ts';
import type { Frames } from './frames.ts';

const size = { columns: 200, rows: 50 };
const ticks = 10;
/** The first ones meet code that has never run. */
const warm = 3;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** All of them did something, never twice the same, and another one is first in every tick. */
function busy(count: number, tick: number): Busy[] {
	return Array.from({ length: count }, (_, index) => {
		const share = ((index * 7919 + tick * 104_729) % 10_007) / 10_007;
		return {
			...{ pid: index + 1, comm: `process-${index % 300}`, cgroup: `/system.slice/service-${index % 50}.service` },
			...{ cpu: 0.001 * share, watts: 0.01 * share, wait: 0.001 * share, p99: 1e6 * share },
			...(index < 64 && { irqTime: 0.001 * share }),
		};
	});
}

const overview = new OverviewSession(2, {
	pressure: { read: () => null },
	groups: { read: () => ({}) },
	quota: { read: () => [] },
});

/** What the sampling thread would send at the end of an interval. */
function tickOfProcesses(count: number, tick: number): EncodedSnapshot[] {
	const measured = tickOf({ processes: busy(count, tick) });
	const [first] = measured.values();
	const base = first as Snapshot;
	const reading = overview.read(1e9, 'process', measured);
	const joined = { ...base, tab: 'overview', ...reading, ...reading.extra } as unknown as Snapshot;
	return [...measured.values(), joined].map((snapshot) => encode({ ...snapshot, mono_ns: tick * 1e9 } as Snapshot));
}

/** By thread: ten of each process. */
function tickOfThreads(count: number, tick: number): EncodedSnapshot[] {
	const energy = tickOf({ processes: busy(count, tick) }).get('energy') as Snapshot;
	const rows = energy.rows.map((row, index) => ({ ...row, pid: 1 + Math.floor(index / 10) * 10, tid: index + 1 }));
	return [encode({ ...energy, rows, group: 'thread', mono_ns: tick * 1e9 } as Snapshot)];
}

class Feed implements Sampler {
	private readonly listeners = new Set<(event: SamplerEvent) => void>();

	subscribe(listener: (event: SamplerEvent) => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	/** As from the worker: bytes, of which this thread makes a snapshot. */
	arrive(encoded: readonly EncodedSnapshot[]): void {
		for (const one of encoded) {
			const event: SamplerEvent = { kind: 'snapshot', snapshot: decode(one), packed: one.packed };
			for (const listener of this.listeners) listener(event);
		}
	}

	setInterval(): void {}
	setGroup(): void {}
	close(): void {}
}

async function measure(
	what: Frames['what'],
	tab: string,
	make: (tick: number) => EncodedSnapshot[],
): Promise<number[]> {
	let last = 0;
	const output = {
		write(bytes: Uint8Array) {
			last = performance.now();
			return bytes.length;
		},
	};
	const writer = new FrameWriter({ output, size, ascii: false, onGone: (error) => console.error(error) });
	const ended = Promise.withResolvers<number>();
	const nobody = { end: () => {}, fail: (error: unknown) => console.error(error), suspend: () => {}, resume: () => {} };
	const screen: Screen = {
		...{ writer, keyboard: null, lifecycle: nobody, ended: ended.promise },
		...{ leave: () => writer.stop(), close: () => {} },
	};
	const feed = new Feed();
	const host = { host: sanitize('synthetic'), kernel: sanitize('0'), cpus: 2, load: () => [0, 0, 0], uptime: () => 1 };
	writer.start();
	const groups = what === 'threads' ? { [tab]: 'thread' } : {};
	const running = runLive({ registry, sampler: feed, command: { tab, delay: 1, groups }, host, screen });
	await wait(300);
	const ms: number[] = [];
	for (let tick = 1; tick <= ticks; tick++) {
		const encoded = make(tick);
		const { frames } = writer.stats;
		const begun = performance.now();
		feed.arrive(encoded);
		while (writer.stats.frames === frames || performance.now() - last < 200) {
			if (performance.now() - begun > 10_000) throw new Error(`${tab}: a tick without a frame`);
			await wait(20);
		}
		if (tick > warm) ms.push(last - begun);
	}
	ended.resolve(0);
	await running;
	return ms;
}

optimiseLate();
const all: Frames[] = [];
for (const [tab, title] of [
	['overview', 'overview'],
	['energy', 'energy'],
	['runqlat', 'run queue'],
] as const)
	all.push({ what: 'processes', tab: title, ms: await measure('processes', tab, (n) => tickOfProcesses(10_000, n)) });
all.push({ what: 'threads', tab: 'energy', ms: await measure('threads', 'energy', (n) => tickOfThreads(100_000, n)) });
process.stdout.write(JSON.stringify(all));
process.exit(0);
