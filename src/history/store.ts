/**
 * The last minutes of every tab, as immutable snapshots, and the moment that is shown. Independent of React; its methods
 * fit `useSyncExternalStore`.
 */

import type { SamplerEvent } from '../core/sampler.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { SafeText } from '../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';
import { columnBytes, pack, rowCount, unpack, withoutLists, withoutRows } from './archive.ts';
import { type Moment, MomentReader } from './moments.ts';

/** A moment that the user has given a name. */
export interface Mark {
	/** Wall clock, ms. */
	wall: number;
	text: SafeText;
}

/** State of a tab for the screen; `unavailable` has the reason and the remedy. */
export type TabStatus =
	| { kind: 'attaching' }
	| { kind: 'live' }
	| { kind: 'unavailable'; reason: SafeText; fix: SafeText };

/** The end of the sampling thread by an exception; `restarting`: a second one begins. */
export interface WorkerFailure {
	message: SafeText;
	restarting: boolean;
}

export interface StoreOptions {
	/** Snapshots kept per tab. */
	snapshots: number;
	/** Rows kept per tab for charts, over all its snapshots; older snapshots keep their totals and lose their rows. */
	rows: number;
	/** Bytes of the past of all tabs: limits how far back the user can travel, and how far charts of rows reach. */
	pastBytes: Bytes;
	/** A monotonic clock, ms. */
	now: () => number;
}

interface Tab {
	status: TabStatus;
	/** The newest one is complete, older ones are without distributions, the oldest without rows. */
	history: readonly Snapshot[];
	/** The same snapshots, complete; null: no longer kept, undefined: the newest, unless it arrived packed. */
	packed: readonly (Uint8Array | null | undefined)[];
	/** Arrival of the newest one, by {@link StoreOptions.now}, ms. */
	arrivedAt: number;
	/** Bytes of `packed`, and of the rows of `history` without the newest. */
	packedBytes: Bytes;
	rowBytes: Bytes;
	/** Of each snapshot of `history`, changed in place: its rows, and their bytes. The newest counts no bytes. */
	sizes: { rows: Count[]; bytes: Bytes[] };
}

/** Part of the bytes of the past that is for packed snapshots; the rest is for the rows of charts. */
const PACKED_PART = 0.625;

/** Of a tab without snapshots. */
const EMPTY: Omit<Tab, 'status' | 'sizes'> = { history: [], packed: [], arrivedAt: 0, packedBytes: 0, rowBytes: 0 };

/** The state on the screen while paused: that of the beginning of the pause, up to `moment`. */
interface Paused {
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

/** Tabs are read in one turn: the times of their intervals differ by the length of that. */
const TURN: Ns = 0.2e9;

/** The past of all tabs, bounded in snapshots, rows and bytes, and the moment that the screen shows. */
export class Store {
	private readonly options: StoreOptions;
	private readonly tabs = new Map<string, Tab>();
	private readonly listeners = new Set<() => void>();
	private pausedAt: Paused | null = null;
	private lastFailure: WorkerFailure | null = null;
	private changes = 0;
	private frozen = false;
	/** The snapshot that {@link at} was asked for last: every frame asks again. */
	private unpacked: { packed: Uint8Array; snapshot: Snapshot } | undefined;

	constructor(options: Partial<StoreOptions> = {}) {
		this.options = { snapshots: 600, rows: 15_000, pastBytes: 16 * 2 ** 20, now: () => performance.now(), ...options };
	}

	readonly subscribe = (listener: () => void): (() => void) => {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	};

	/** Increases with every visible change. */
	readonly version = (): number => this.changes;

	get paused(): boolean {
		return this.pausedAt !== null;
	}

	get failure(): WorkerFailure | null {
		return this.lastFailure;
	}

	/** Time between the moment shown and the newest snapshot of a tab, ns; 0 when live. */
	behind(tab: string): Ns {
		const newest = this.tabs.get(tab)?.history.at(-1);
		const shown = this.current(tab);
		return this.pausedAt && newest && shown ? Math.max(0, newest.mono_ns - shown.mono_ns) : 0;
	}

