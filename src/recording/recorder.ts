/**
 * Snapshots to segments in a folder. Never blocks who measures: a bounded queue lies between, and what does not fit is
 * counted. A full disk costs the oldest own segment once; where that is not enough, nothing is written until there is room.
 */
import { systemReason } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { MomentReader } from '../history/moments.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';
import { toText } from './columns-text.ts';
import type { Folder, Tier } from './folder.ts';
import { segmentName } from './folder.ts';
import { KINDS } from './frame.ts';
import { expired, type Limits } from './retention.ts';
import type { SegmentAbout } from './segment.ts';
import { type Addition, SegmentWriter } from './segment-writer.ts';

/** Intervals that wait for the disk at most. */
const QUEUE = 10;
/** A segment ends after this time or this length, whatever comes first. */
const SEGMENT_MS = 300_000;
const SEGMENT_BYTES: Bytes = 16 * 2 ** 20;
/** Of merged ones, which are written a tenth as often. */
const LOW_SEGMENT_MS = 3_600_000;
/** Between two tries where the disk was full, ms. */
const RETRY_MS = 10_000;
/** Free bytes from which a try is worth it, beside those that shall stay free. */
const WORTH: Bytes = 2 * 2 ** 20;

export interface RecorderOptions {
	folder: Folder;
	about: Omit<SegmentAbout, 'over' | 'tabs' | 'schemas'>;
	/** Ids of the tabs that may come. */
	tabs: readonly string[];
	limits: Limits;
	/** Makes merged snapshots of what passes; undefined: none are kept. */
	merge?: ((snapshot: Snapshot) => Snapshot[]) | undefined;
	/** What is left of it at the end. */
	mergeRest?: (() => Snapshot[]) | undefined;
	/** Wall clock, ms. */
	now?: () => number;
	/** A line for the user. */
	say(line: string): void;
	segmentMs?: number;
	segmentBytes?: Bytes;
	retryMs?: number;
}

export interface RecorderState {
	/** Frames that are in the files, and the bytes of the segments written since the start. */
	frames: Count;
	bytes: Bytes;
	/** Frames that are in no file. */
	lost: Count;
	/** Why nothing is written now; undefined: it is. */
	stopped: string | undefined;
	/** Writing has failed at least once. */
	failed: boolean;
}

interface Job {
	tier: Tier;
	additions: Addition[];
	wall: number;
	mono_ns: Ns;
	/** Time that the machine slept before it, which the monotonic clock did not count. */
	suspended_ns: Ns;
}

interface Active {
	writer: SegmentWriter;
	/** Monotonic, ms. */
	since: number;
	written: Bytes;
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

export class Recorder {
	private readonly options: RecorderOptions;
	private readonly now: () => number;
	private readonly queue: Job[] = [];
	private readonly active = new Map<Tier, Active>();
	private readonly numbers: Record<Tier, number>;
	private readonly state: RecorderState = { frames: 0, bytes: 0, lost: 0, stopped: undefined, failed: false };
	private readonly moments: Record<Tier, MomentReader> = { seg: new MomentReader(), low: new MomentReader() };
	private working: Promise<void> | undefined;
	/** Monotonic, ms: no try before. */
	private retryAt = 0;
	private lastWall = Number.NaN;
	private lastMono: Ns = 0;

	constructor(options: RecorderOptions) {
		this.options = options;
		this.now = options.now ?? Date.now;
		const last = (tier: Tier) =>
			options.folder
				.segments()
				.filter((one) => one.tier === tier)
				.reduce((most, { number }) => Math.max(most, number), 0);
		this.numbers = { seg: last('seg'), low: last('low') };
	}

	/** What became of everything so far. */
	get status(): Readonly<RecorderState> {
		return { ...this.state };
	}

	/** All snapshots of one interval, in the order in which they came. */
	add(snapshots: readonly Snapshot[]): void {
		if (snapshots.length === 0) return;
		const { lost } = this.state;
		// known losses are in what is recorded, as those of the tracers are
		const marked =
			lost === 0 ? snapshots : snapshots.map((one) => ({ ...one, lost: { ...one.lost, recording: lost } }));
		this.enqueue('seg', marked);
		const merged = this.options.merge ? marked.flatMap(this.options.merge) : [];
		if (merged.length > 0) this.enqueue('low', merged);
	}

	/** Resolves when nothing is queued. */
	async idle(): Promise<void> {
		await this.working;
	}

	/** Resolves when everything that is queued is on the disk, or lost. */
	async close(): Promise<void> {
		await this.working;
		const rest = this.options.mergeRest?.() ?? [];
		if (rest.length > 0) this.enqueue('low', rest);
		await this.working;
		for (const { writer } of this.active.values()) {
			await writer.close().catch((error: Error) => this.fail(error, 0));
		}
		this.active.clear();
		await this.options.folder.sync().catch(() => {});
	}

