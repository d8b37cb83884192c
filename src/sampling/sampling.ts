/**
 * The sampling loop: starts the tracers, reads them at every tick, makes snapshots. It runs in a worker thread, knows
 * neither screen nor batch, and tells everything through one callback.
 */

import { Unavailable } from '../core/errors.ts';
import type { SamplerEvent } from '../core/sampler.ts';
import type { Cost, Snapshot } from '../core/snapshot.ts';
import type { BpfCost, Host, Options, Session, Tick, Tracer } from '../core/tracer.ts';
import { safe, sanitize } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { type ProcessFacts, ProcFacts } from '../rows/grouping/facts.ts';
import { regroup } from '../rows/grouping/regroup.ts';
import { Gaps } from './gaps.ts';
import { KernelMemory } from './kernel-memory.ts';
import { Restarts } from './restarts.ts';

export interface SamplingOptions {
	/** Tracers to run, in the order in which they are started, those made of others after them; the first one is looked at. */
	tracers: readonly Tracer<object, object>[];
	host: Host;
	/** Length of an interval, seconds. */
	delay: number;
	/** Length of the first interval, so that a screen fills soon; seconds. */
	firstDelay: number;
	/** Group by tracer id; a tracer not named uses its own default. */
	groups: Record<string, string>;
	sections: Record<string, Options>;
	/** Ids of tracers that are not to run. */
	without?: readonly string[];
	/** How long a tracer on demand runs on after its tab was left, seconds. */
	linger?: number;
	/** Seconds since boot, sleep included. */
	uptime?: () => number;
	emit(event: SamplerEvent): void;
}

/**
 * The kernel's run statistics cost about as much as our programs themselves, so they are on for the last part of an
 * interval only, and what they show is scaled up to the whole. Seconds.
 */
const COST_WINDOW = 0.1;
/** No more than this part of an interval. */
const COST_WINDOW_SHARE = 0.2;
/** Going back and forth between tabs does not load programs each time. Seconds. */
const LINGER = 60;

interface Running {
	tracer: Tracer<object, object>;
	session: Session<object, object>;
	/** CLOCK_MONOTONIC of the previous read. */
	readAt: Ns;
	/** BPF cost when the statistics window opened; undefined: it has not. */
	windowCost: BpfCost | undefined;
}

/** CLOCK_MONOTONIC, as BPF programs see it. */
function now(): Ns {
	return Number(process.hrtime.bigint());
}

function microseconds({ user, system }: NodeJS.CpuUsage): number {
	return user + system;
}

/** One sampling loop over a set of tracers. */
export class Sampling {
	private readonly options: SamplingOptions;
	private readonly running: Running[] = [];
	private readonly groups: Record<string, string>;
	private readonly sections: Record<string, Options>;
	private readonly restarts = new Restarts();
	/** The tab on the screen. */
	private activeTab: string | undefined;
	private delay: Ns;
	private deadline: Ns = 0;
	private timer: NodeJS.Timeout | undefined;
	private statistics: { close(): void } | undefined;
	private windowOpened: Ns = 0;
	/** Without privilege the kernel keeps its statistics to itself; a tracer may work all the same. */
	private measurable = true;
	private cpu = process.cpuUsage();
	private closed = false;
	private readonly facts: ProcessFacts;
	private readonly kernel: KernelMemory;
	private readonly gaps: Gaps;
	/** Tracers on demand that nobody looks at any more. */
	private readonly leaving = new Map<string, NodeJS.Timeout>();

	constructor(options: SamplingOptions) {
		this.options = options;
		this.facts = new ProcFacts(options.host.procRoot);
		this.kernel = new KernelMemory(options.host.procRoot);
		this.gaps = new Gaps(now(), options.uptime);
		this.groups = { ...options.groups };
		this.sections = { ...options.sections };
		this.activeTab = options.tracers[0]?.id;
		this.delay = options.delay * 1e9;
	}

	/** Start the tracers one after the other, yielding in between so that a close request is heard, then tick. */
	async start(): Promise<void> {
		const made = (tracer: Tracer<object, object>) => Number(tracer.from !== undefined);
		for (const tracer of [...this.options.tracers].sort((a, b) => made(a) - made(b))) {
			if (this.closed) return;
			if (this.leftOut(tracer.id)) {
				const reason = safe`left out by --without`;
				this.options.emit({ kind: 'unavailable', tab: tracer.id, reason, fix: safe`start without that option` });
			}
			if (tracer.onDemand && tracer.id !== this.activeTab) continue;
			this.startTracer(tracer);
			await new Promise((resolve) => setImmediate(resolve));
		}
		this.deadline = now() + Math.min(this.options.firstDelay * 1e9, this.delay);
		this.schedule();
	}