	/** How far back complete snapshots of a tab reach from the newest one, ns. */
	reach(tab: string): Ns {
		const { history, packed } = (this.pausedAt?.tabs ?? this.tabs).get(tab) ?? EMPTY;
		const oldest = history[packed.lastIndexOf(null) + 1];
		return oldest ? (history.at(-1) as Snapshot).mono_ns - oldest.mono_ns : 0;
	}

	/** Time since the arrival of the snapshot on the screen, s; null: there is none, or the screen is paused. */
	age(tab: string): number | null {
		const shown = this.tabs.get(tab);
		return this.pausedAt || !shown || shown.history.length === 0 ? null : (this.options.now() - shown.arrivedAt) / 1000;
	}

	status(tab: string): TabStatus {
		return this.tabs.get(tab)?.status ?? attaching;
	}

	/** Oldest first, up to the one shown, which is complete. The array is immutable. */
	history(tab: string): readonly Snapshot[] {
		if (!this.pausedAt) return this.tabs.get(tab)?.history ?? none;
		const known = this.pausedAt.shown.get(tab);
		if (known) return known;
		const shown = until(this.pausedAt.tabs.get(tab), this.pausedAt.moment);
		this.pausedAt.shown.set(tab, shown);
		return shown;
	}

	/** The snapshot on the screen. */
	current(tab: string): Snapshot | undefined {
		return this.history(tab).at(-1);
	}

	/**
	 * The snapshot of a tab whose interval has this time, up to the moment shown; with its rows as long as it is kept.
	 * undefined: no interval has it.
	 */
	at(tab: string, mono_ns: Ns): Snapshot | undefined {
		const history = this.history(tab);
		const index = history.findIndex((snapshot) => snapshot.mono_ns >= mono_ns);
		const found = history[index];
		if (!found || mono_ns < found.mono_ns - found.dt_ns - TURN) return undefined;
		const packed = (this.pausedAt?.tabs ?? this.tabs).get(tab)?.packed[index];
		if (!packed || found.rows.length > 0) return found;
		if (this.unpacked?.packed !== packed) this.unpacked = { packed, snapshot: unpack(packed) };
		return this.unpacked.snapshot;
	}

	/** The moments that {@link goTo} leads to, in the order of time. */
	moments(): readonly Moment[] {
		const shown = [...this.tabs.values()].find(({ history }) => history.length > 0);
		return momentsOf(this.tabs.get('overview') ?? shown);
	}

	/** Intervals with events that are worth knowing, in the order of time. */
	eventMoments(): readonly Moment[] {
		return momentsOf(this.tabs.get('events')).filter(({ findings }) => findings > 0);
	}

	/** Moments with a name. */
	marks(): readonly Mark[] {
		return [];
	}

	/** Wall clock of the moment shown, ms; null: there is none. */
	shownAt(): number | null {
		const times = [...this.tabs.keys()].map((id) => Date.parse(this.current(id)?.time ?? ''));
		return times.find(Number.isFinite) ?? null;
	}

	/** The past is long enough for a time axis of its own on the screen. */
	get hasAxis(): boolean {
		return false;
	}

	/** Pause at the moment nearest to this time. Wall clock, ms. */
	goTo(wall: number): void {
		const tabs = this.pausedAt?.tabs ?? new Map(this.tabs);
		const all = [...tabs.values()].flatMap(({ history }) => history);
		let best: Snapshot | undefined;
		for (const snapshot of all)
			if (!best || Math.abs(Date.parse(snapshot.time) - wall) < Math.abs(Date.parse(best.time) - wall)) best = snapshot;
		if (!best) return;
		this.pausedAt = { tabs, moment: best.mono_ns, shown: new Map() };
		this.changed();
	}

