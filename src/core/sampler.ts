/** What the screen needs of whatever produces snapshots: the sampling worker, a recording, a fixture. Types only. */
import type { SafeText } from '../lib/sanitize.ts';
import type { Snapshot } from './snapshot.ts';
import type { Options } from './tracer.ts';

export type SamplerEvent =
	/** Programs are being loaded and attached. */
	| { kind: 'attaching'; tab: string }
	/** Attached; the first snapshot follows after one interval. */
	| { kind: 'live'; tab: string }
	/** This tab cannot work here; the others are not affected. `retry_s`: it has failed, and is started again in so many seconds. */
	| { kind: 'unavailable'; tab: string; reason: SafeText; fix: SafeText; retry_s?: number }
	/** `packed`: the same for the archive (see archive.ts), where the sampler has done that work already. */
	| { kind: 'snapshot'; snapshot: Snapshot; packed?: Uint8Array }
	/** What is on the screen gets no older updates until the worker is back, if it comes back. */
	| { kind: 'worker-failed'; message: SafeText; restarting: boolean };

export interface Sampler {
	/** Events from now on. Returns a function that ends the subscription. */
	subscribe(listener: (event: SamplerEvent) => void): () => void;
	/** Ask for another interval. */
	setInterval(seconds: number): void;
	/** What rows of this tab stand for: one of the tracer's groups. */
	setGroup(tab: string, group: string): void;
	/** Options of a tracer that may change while it runs (see `Session.tune`). */
	tune?(tab: string, changes: Options): void;
	/** This tab is on the screen from now on. A tracer on demand (`Tracer.onDemand`) is started for it. */
	setActiveTab?(tab: string): void;
	/** Detach everything. Not waited for longer than half a second. */
	close(): void | Promise<void>;
}
