/**
 * The last minutes of every tab, as immutable snapshots. Knows nothing of React; its methods fit
 * `useSyncExternalStore`.
 */

import type { SamplerEvent } from './sampler.ts';
import type { SafeText } from './sanitize.ts';
import type { Snapshot } from './snapshot.ts';

export type TabStatus =
	| { kind: 'attaching' }
	| { kind: 'live' }
	| { kind: 'unavailable'; reason: SafeText; fix: SafeText };

export interface WorkerFailure {
	message: SafeText;
	restarting: boolean;
}

export interface StoreOptions {
	/** Snapshots kept per tab. */
	snapshots: number;
	/** Rows kept per tab, over all its snapshots; older ones keep their totals and lose their rows. */
	rows: number;
}

interface Tab {
	status: TabStatus;
	history: readonly Snapshot[];
}

const attaching: TabStatus = { kind: 'attaching' };
const none: readonly Snapshot[] = [];

export class Store {
	private readonly options: StoreOptions;
	private readonly tabs = new Map<string, Tab>();
	private readonly listeners = new Set<() => void>();
	/** While paused: what was there when the pause began. */
	private frozen: Map<string, readonly Snapshot[]> | null = null;
	private lastFailure: WorkerFailure | null = null;
	private changes = 0;

	constructor(options: Partial<StoreOptions> = {}) {
		this.options = { snapshots: 600, rows: 100_000, ...options };
	}

	readonly subscribe = (listener: () => void): (() => void) => {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	};

	/** Grows with every change that can be seen. */
	readonly version = (): number => this.changes;

	get paused(): boolean {
		return this.frozen !== null;
	}

	get failure(): WorkerFailure | null {
		return this.lastFailure;
	}

	status(tab: string): TabStatus {
		return this.tabs.get(tab)?.status ?? attaching;
	}

	/** Oldest first, up to the one shown. The array is never changed. */
	history(tab: string): readonly Snapshot[] {
		return (this.frozen ? this.frozen.get(tab) : this.tabs.get(tab)?.history) ?? none;
	}

	/** The snapshot on the screen. */
	current(tab: string): Snapshot | undefined {
		return this.history(tab).at(-1);
	}

	/** Sampling goes on while paused; nothing of it is shown. */
	setPaused(paused: boolean): void {
		if (paused === this.paused) return;
		this.frozen = paused ? new Map(Array.from(this.tabs, ([id, tab]) => [id, tab.history])) : null;
		this.changed();
	}

	readonly apply = (event: SamplerEvent): void => {
		switch (event.kind) {
			case 'attaching':
			case 'live':
				this.set(event.tab, { status: { kind: event.kind } });
				break;
			case 'unavailable':
				this.set(event.tab, { status: { kind: 'unavailable', reason: event.reason, fix: event.fix } });
				break;
			case 'snapshot':
				this.push(event.snapshot);
				break;
			case 'worker-failed':
				this.lastFailure = { message: event.message, restarting: event.restarting };
				this.changed();
				break;
		}
	};

	private push(snapshot: Snapshot): void {
		const before = this.tabs.get(snapshot.tab)?.history ?? none;
		// Another grouping is another kind of row: old rows would be wrong neighbours.
		const same = before.at(-1)?.group === snapshot.group ? before : none;
		const history = [...same.slice(-(this.options.snapshots - 1)), snapshot];
		let rows = 0;
		for (let i = history.length - 1; i >= 0; i--) {
			const entry = history[i] as Snapshot;
			rows += entry.rows.length;
			if (rows > this.options.rows && i < history.length - 1 && entry.rows.length > 0)
				history[i] = { ...entry, rows: [] };
		}
		this.lastFailure = null;
		this.set(snapshot.tab, { status: { kind: 'live' }, history }, this.frozen !== null);
	}

	private set(id: string, change: Partial<Tab>, silent = false): void {
		const tab = this.tabs.get(id) ?? { status: attaching, history: none };
		this.tabs.set(id, { ...tab, ...change });
		if (!silent) this.changed();
	}

	private changed(): void {
		this.changes++;
		for (const listener of this.listeners) listener();
	}
}