	/** Sampling continues while paused, without being shown. */
	setPaused(paused: boolean): void {
		if (paused === this.paused && !this.frozen) return;
		this.pausedAt = paused || this.frozen ? this.pauseAt(Number.POSITIVE_INFINITY) : null;
		this.changed();
	}

	/** No snapshots will follow: stay paused, at the newest one first. */
	freeze(): void {
		this.frozen = true;
		this.setPaused(true);
	}

	/** All complete snapshots of all tabs, oldest first; without those that arrive later. */
	*recorded(): Generator<Snapshot> {
		const kept = [...this.tabs.values()].flatMap(({ history, packed }) =>
			history.flatMap((snapshot, index) => (packed[index] === null ? [] : [{ snapshot, packed: packed[index] }])),
		);
		kept.sort((a, b) => a.snapshot.mono_ns - b.snapshot.mono_ns);
		for (const { snapshot, packed } of kept) yield packed ? unpack(packed) : snapshot;
	}

	/** Pause, and go `steps` snapshots of this tab back (negative) or forward, as far as complete ones are kept. */
	travel(tab: string, steps: number): void {
		// forward steps may reach snapshots that arrived since the pause began
		const tabs = !this.pausedAt || steps > 0 ? new Map(this.tabs) : this.pausedAt.tabs;
		const { history, packed }: Pick<Tab, 'history' | 'packed'> = tabs.get(tab) ?? { history: none, packed: [] };
		if (history.length === 0) return;
		const from = this.pausedAt ? nearest(history, this.pausedAt.moment) : history.length - 1;
		const oldest = packed.lastIndexOf(null) + 1;
		const to = Math.min(history.length - 1, Math.max(oldest, from + steps));
		this.pausedAt = { tabs, moment: (history[to] as Snapshot).mono_ns, shown: new Map() };
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

	private pauseAt(moment: Ns): Paused {
		let newest = 0;
		for (const { history } of this.tabs.values()) newest = Math.max(newest, history.at(-1)?.mono_ns ?? 0);
		return { tabs: new Map(this.tabs), moment: Math.min(moment, newest), shown: new Map() };
	}

	private push(snapshot: Snapshot, ready: Uint8Array | undefined): void {
		const tab = this.tabs.get(snapshot.tab);
		const { snapshots, rows: limit } = this.options;
		// independent of the group of its rows: keys of rows differ between groups, and charts draw all of them
		const history = tab?.history.slice(-(snapshots - 1)) ?? [];
		const packed = tab?.packed.slice(-(snapshots - 1)) ?? [];
		const sizes = tab?.sizes ?? { rows: [], bytes: [] };
		let { packedBytes, rowBytes } = tab ?? EMPTY;
		if (tab && history.length < tab.history.length) {
			packedBytes -= tab.packed[0]?.byteLength ?? 0;
			rowBytes -= sizes.bytes.shift() as Bytes;
			sizes.rows.shift();
		}
		const last = history.length - 1;
		const before = history[last];
		if (before) {
			if (packed[last] === undefined) {
				packed[last] = pack(before);
				packedBytes += (packed[last] as Uint8Array).byteLength;
			}
			// so many rows would be dropped at once anyway
			const many = (sizes.rows[last] as Count) > limit;
			const aged = (many ? withoutRows : withoutLists)(before, history[last - 1]);
			history[last] = aged;
			if (many) sizes.rows[last] = 0;
			sizes.bytes[last] = columnBytes(aged);
			rowBytes += sizes.bytes[last] as Bytes;
		}
		history.push(snapshot);
		packed.push(ready);
		packedBytes += ready?.byteLength ?? 0;
		sizes.rows.push(rowCount(snapshot));
		sizes.bytes.push(0);
		rowBytes -= this.dropRows(history, sizes);
		this.lastFailure = null;
		this.set(
			snapshot.tab,
			{
				...{ status: { kind: 'live' }, history, packed, arrivedAt: this.options.now() },
				...{ packedBytes, rowBytes, sizes },
			},
			true,
		);
		this.bound();
		if (this.pausedAt === null) this.changed();
	}

	/** Drop rows beyond their number, the oldest first; the newest snapshot keeps any number. Returns their bytes. */
	private dropRows(history: Snapshot[], { rows, bytes }: Tab['sizes']): Bytes {
		let sum = 0;
		let dropped = 0;
		for (let i = history.length - 1; i >= 0; i--) {
			const count = rows[i] as Count;
			sum += count;
			if (i === history.length - 1 || sum <= this.options.rows || count === 0) continue;
			history[i] = withoutRows(history[i] as Snapshot);
			dropped += bytes[i] as Bytes;
			rows[i] = 0;
			bytes[i] = 0;
		}
		return dropped;
	}

	/** Drop the oldest of all tabs beyond the bytes of the past; the newest snapshot of a tab stays at any size. */
	private bound(): void {
		const packed = this.options.pastBytes * PACKED_PART;
		while (this.sum('packedBytes') > packed && this.dropOldest('packed'));
		while (this.sum('rowBytes') > this.options.pastBytes - packed && this.dropOldest('rows'));
	}

	private sum(figure: 'packedBytes' | 'rowBytes'): Bytes {
		let sum = 0;
		for (const tab of this.tabs.values()) sum += tab[figure];
		return sum;
	}

	/** false: there is none. */
	private dropOldest(what: 'packed' | 'rows'): boolean {
		let oldest: { id: string; tab: Tab; index: number; at: Ns } | undefined;
		for (const [id, tab] of this.tabs) {
			const index = oldestOf(tab, what);
			if (index === undefined) continue;
			const at = (tab.history[index] as Snapshot).mono_ns;
			if (!oldest || at < oldest.at) oldest = { id, tab, index, at };
		}
		if (!oldest) return false;
		const { id, tab, index } = oldest;
		if (what === 'packed') {
			const packedBytes = tab.packedBytes - (tab.packed[index]?.byteLength ?? 0);
			this.tabs.set(id, { ...tab, packed: tab.packed.with(index, null), packedBytes });
		} else {
			const history = tab.history.with(index, withoutRows(tab.history[index] as Snapshot));
			this.tabs.set(id, { ...tab, history, rowBytes: tab.rowBytes - (tab.sizes.bytes[index] as Bytes) });
			tab.sizes.rows[index] = 0;
			tab.sizes.bytes[index] = 0;
		}
		return true;
	}

	private set(id: string, change: Partial<Tab>, silent = false): void {
		const tab = this.tabs.get(id) ?? { ...EMPTY, status: attaching, sizes: { rows: [], bytes: [] } };
		this.tabs.set(id, { ...tab, ...change });
		if (!silent) this.changed();
	}

	protected changed(): void {
		this.changes++;
		for (const listener of this.listeners) listener();
	}
}

/** Index of the oldest snapshot that is kept packed or has rows; undefined: none but the newest. */
function oldestOf({ history, packed, sizes }: Tab, what: 'packed' | 'rows'): number | undefined {
	for (let index = 0; index < history.length - 1; index++)
		if (what === 'packed' ? packed[index] : (sizes.bytes[index] as Bytes) > 0) return index;
	return undefined;
}

/** The snapshots up to the one nearest to `moment`; that one complete, as long as it is kept. */
function until(tab: Tab | undefined, moment: Ns): readonly Snapshot[] {
	const history = tab?.history ?? none;
	const index = nearest(history, moment);
	if (index === history.length - 1) return history;
	const packed = tab?.packed[index];
	const snapshots = history.slice(0, index + 1);
	return packed ? [...snapshots.slice(0, -1), unpack(packed)] : snapshots;
}

function momentsOf(tab: Tab | undefined): readonly Moment[] {
	const reader = new MomentReader();
	return tab?.history.map((snapshot) => reader.of(snapshot)) ?? [];
}
