/** The main thread's handle of the sampling thread: a source of events that survives one crash of its worker. */
import { Worker } from 'node:worker_threads';
import { debug } from '../core/debug-log.ts';
import type { CostMode, Sampler, SamplerEvent } from '../core/sampler.ts';
import { stackLines } from '../core/stack.ts';
import type { Options } from '../core/tracer.ts';
import { decode, type EncodedSnapshot } from '../history/archive.ts';
import { releaseHeapRegularly } from '../lib/heap-pages.ts';
import { sanitize } from '../lib/sanitize.ts';

/** Parameters of the worker's start (structured clone). */
export interface WorkerSettings {
	/** Tracer ids, in the order of their start; the first one is the active tab. */
	tabs: string[];
	addonPath: string;
	objectDir: string;
	procRoot: string;
	sysRoot: string;
	/** Seconds. */
	delay: number;
	firstDelay: number;
	groups: Record<string, string>;
	sections: Record<string, Options>;
	/** Ids of tracers that are not to run. */
	without: readonly string[];
	/** How the cost of the BPF programs is measured. */
	ownCost: CostMode;
	/** Path of the debug log; empty: none. */
	debug: string;
}

/** Messages of the worker. */
export type WorkerEvent = SamplerEvent | { kind: 'encoded'; encoded: readonly EncodedSnapshot[] };

export type WorkerRequest =
	| { kind: 'delay'; seconds: number }
	| { kind: 'group'; tab: string; group: string }
	| { kind: 'tune'; tab: string; changes: Options }
	| { kind: 'active-tab'; tab: string }
	| { kind: 'close' };

function received(event: WorkerEvent): SamplerEvent[] {
	if (event.kind !== 'encoded') return [event];
	return event.encoded.map((encoded) => ({ kind: 'snapshot', snapshot: decode(encoded), packed: encoded.packed }));
}

/** Time for a closing worker to detach before it is terminated; the kernel detaches the rest. Milliseconds. */
const CLOSE_TIMEOUT = 500;

/** Runs `workerUrl` as the sampling thread. */
export class WorkerSampler implements Sampler {
	private readonly listeners = new Set<(event: SamplerEvent) => void>();
	private readonly workerUrl: URL;
	private readonly settings: WorkerSettings;
	private worker: Worker;
	private readonly endReleases = releaseHeapRegularly();
	private restarted = false;
	private closing = false;

	constructor(workerUrl: URL, settings: WorkerSettings) {
		this.workerUrl = workerUrl;
		this.settings = structuredClone(settings);
		this.worker = this.spawn();
	}

	subscribe(listener: (event: SamplerEvent) => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	setInterval(seconds: number): void {
		this.settings.delay = seconds;
		this.request({ kind: 'delay', seconds });
	}

	setGroup(tab: string, group: string): void {
		this.settings.groups[tab] = group;
		this.request({ kind: 'group', tab, group });
	}

	tune(tab: string, changes: Options): void {
		this.settings.sections[tab] = { ...this.settings.sections[tab], ...changes };
		this.request({ kind: 'tune', tab, changes });
	}

	setActiveTab(tab: string): void {
		const others = this.settings.tabs.filter((one) => one !== tab);
		this.settings.tabs = [tab, ...others];
		this.request({ kind: 'active-tab', tab });
	}

	/** Detach the probes and end the thread. */
	async close(): Promise<void> {
		if (this.closing) return;
		this.closing = true;
		this.endReleases();
		let timer: NodeJS.Timeout | undefined;
		await new Promise<void>((resolve) => {
			this.worker.once('exit', () => resolve());
			this.request({ kind: 'close' });
			// a worker that has crashed for good does not exit again
			timer = setTimeout(() => void this.worker.terminate().then(() => resolve()), CLOSE_TIMEOUT);
		});
		clearTimeout(timer);
	}

	private request(request: WorkerRequest): void {
		this.worker.postMessage(request);
	}

	private emit(event: SamplerEvent): void {
		for (const listener of this.listeners) listener(event);
	}

	private spawn(): Worker {
		const worker = new Worker(this.workerUrl, { workerData: this.settings });
		worker.on('message', (event: WorkerEvent) => {
			for (const one of received(event)) this.emit(one);
		});
		worker.on('error', (error) => this.failed(error));
		return worker;
	}

	/** One restart: a second failure is a defect, which a loop would hide. */
	private failed(error: unknown): void {
		if (this.closing) return;
		debug(() => `the sampling thread failed: ${stackLines(error).join('\n')}`);
		const message = error instanceof Error ? error.message : String(error);
		const restarting = !this.restarted;
		this.emit({ kind: 'worker-failed', message: sanitize(message), restarting });
		if (!restarting) return;
		this.restarted = true;
		this.worker = this.spawn();
	}
}
