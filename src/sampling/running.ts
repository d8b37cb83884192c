/** The tracers that run: started, stopped, tuned, given up and restarted. An error of one never affects another. */
import { debug } from '../core/debug-log.ts';
import { Unavailable, WrongValue } from '../core/errors.ts';
import type { SamplerEvent } from '../core/sampler.ts';
import type { Host, Options, Session, Tracer } from '../core/tracer.ts';
import { monotonicNs } from '../lib/clock.ts';
import { safe, sanitize } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { Restarts } from './restarts.ts';

export type AnyTracer = Tracer<object, object>;

export interface Running {
	tracer: AnyTracer;
	session: Session<object, object>;
	/** CLOCK_MONOTONIC of the previous read. */
	readAt: Ns;
}

export interface RunningOptions {
	/** Tracers to run, in the order of their start, those made of others last; the first one is the active tab. */
	tracers: readonly AnyTracer[];
	host: Host;
	/** Group by tracer id; the default is the tracer's first group. */
	groups: Record<string, string>;
	sections: Record<string, Options>;
	/** Ids of tracers that are not to run. */
	without?: readonly string[];
	/** Each is started when the one before has been: the time from `attaching` to `live` is its own. */
	oneByOne?: boolean;
	/** Tracers on demand run as all others do. */
	onDemand?: boolean | undefined;
	/** Time that a tracer on demand keeps running after its tab was left, seconds. */
	linger?: number;
	emit(event: SamplerEvent): void;
}

/** Switching between tabs within this time loads no programs. Seconds. */
const LINGER = 60;

export class RunningTracers {
	private readonly options: RunningOptions;
	private readonly loaded: () => void;
	private readonly entries: Running[] = [];
	/** As in the options, those made of others last. */
	private readonly order: readonly AnyTracer[];
	private readonly groups: Record<string, string>;
	private readonly sections: Record<string, Options>;
	private readonly restarts = new Restarts();
	/** Id of the tab on the screen. */
	private activeTab: string | undefined;
	/** Tracers on demand whose tab was left. */
	private readonly leaving = new Map<string, NodeJS.Timeout>();
	private closed = false;

	/** @param loaded called when programs were loaded or unloaded */
	constructor(options: RunningOptions, loaded: () => void) {
		this.options = options;
		this.loaded = loaded;
		this.groups = { ...options.groups };
		this.sections = { ...options.sections };
		this.activeTab = options.tracers[0]?.id;
		const made = (tracer: AnyTracer) => Number(tracer.from !== undefined);
		this.order = options.tracers.toSorted((a, b) => made(a) - made(b));
	}

	/** In the order of their start, which is that of reading: those made of others last. */
	all(): readonly Running[] {
		return [...this.entries];
	}

	/** The group of a tracer's rows. */
	groupOf({ id, groups }: AnyTracer): string {
		return this.groups[id] ?? (groups[0] as string);
	}

