/**
 * The store of a recording on disk: snapshots are read as the user travels, so that a day takes no more memory than an hour.
 * The moment is the same for all tabs; the snapshots before it, for charts, are read afterwards, a few at a time.
 */

import { systemReason } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { rowCount, withoutLists, withoutRows } from '../history/archive.ts';
import type { Moment } from '../history/moments.ts';
import { type Mark, Store } from '../history/store.ts';
import { firstIndex } from '../lib/bisect.ts';
import type { Ns } from '../lib/units.ts';
import { type Archive, isBefore, nearest, type Place } from './archive.ts';

/** Snapshots before the moment, for charts. */
const BEFORE = 240;
/** Rows of all of them, as in the live store. */
const ROWS = 15_000;
/** Time that reading them takes from the screen at once, ms. */
const SLICE = 12;
/** Decoded snapshots kept for charts, all tabs together. */
const KEPT = 2000;

interface Shown {
	place: Place;
	snapshot: Snapshot;
	/** undefined: nobody has asked for the snapshots before it. */
	snapshots: readonly Snapshot[] | undefined;
}

export class ArchiveStore extends Store {
	private readonly archive: Archive;
	/** The moment shown; undefined: the newest. */
	private moment: Place | undefined;
	/** The newest one at the last change: the moment is that one until new ones come. */
	private readonly following: boolean;
	private readonly shown = new Map<string, Shown>();
	/** Without lists, by frame. The one read longest ago goes first. */
	private readonly decoded = new Map<Place, Snapshot>();
	/** Frames that cannot be shown, with the reason. */
	private readonly damaged = new Set<Place>();
	/** Reports the first frame that cannot be shown. */
	onDamage: ((text: string) => void) | undefined;
	private filling = false;

	/** @param following more frames will come */
	constructor(archive: Archive, following: boolean) {
		super();
		this.archive = archive;
		this.following = following;
		for (const id of archive.recorded()) this.apply({ kind: 'live', tab: id });
	}

	/** New frames are there. */
	grown(): void {
		for (const id of this.archive.recorded())
			if (this.status(id).kind !== 'live') this.apply({ kind: 'live', tab: id });
		if (this.moment === undefined) this.show();
		else this.changed();
	}

	override get paused(): boolean {
		return !this.following || this.moment !== undefined;
	}

	override age(): number | null {
		return null;
	}

	override behind(tab: string): Ns {
		return this.paused ? this.since(tab, this.shown.get(tab)?.place ?? this.placeOf(tab)) : 0;
	}

	override reach(tab: string): Ns {
		return this.since(tab, this.archive.of(tab)[0]);
	}

	/** Time from a frame to the newest one. */
	private since(tab: string, place: Place | undefined): Ns {
		const newest = this.archive.of(tab).at(-1);
		if (!newest || !place) return 0;
		const { boot } = newest.segment.segment.about;
		if (boot === place.segment.segment.about.boot) return Math.max(0, newest.mono_ns - place.mono_ns);
		// monotonic clocks of two boots have nothing in common
		return Math.max(0, (newest.wall - place.wall) * 1e6);
	}

	override history(tab: string): readonly Snapshot[] {
		const shown = this.shownOf(tab);
		if (!shown) return none;
		if (!shown.snapshots) {
			shown.snapshots = this.withBefore(tab, shown);
			this.fill();
		}
		return shown.snapshots;
	}

	override current(tab: string): Snapshot | undefined {
		return this.shownOf(tab)?.snapshot;
	}

	override setPaused(paused: boolean): void {
		this.show(paused ? this.newest() : undefined);
	}

	override freeze(): void {
		this.show();
	}

	override travel(tab: string, steps: number): void {
		const places = this.archive.of(tab);
		if (places.length === 0) return;
		const from = this.indexOf(tab);
		const to = Math.min(places.length - 1, Math.max(0, from + steps));
		this.show(to === places.length - 1 && steps > 0 ? undefined : places[to]);
	}

	override moments(): readonly Moment[] {
		return this.archive.moments();
	}

	override eventMoments(): readonly Moment[] {
		return this.archive.eventMoments();
	}

	override marks(): readonly Mark[] {
		return this.archive.marks;
	}

	override shownAt(): number | null {
		return (this.moment ?? this.newest())?.wall ?? null;
	}

	override get hasAxis(): boolean {
		return true;
	}

	override goTo(wall: number): void {
		const tab = this.axisTab();
		const places = tab === undefined ? [] : this.archive.of(tab);
		const place = nearest(places, wall);
		if (place) this.show(place);
	}

