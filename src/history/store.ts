/**
 * The last minutes of every tab, as immutable snapshots, and the moment that is shown. Knows nothing of React; its
 * methods fit `useSyncExternalStore`.
 */

import type { SamplerEvent } from '../core/sampler.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { SafeText } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { pack, rowCount, unpack, withoutLists, withoutRows } from './archive.ts';

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
	/** Rows kept per tab for charts, over all its snapshots; older snapshots keep their totals and lose their rows. */
	rows: number;
	/** Bytes of packed snapshots kept per tab: how far back the user can travel. */
	packedBytes: number;
	/** A clock that never goes back, ms. */
	now: () => number;
}

interface Tab {
	status: TabStatus;
	/** The newest one is whole, older ones have lost their distributions, yet older ones their rows. */
	history: readonly Snapshot[];
	/** The same snapshots, whole; null where they are no longer kept, undefined for the newest unless it came packed. */
	packed: readonly (Uint8Array | null | undefined)[];
	/** When the newest one came, by our clock, ms. */
	came: number;
}

/** What is shown while paused: what was there when the pause began, up to `moment`. */
interface View {
	tabs: ReadonlyMap<string, Tab>;
	/** CLOCK_MONOTONIC; the same for all tabs. */
	moment: Ns;
	shown: Map<string, readonly Snapshot[]>;
}

const attaching: TabStatus = { kind: 'attaching' };
const none: readonly Snapshot[] = [];

/** Index of the snapshot whose time is nearest; -1 in an empty list. */
function nearest(history: readonly Snapshot[], moment: Ns): number {
	let best = -1;
	let distance = Number.POSITIVE_INFINITY;
	for (const [index, snapshot] of history.entries()) {
		const off = Math.abs(snapshot.mono_ns - moment);
		if (off < distance) [best, distance] = [index, off];
	}
	return best;
}

export class Store {
	private readonly options: StoreOptions;
	private readonly tabs = new Map<string, Tab>();
	private readonly listeners = new Set<() => void>();
	private view: View | null = null;
	private lastFailure: WorkerFailure | null = null;
	private changes = 0;
	private frozen = false;

	constructor(options: Partial<StoreOptions> = {}) {
		this.options = { snapshots: 600, rows: 15_000, packedBytes: 4 * 2 ** 20, now: () => performance.now(), ...options };
	}

	readonly subscribe = (listener: () => void): (() => void) => {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	};

	/** Grows with every change that can be seen. */
	readonly version = (): number => this.changes;

	get paused(): boolean {
		return this.view !== null;
	}

	get failure(): WorkerFailure | null {
		return this.lastFailure;
	}

	/** How far the moment shown lies behind the newest snapshot of a tab, ns; 0 when live. */
	behind(tab: string): Ns {
		const newest = this.tabs.get(tab)?.history.at(-1);
		const shown = this.current(tab);
		return this.view && newest && shown ? Math.max(0, newest.mono_ns - shown.mono_ns) : 0;
	}

	/** How long ago the snapshot on the screen came, s; null: there is none, or the screen is held on purpose. */
	age(tab: string): number | null {
		const shown = this.tabs.get(tab);
		return this.view || !shown || shown.history.length === 0 ? null : (this.options.now() - shown.came) / 1000;
	}

	status(tab: string): TabStatus {
		return this.tabs.get(tab)?.status ?? attaching;
	}

	/** Oldest first, up to the one shown, which is whole. The array is never changed. */
	history(tab: string): readonly Snapshot[] {
		if (!this.view) return this.tabs.get(tab)?.history ?? none;
		const known = this.view.shown.get(tab);
		if (known) return known;
		const shown = until(this.view.tabs.get(tab), this.view.moment);
		this.view.shown.set(tab, shown);
		return shown;
	}

	/** The snapshot on the screen. */
	current(tab: string): Snapshot | undefined {
		return this.history(tab).at(-1);
	}

	/** Sampling goes on while paused; nothing of it is shown. */
	setPaused(paused: boolean): void {
		if (paused === this.paused && !this.frozen) return;
		this.view = paused || this.frozen ? this.viewAt(Number.POSITIVE_INFINITY) : null;
		this.changed();
	}

	/** Nothing will follow: what is shown is the past, at first its end. */
	freeze(): void {
		this.frozen = true;
		this.setPaused(true);
	}