	/**
	 * Start all but those on demand. While the kernel verifies the programs of one, on a thread, the next one is started, as
	 * far as it is not made of others. Pauses, in which a request to close is handled, come where none is under way.
	 */
	async start(): Promise<void> {
		const waiting = [...this.order];
		const startNext = (): void => {
			const tracer = waiting.shift();
			if (tracer) this.startTracer(tracer, host);
		};
		const host: Host = this.options.oneByOne
			? this.options.host
			: Object.create(this.options.host, {
					meanwhile: { get: () => (waiting[0] && !waiting[0].from ? startNext : undefined) },
				});
		for (const tracer of this.order) {
			if (this.leftOut(tracer.id)) {
				const reason = safe`left out by --without`;
				this.emit({ kind: 'unavailable', tab: tracer.id, reason, fix: safe`start without that option` });
			}
			if (this.leftOut(tracer.id) || (tracer.onDemand && tracer.id !== this.activeTab && !this.options.onDemand))
				waiting.splice(waiting.indexOf(tracer), 1);
		}
		while (waiting.length > 0) {
			if (this.closed) return;
			startNext();
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	/** From the next read on. */
	setGroup(tab: string, group: string): void {
		this.groups[tab] = group;
	}

	/** At once; a refusal ends that tab, as at its start. */
	tune(tab: string, changes: Options): void {
		this.sections[tab] = { ...this.sections[tab], ...changes };
		const entry = this.entries.find(({ tracer }) => tracer.id === tab);
		if (!entry) return;
		try {
			entry.session.tune?.(changes);
			this.loaded();
		} catch (error) {
			this.remove(entry);
			this.giveUp(tab, error);
		}
	}

	/** This tab is on the screen from now on: tracers on demand are started and, later, stopped. */
	setActiveTab(tab: string): void {
		this.activeTab = tab;
		clearTimeout(this.leaving.get(tab));
		this.leaving.delete(tab);
		for (const { tracer } of this.entries) {
			const { id, onDemand } = tracer;
			if (!onDemand || id === tab || this.leaving.has(id)) continue;
			this.leaving.set(
				id,
				setTimeout(() => this.stopTracer(id), (this.options.linger ?? LINGER) * 1000),
			);
		}
		const wanted = this.options.tracers.find(({ id }) => id === tab);
		if (wanted?.onDemand && !this.restarts.waits(tab)) this.startTracer(wanted);
	}

	/** A read has failed: the tracer is restarted later. */
	fail(entry: Running, error: unknown): void {
		this.remove(entry);
		this.giveUp(entry.tracer.id, error, entry.tracer);
	}

	close(): void {
		this.closed = true;
		for (const timer of this.leaving.values()) clearTimeout(timer);
		this.restarts.close();
		for (const { session } of this.entries.splice(0)) session.close();
	}

	/** A change of a tracer's state. */
	private emit(event: Extract<SamplerEvent, { tab: string }>): void {
		debug(() => `${event.tab}: ${event.kind}${event.kind === 'unavailable' ? `: ${event.reason}; ${event.fix}` : ''}`);
		this.options.emit(event);
	}

	private startTracer(tracer: AnyTracer, host: Host = this.options.host): void {
		if (this.closed || this.leftOut(tracer.id) || this.entries.some((entry) => entry.tracer === tracer)) return;
		this.emit({ kind: 'attaching', tab: tracer.id });
		const again = this.restarts.start(tracer.id, monotonicNs());
		try {
			const session = tracer.start(host, this.sections[tracer.id] ?? {}, this.groups[tracer.id]);
			// the first interval of a tracer made of others begins with theirs
			const readAt = tracer.from
				? Math.min(monotonicNs(), ...this.entries.map((entry) => entry.readAt))
				: monotonicNs();
			const place = this.order.indexOf(tracer);
			const later = this.entries.findIndex((entry) => this.order.indexOf(entry.tracer) > place);
			this.entries.splice(later < 0 ? this.entries.length : later, 0, { tracer, session, readAt });
			this.loaded();
			this.emit({ kind: 'live', tab: tracer.id });
		} catch (error) {
			// only a tracer that has worked before may work again
			this.giveUp(tracer.id, error, again ? tracer : undefined);
		}
	}

	private leftOut(id: string): boolean {
		return this.options.without?.includes(id) ?? false;
	}

	private stopTracer(tab: string): void {
		this.leaving.delete(tab);
		const entry = this.entries.find(({ tracer }) => tracer.id === tab);
		if (entry) this.remove(entry);
		this.loaded();
	}

	private remove(entry: Running): void {
		const index = this.entries.indexOf(entry);
		if (index >= 0) this.entries.splice(index, 1);
		entry.session.close();
	}

	/** For good, or until `again` is restarted. */
	private giveUp(tab: string, error: unknown, again?: AnyTracer): void {
		const known = error instanceof Unavailable;
		const reason = sanitize(known ? error.message : `${tab} failed: ${(error as Error).message}`);
		const fix = sanitize(known ? error.fix : 'please report this with the output of: wattlag --batch --json');
		if (!again || this.closed) {
			const wrong = error instanceof WrongValue ? { wrong_value: true as const } : {};
			this.emit({ kind: 'unavailable', tab, reason, fix, ...wrong });
			return;
		}
		const { seconds, restarts } = this.restarts.schedule(tab, monotonicNs(), () => {
			// a tracer on demand whose tab was left is started when that is opened again
			if (!again.onDemand || this.activeTab === tab) this.startTracer(again);
		});
		const before = restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`;
		const next = sanitize(`next try in ${seconds} s${before}; ${fix}`);
		this.emit({ kind: 'unavailable', tab, reason, fix: next, retry_s: seconds });
	}
}