	private enqueue(tier: Tier, snapshots: readonly Snapshot[]): void {
		if (this.queue.filter((job) => job.tier === tier).length >= QUEUE || this.isStopped()) {
			this.state.lost += snapshots.length;
			return;
		}
		const { tabs } = this.options;
		const additions = snapshots.flatMap((snapshot): Addition[] => {
			const tab = tabs.indexOf(snapshot.tab);
			if (tab < 0) return [];
			const facts = { ...this.moments[tier].of(snapshot), kind: KINDS.snapshot, tab, mono_ns: snapshot.mono_ns };
			return [{ facts, payload: toText(snapshot) }];
		});
		const first = additions[0];
		if (!first) return;
		const { wall, mono_ns } = first.facts;
		const suspended_ns = snapshots[0]?.gap?.suspended_ns ?? 0;
		this.queue.push({ tier, additions, wall, mono_ns, suspended_ns });
		this.working ??= this.work();
	}

	private isStopped(): boolean {
		return this.state.stopped !== undefined && performance.now() < this.retryAt;
	}

	/** Write what is queued, one job after the other. */
	private async work(): Promise<void> {
		for (let job = this.queue[0]; job; job = this.queue[0]) {
			try {
				await this.write(job);
				this.state.frames += job.additions.length;
				if (this.state.stopped !== undefined) this.options.say('recording again: there is room');
				this.state.stopped = undefined;
			} catch (error) {
				this.fail(error as Error, job.additions.length);
			}
			this.queue.shift();
		}
		this.working = undefined;
	}

	private async write(job: Job): Promise<void> {
		try {
			await this.put(job);
		} catch (error) {
			if (!isFull(error) || this.state.stopped !== undefined) throw error;
			// once: what is recorded now is worth more than the oldest of it
			const active = [...this.active.values()].map(({ writer }) => writer.name);
			const oldest = this.options.folder.segments().find(({ name, tier }) => tier === 'seg' && !active.includes(name));
			if (!oldest) throw error;
			this.options.folder.remove(oldest.name);
			await this.put(job);
		}
	}

	private async put({ tier, additions, wall, mono_ns, suspended_ns }: Job): Promise<void> {
		let active = this.active.get(tier);
		if (active && this.isOver(tier, active)) {
			this.active.delete(tier);
			await active.writer.close();
			active = undefined;
		}
		if (!active) {
			await this.retain();
			active = await this.begin(tier, wall, mono_ns);
		}
		const step = tier === 'seg' ? this.clockStep(wall, mono_ns, suspended_ns) : undefined;
		await active.writer.add(step ? [step, ...additions] : additions);
		this.state.bytes += active.writer.bytes - active.written;
		active.written = active.writer.bytes;
	}

	/** A note where the wall clock and the monotonic one disagree about what has passed since the last interval. */
	private clockStep(wall: number, mono_ns: Ns, suspended_ns: Ns): Addition | undefined {
		const by = wall - this.lastWall - (mono_ns - this.lastMono + suspended_ns) / 1e6;
		this.lastWall = wall;
		this.lastMono = mono_ns;
		// NaN: the first interval
		if (!(Math.abs(by) > 1000)) return undefined;
		const payload = Buffer.from(JSON.stringify({ note: 'clock', by_ms: Math.round(by) }));
		return { facts: { kind: KINDS.note, tab: 0, level: 0, findings: 0, busy: null, wall, mono_ns }, payload };
	}

	private isOver(tier: Tier, { writer, since }: Active): boolean {
		const { segmentMs = SEGMENT_MS, segmentBytes = SEGMENT_BYTES } = this.options;
		const most = tier === 'seg' ? segmentMs : Math.max(segmentMs, LOW_SEGMENT_MS);
		return performance.now() - since >= most || writer.bytes >= segmentBytes;
	}

	private async begin(tier: Tier, wall: number, mono_ns: Ns): Promise<Active> {
		const { folder, about, tabs } = this.options;
		const name = segmentName(tier, wall, about.boot, this.numbers[tier] + 1);
		const whole = { ...about, tabs, schemas: tabs.map(() => 1), over: this.numbers.seg } as unknown as SegmentAbout;
		const writer = await SegmentWriter.create(folder, name, whole, wall, mono_ns);
		this.numbers[tier]++;
		await folder.sync();
		const active = { writer, since: performance.now(), written: 0 };
		this.active.set(tier, active);
		return active;
	}

	/** Apply the limits. */
	private async retain(): Promise<void> {
		const { folder, limits } = this.options;
		const active = [...this.active.values()].map(({ writer }) => writer.name);
		const gone = expired(folder.segments(), active, this.now(), folder.space().free, limits);
		for (const { name } of gone) folder.remove(name);
		const { free } = folder.space();
		if (free < Math.min(limits.free, WORTH)) {
			throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
		}
	}

	private fail(error: Error, frames: Count): void {
		this.state.lost += frames;
		this.state.failed = true;
		this.retryAt = performance.now() + (this.options.retryMs ?? RETRY_MS);
		// a damaged segment is not continued
		for (const [tier, { writer }] of this.active) {
			this.active.delete(tier);
			void writer.close().catch(() => {});
		}
		const reason = systemReason(error);
		if (this.state.stopped === undefined) this.options.say(`recording stopped: ${reason}; trying again`);
		this.state.stopped = reason;
	}
}