	/** All that is kept whole, of all tabs, oldest first; what comes later is not in it. */
	*recorded(): Generator<Snapshot> {
		const kept = [...this.tabs.values()].flatMap(({ history, packed }) =>
			history.flatMap((snapshot, index) => (packed[index] === null ? [] : [{ snapshot, packed: packed[index] }])),
		);
		kept.sort((a, b) => a.snapshot.mono_ns - b.snapshot.mono_ns);
		for (const { snapshot, packed } of kept) yield packed ? unpack(packed) : snapshot;
	}

	/** Pause, and go `steps` snapshots of this tab back (negative) or on. Stops where snapshots are no longer kept. */
	travel(tab: string, steps: number): void {
		// Going on may reach what was sampled since the pause began.
		const tabs = !this.view || steps > 0 ? new Map(this.tabs) : this.view.tabs;
		const { history, packed }: Pick<Tab, 'history' | 'packed'> = tabs.get(tab) ?? { history: none, packed: [] };
		if (history.length === 0) return;
		const from = this.view ? nearest(history, this.view.moment) : history.length - 1;
		const oldest = packed.lastIndexOf(null) + 1;
		const to = Math.min(history.length - 1, Math.max(oldest, from + steps));
		this.view = { tabs, moment: (history[to] as Snapshot).mono_ns, shown: new Map() };
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
				this.push(event.snapshot, event.packed);
				break;
			case 'worker-failed':
				this.lastFailure = { message: event.message, restarting: event.restarting };
				this.changed();
				break;
		}
	};

	private viewAt(moment: Ns): View {
		let newest = 0;
		for (const { history } of this.tabs.values()) newest = Math.max(newest, history.at(-1)?.mono_ns ?? 0);
		return { tabs: new Map(this.tabs), moment: Math.min(moment, newest), shown: new Map() };
	}

	private push(snapshot: Snapshot, ready: Uint8Array | undefined): void {
		const tab = this.tabs.get(snapshot.tab);
		// Whatever its rows are grouped by: the keys of rows differ between groups, and what charts draw is of all of them.
		const history = tab?.history.slice(-(this.options.snapshots - 1)) ?? [];
		const packed = tab?.packed.slice(-(this.options.snapshots - 1)) ?? [];
		const before = history.at(-1);
		if (before) {
			packed[packed.length - 1] ??= pack(before);
			// many rows would go at once
			history[history.length - 1] = rowCount(before) > this.options.rows ? withoutRows(before) : withoutLists(before);
		}
		history.push(snapshot);
		packed.push(ready);
		this.trim(history, packed);
		this.lastFailure = null;
		this.set(snapshot.tab, { status: { kind: 'live' }, history, packed, came: this.options.now() }, this.view !== null);
	}

	/** Rows and packed snapshots beyond the limits go, the oldest first; the newest snapshot stays whatever its size. */
	private trim(history: Snapshot[], packed: (Uint8Array | null | undefined)[]): void {
		let rows = 0;
		let bytes = 0;
		for (let i = history.length - 1; i >= 0; i--) {
			const entry = history[i] as Snapshot;
			const count = rowCount(entry);
			rows += count;
			bytes += packed[i]?.byteLength ?? 0;
			if (i === history.length - 1) continue;
			if (rows > this.options.rows && count > 0) history[i] = withoutRows(entry);
			if (bytes > this.options.packedBytes) packed[i] = null;
		}
	}

	private set(id: string, change: Partial<Tab>, silent = false): void {
		const tab = this.tabs.get(id) ?? { status: attaching, history: none, packed: [], came: 0 };
		this.tabs.set(id, { ...tab, ...change });
		if (!silent) this.changed();
	}

	private changed(): void {
		this.changes++;
		for (const listener of this.listeners) listener();
	}
}

/** The snapshots up to the one nearest to `moment`; that one whole, as long as it is kept. */
function until(tab: Tab | undefined, moment: Ns): readonly Snapshot[] {
	const history = tab?.history ?? none;
	const index = nearest(history, moment);
	if (index === history.length - 1) return history;
	const packed = tab?.packed[index];
	const snapshots = history.slice(0, index + 1);
	return packed ? [...snapshots.slice(0, -1), unpack(packed)] : snapshots;
}