	setDelay(seconds: number): void {
		this.delay = seconds * 1e9;
		this.deadline = now() + this.delay;
		this.schedule();
	}

	/** Takes effect at the next read. */
	setGroup(tab: string, group: string): void {
		this.groups[tab] = group;
	}

	/** Takes effect at once; a refusal ends that tab, as at its start. */
	tune(tab: string, changes: Options): void {
		this.sections[tab] = { ...this.sections[tab], ...changes };
		const entry = this.running.find(({ tracer }) => tracer.id === tab);
		try {
			entry?.session.tune?.(changes);
			this.kernel.changed();
		} catch (error) {
			this.running.splice(this.running.indexOf(entry as Running), 1);
			entry?.session.close();
			this.giveUp(tab, error);
		}
	}

	/** This tab is on the screen from now on: tracers on demand are started and, later, stopped. */
	setActiveTab(tab: string): void {
		this.activeTab = tab;
		clearTimeout(this.leaving.get(tab));
		this.leaving.delete(tab);
		for (const { tracer } of this.running) {
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

	close(): void {
		this.closed = true;
		clearTimeout(this.timer);
		for (const timer of this.leaving.values()) clearTimeout(timer);
		this.restarts.close();
		this.closeWindow();
		for (const { session } of this.running.splice(0)) session.close();
	}

	private startTracer(tracer: Tracer<object, object>): void {
		if (this.closed || this.leftOut(tracer.id) || this.running.some((entry) => entry.tracer === tracer)) return;
		this.options.emit({ kind: 'attaching', tab: tracer.id });
		const again = this.restarts.start(tracer.id, now());
		try {
			const session = tracer.start(this.options.host, this.sections[tracer.id] ?? {}, this.groups[tracer.id]);
			// the first interval of what is made of others begins with theirs
			const readAt = tracer.from ? Math.min(now(), ...this.running.map((entry) => entry.readAt)) : now();
			// those made of others stay behind them
			const from = tracer.from ? -1 : this.running.findIndex((entry) => entry.tracer.from);
			const place = from < 0 ? this.running.length : from;
			this.running.splice(place, 0, { tracer, session, readAt, windowCost: undefined });
			this.kernel.changed();
			this.options.emit({ kind: 'live', tab: tracer.id });
		} catch (error) {
			// what has worked before may work again
			this.giveUp(tracer.id, error, again ? tracer : undefined);
		}
	}

	private leftOut(id: string): boolean {
		return this.options.without?.includes(id) ?? false;
	}

	private stopTracer(tab: string): void {
		this.leaving.delete(tab);
		const index = this.running.findIndex(({ tracer }) => tracer.id === tab);
		for (const { session } of index < 0 ? [] : this.running.splice(index, 1)) session.close();
		this.kernel.changed();
	}

	/** For good, or until `again` is started again. */
	private giveUp(tab: string, error: unknown, again?: Tracer<object, object>): void {
		const known = error instanceof Unavailable;
		const reason = sanitize(known ? error.message : `${tab} failed: ${(error as Error).message}`);
		const fix = sanitize(known ? error.fix : 'please report this with the output of: wattlag --batch --json');
		if (!again || this.closed) {
			this.options.emit({ kind: 'unavailable', tab, reason, fix });
			return;
		}
		const { seconds, restarts } = this.restarts.schedule(tab, now(), () => {
			// one on demand that nobody looks at any more is started when somebody does
			if (!again.onDemand || this.activeTab === tab) this.startTracer(again);
		});
		const before = restarts === 0 ? '' : `, restarted ${restarts === 1 ? 'once' : `${restarts} times`}`;
		const next = sanitize(`next try in ${seconds} s${before}; ${fix}`);
		this.options.emit({ kind: 'unavailable', tab, reason, fix: next, retry_s: seconds });
	}

	/** The next thing to do: open the statistics window, or read. */
	private schedule(): void {
		clearTimeout(this.timer);
		if (this.closed) return;
		const window = Math.min(COST_WINDOW * 1e9, this.delay * COST_WINDOW_SHARE);
		const opening = this.statistics === undefined && this.measurable;
		const due = opening ? this.deadline - window : this.deadline;
		this.timer = setTimeout(() => (opening ? this.openWindow() : this.tick()), Math.max(0, (due - now()) / 1e6));
	}

	private openWindow(): void {
		if (this.running.length > 0) {
			try {
				this.statistics = this.options.host.addon.enableStats();
				this.windowOpened = now();
				for (const entry of this.running) entry.windowCost = entry.session.cost();
			} catch {
				this.measurable = false;
			}
		}
		if (this.statistics || !this.measurable) this.schedule();
		else this.tick();
	}

	private closeWindow(): void {
		this.statistics?.close();
		this.statistics = undefined;
	}

	private tick(): void {
		const gap = this.gaps.at(now(), this.deadline, this.delay);
		// cost first: the reads below run our own iterator programs, whose time is in cpu_ns already
		const costs = this.running.map(({ session }) => session.cost());
		const windowLength = this.statistics ? now() - this.windowOpened : 0;
		this.closeWindow();
		const cpuBefore = this.cpu;
		this.cpu = process.cpuUsage();
		const cpu_ns = (microseconds(this.cpu) - microseconds(cpuBefore)) * 1000;
		const own = { cpu_ns, rss_bytes: process.memoryUsage.rss(), kernel_bytes: this.kernel.read(now()) };

		const tick = new Map<string, Snapshot>();
		const joined = this.running.some(({ tracer }) => tracer.from);
		for (const [index, entry] of [...this.running].entries()) {
			try {
				const read = this.read(entry, costs[index] as BpfCost, windowLength, own, tick);
				const snapshot = { ...read.snapshot, ...(gap && { gap }) };
				if (joined) tick.set(snapshot.tab, { ...snapshot, ...read.ungrouped() });
				this.options.emit({ kind: 'snapshot', snapshot });
			} catch (error) {
				entry.session.close();
				this.running.splice(this.running.indexOf(entry), 1);
				this.giveUp(entry.tracer.id, error, entry.tracer);
			}
		}
		// keep the beat, but skip beats that were missed (a stopped process, a suspended machine)
		this.deadline = Math.max(this.deadline + this.delay, now() + this.delay / 2);
		this.schedule();
	}

	private read(
		entry: Running,
		cost: BpfCost,
		windowLength: Ns,
		own: Pick<Cost, 'cpu_ns' | 'rss_bytes' | 'kernel_bytes'>,
		tick: Tick,
	): { snapshot: Snapshot; ungrouped(): Pick<Snapshot, 'group' | 'rows'> } {
		const { tracer, session, windowCost } = entry;
		const first = tracer.groups[0] as string;
		const group = this.groups[tracer.id] ?? first;
		// what is made of others is of their interval, however long their reading took
		const at = Math.min(now(), ...(tracer.from ? [...tick.values()].map(({ mono_ns }) => mono_ns) : []));
		const dt_ns = at - entry.readAt;
		const derived = tracer.fold?.groups.find((one) => one === group);
		const measured = derived ? 'process' : group;
		const reading = session.read(dt_ns, measured, tick);
		entry.readAt = at;
		const scale = windowCost && windowLength > 0 ? dt_ns / windowLength : 0;
		const rows =
			derived && tracer.fold && tracer.processOf
				? regroup(reading.rows, derived, tracer.fold, tracer.processOf, this.facts)
				: reading.rows;
		const snapshot: Snapshot = {
			schema: 1,
			tab: tracer.id,
			time: new Date().toISOString(),
			mono_ns: at,
			dt_ns,
			group,
			source: reading.source,
			lost: { ...reading.lost, recursion: cost.recursionMisses },
			cost: {
				...(tracer.from
					? costOf(tick)
					: {
							bpf_ns: windowCost ? Math.round((cost.ns - windowCost.ns) * scale) : 0,
							bpf_runs: windowCost ? Math.round((cost.runs - windowCost.runs) * scale) : 0,
						}),
				bpf_measured_ns: windowCost ? windowLength : 0,
				...own,
			},
			...reading.extra,
			rows,
		};
		return {
			snapshot,
			ungrouped() {
				if (measured === first) return { group: first, rows: reading.rows };
				return reading.ungrouped ? { group: first, rows: reading.ungrouped() } : { group, rows };
			},
		};
	}
}

/** What is made of other tabs costs what they cost. */
function costOf(tick: Tick): Pick<Snapshot['cost'], 'bpf_ns' | 'bpf_runs'> {
	const costs = [...tick.values()].map(({ cost }) => cost);
	return {
		bpf_ns: costs.reduce((sum, cost) => sum + cost.bpf_ns, 0),
		bpf_runs: costs.reduce((sum, cost) => sum + cost.bpf_runs, 0),
	};
}
