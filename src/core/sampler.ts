/** The source of snapshots as the screen sees it: the sampling worker, a recording, a fixture. Types only. */
import type { SafeText } from '../lib/sanitize.ts';
import type { Snapshot } from './snapshot.ts';
import type { Options } from './tracer.ts';

/**
 * How the cost of the BPF programs is measured. `auto`: seldom, and estimated between; `on`: the kernel's run statistics
 * stay on; `off`: never.
 */
export const costModes = ['auto', 'on', 'off'] as const;
export type CostMode = (typeof costModes)[number];

export type SamplerEvent =
	/** Programs are being loaded and attached. */
	| { kind: 'attaching'; tab: string }
	/** Attached; the first snapshot follows after one interval. */
	| { kind: 'live'; tab: string }
	/**
	 * This tab does not work; the others are not affected. `retry_s`: seconds until it is restarted after a failure.
	 * `wrong_value`: an option names what this machine does not have.
	 */
	| { kind: 'unavailable'; tab: string; reason: SafeText; fix: SafeText; retry_s?: number; wrong_value?: true }
	/** `packed`: the snapshot encoded for the archive (see archive.ts), where the sampler did that work. */
	| { kind: 'snapshot'; snapshot: Snapshot; packed?: Uint8Array }
	/** No snapshots until the worker is restarted, if it is. */
	| { kind: 'worker-failed'; message: SafeText; restarting: boolean };

export interface Sampler {
	/** The snapshots are those of a recording: nothing is measured, and rows stay grouped as they were. */
	recorded?: true;
	/** Future events. Returns a function that ends the subscription. */
	subscribe(listener: (event: SamplerEvent) => void): () => void;
	/** Change the length of the interval. */
	setInterval(seconds: number): void;
	/** Set the group of this tab's rows: one of the tracer's groups. */
	setGroup(tab: string, group: string): void;
	/** Change options of a tracer while it runs (see `Session.tune`). */
	tune?(tab: string, changes: Options): void;
	/** This tab is on the screen from now on. A tracer on demand (`Tracer.onDemand`) is started for it. */
	setActiveTab?(tab: string): void;
	/** Detach everything. Takes at most half a second. */
	close(): void | Promise<void>;
}
