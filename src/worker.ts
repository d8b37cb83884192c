/** Entry of the sampling thread: a {@link Sampling} behind messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { openHost } from './bpf/open-host.ts';
import { openDebugLog } from './core/debug-log.ts';
import type { SamplerEvent } from './core/sampler.ts';
import { type EncodedSnapshot, encode } from './history/archive.ts';
import { loadTracers } from './registry.ts';
import { releaseMemoryRegularly } from './sampling/release-memory.ts';
import { Sampling } from './sampling/sampling.ts';
import type { WorkerEvent, WorkerRequest, WorkerSettings } from './sampling/worker-sampler.ts';

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread');
const settings = workerData as WorkerSettings;
if (settings.debug !== '') openDebugLog(settings.debug);

function emit(event: SamplerEvent): void {
	if (event.kind === 'snapshot') encoded.push(encode(event.snapshot));
	else port?.postMessage(event);
}

/** Snapshots of the tick so far: one message wakes the receiver once. */
let encoded: EncodedSnapshot[] = [];

function endTick(): void {
	if (encoded.length === 0) return;
	const message: WorkerEvent = { kind: 'encoded', encoded };
	port?.postMessage(
		message,
		encoded.flatMap(({ whole, packed }) => [whole.buffer, packed.buffer]),
	);
	encoded = [];
}

const host = openHost(settings);
const sampling = new Sampling({
	tracers: await loadTracers(settings.tabs),
	host,
	delay: settings.delay,
	firstDelay: settings.firstDelay,
	groups: settings.groups,
	sections: settings.sections,
	without: settings.without,
	ownCost: settings.ownCost,
	emit,
	endTick,
});

port.on('message', (request: WorkerRequest) => {
	switch (request.kind) {
		case 'delay':
			sampling.setDelay(request.seconds);
			break;
		case 'group':
			sampling.setGroup(request.tab, request.group);
			break;
		case 'tune':
			sampling.tune(request.tab, request.changes);
			break;
		case 'active-tab':
			sampling.setActiveTab(request.tab);
			break;
		case 'close':
			sampling.close();
			port.close();
			break;
	}
});

await sampling.start();
releaseMemoryRegularly(host.addon);