	override *recorded(): Generator<Snapshot> {
		for (const place of this.archive.all()) {
			const snapshot = this.whole(place);
			if (snapshot) yield snapshot;
		}
	}

	private show(moment?: Place): void {
		this.moment = moment;
		this.shown.clear();
		this.changed();
	}

	private axisTab(): string | undefined {
		const recorded = this.archive.recorded();
		return recorded.includes('overview') ? 'overview' : recorded[0];
	}

	private newest(): Place | undefined {
		const last = this.archive.recorded().map((id) => this.archive.of(id).at(-1) as Place);
		return last.reduce<Place | undefined>((best, place) => (!best || isBefore(best, place) ? place : best), undefined);
	}

	/** Index of the frame of a tab that belongs to the moment; -1: it has none. */
	private indexOf(tab: string): number {
		const places = this.archive.of(tab);
		const { moment } = this;
		if (!moment) return places.length - 1;
		const next = firstIndex(places.length, (index) => !isEarlier(places[index] as Place, moment));
		// the one before may be nearer
		const [before, after] = [places[next - 1], places[next]];
		if (!before || !after) return before ? next - 1 : after ? next : -1;
		return Math.abs(before.wall - moment.wall) < Math.abs(after.wall - moment.wall) ? next - 1 : next;
	}

	private shownOf(tab: string): Shown | undefined {
		const known = this.shown.get(tab);
		if (known) return known;
		const place = this.placeOf(tab);
		const snapshot = place && this.whole(place);
		if (!place || !snapshot) return undefined;
		const shown = { place, snapshot, snapshots: undefined };
		this.shown.set(tab, shown);
		return shown;
	}

	private placeOf(tab: string): Place | undefined {
		return this.archive.of(tab)[this.indexOf(tab)];
	}

	/** undefined: it is damaged. */
	private whole(place: Place): Snapshot | undefined {
		if (this.damaged.has(place)) return undefined;
		try {
			return this.archive.snapshot(place);
		} catch (error) {
			this.damaged.add(place);
			this.onDamage?.(systemReason(error));
			return undefined;
		}
	}

	/** The snapshots before a frame, as many as are decoded without a gap, and itself. */
	private withBefore(tab: string, { place, snapshot }: Shown): readonly Snapshot[] {
		const places = this.archive.of(tab);
		const before: Snapshot[] = [];
		let rows = rowCount(snapshot);
		for (let at = places.indexOf(place) - 1; at >= 0 && before.length < BEFORE; at--) {
			const earlier = this.decoded.get(places[at] as Place);
			if (!earlier) {
				if (this.damaged.has(places[at] as Place)) continue;
				break;
			}
			rows += rowCount(earlier);
			before.push(rows > ROWS ? withoutRows(earlier) : earlier);
		}
		return [...before.reverse(), snapshot];
	}

	/** Decode what charts need, in the pauses of the screen. */
	private fill(): void {
		if (this.filling) return;
		this.filling = true;
		setImmediate(() => {
			this.filling = false;
			const until = performance.now() + SLICE;
			let added = false;
			let rest = false;
			for (const [tab, { place, snapshots }] of this.shown) {
				if (!snapshots) continue;
				for (const wanted of this.missing(tab, place)) {
					if (performance.now() > until) {
						rest = true;
						break;
					}
					const snapshot = this.whole(wanted);
					if (!snapshot) continue;
					this.decoded.set(wanted, withoutLists(snapshot));
					added = true;
				}
			}
			if (rest) return this.fill();
			if (!added) return;
			while (this.decoded.size > KEPT) this.decoded.delete(this.decoded.keys().next().value as Place);
			for (const [tab, shown] of this.shown) if (shown.snapshots) shown.snapshots = this.withBefore(tab, shown);
			this.changed();
		});
	}

	private *missing(tab: string, place: Place): Generator<Place> {
		const places = this.archive.of(tab);
		const at = places.indexOf(place);
		for (let index = at - 1; index >= Math.max(0, at - BEFORE); index--) {
			const earlier = places[index] as Place;
			if (!this.decoded.has(earlier) && !this.damaged.has(earlier)) yield earlier;
		}
	}
}

const none: readonly Snapshot[] = [];

/** Frames of one interval are of one moment, in whatever order they were written. */
function isEarlier(a: Place, b: Place): boolean {
	return a.segment.order === b.segment.order ? a.mono_ns < b.mono_ns : a.segment.order < b.segment.order;
}
