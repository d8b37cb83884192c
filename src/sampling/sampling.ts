/**
 * The sampling loop: starts the tracers, reads them at every tick, emits snapshots. It runs in a worker thread, imports
 * neither screen nor batch, and reports through one callback.
 */

import type { CostMode } from '../core/sampler.ts';
import type { Cost, Snapshot } from '../core/snapshot.ts';
import type { BpfCost, Options, Session } from '../core/tracer.ts';
import { monotonicNs } from '../lib/clock.ts';
import type { Bytes, Ns } from '../lib/units.ts';
import { type ProcessFacts, ProcFacts } from '../rows/grouping/facts.ts';
import { Gaps } from './gaps.ts';
import { KernelMemory } from './kernel-memory.ts';
import { OwnCost } from './own-cost.ts';
import { readSnapshot } from './read-snapshot.ts';
import { type RunningOptions, RunningTracers } from './running.ts';

export interface SamplingOptions extends RunningOptions {
	/** Length of an interval, seconds. */
	delay: number;
	/** Length of the first interval, so that a screen fills soon; seconds. */
	firstDelay: number;
	/** How the cost of the BPF programs is measured. */
	ownCost?: CostMode;
	/** Seconds since boot, sleep included. */
	uptime?: () => number;
	/** All snapshots of a tick have been emitted. */
	endTick?: (() => void) | undefined;
}

/** Between two times that the kernel's rings are emptied, ms: collecting is independent of the interval that is shown. */
const DRAIN = 250;

/** Costs of the whole process in one interval. */
export type ProcessCost = Pick<Cost, 'cpu_ns' | 'rss_bytes' | 'kernel_bytes'>;

function microseconds({ user, system }: NodeJS.CpuUsage): number {
	return user + system;
}

/** Without proc the most that it was: the kernel answers that to a system call. */
function residentBytes(): Bytes {
	try {
		return process.memoryUsage.rss();
	} catch {
		return process.resourceUsage().maxRSS * 1024;
	}
}

/** One sampling loop over a set of tracers. */
export class Sampling {
	private readonly options: SamplingOptions;
	private readonly running: RunningTracers;
	private readonly ownCost: OwnCost;
	private readonly facts: ProcessFacts;
	private readonly kernel: KernelMemory;
	private readonly gaps: Gaps;
	private delay: Ns;
	private deadline: Ns = 0;
	private timer: NodeJS.Timeout | undefined;
	private drainTimer: NodeJS.Timeout | undefined;
	private cpu = process.cpuUsage();
	private closed = false;

	constructor(options: SamplingOptions) {
		const { host, uptime, delay } = options;
		this.options = options;
		this.kernel = new KernelMemory(host.procRoot);
		this.running = new RunningTracers(options, () => this.kernel.changed());
		this.ownCost = new OwnCost(host, options.ownCost);
		this.facts = new ProcFacts(host.procRoot);
		this.gaps = new Gaps(monotonicNs(), uptime);
		this.delay = delay * 1e9;
	}

	/** Start the tracers, then tick. */
	async start(): Promise<void> {
		// by a command that failed before its sampling began
		if (this.closed) return;
		// from the first tracer on: the others take their time to load
		this.drainTimer = setInterval(() => this.drain(), DRAIN);
		await this.running.start();
		if (this.closed) return;
		this.ownCost.begin(this.sessions());
		this.deadline = monotonicNs() + Math.min(this.options.firstDelay * 1e9, this.delay);
		this.schedule();
	}

	setDelay(seconds: number): void {
		this.delay = seconds * 1e9;
		this.deadline = monotonicNs() + this.delay;
		this.schedule();
	}

	/** Takes effect at the next read. */
	setGroup(tab: string, group: string): void {
		this.running.setGroup(tab, group);
	}

	/** Takes effect at once; a refusal ends that tab, as at its start. */
	tune(tab: string, changes: Options): void {
		this.running.tune(tab, changes);
	}

	/** This tab is on the screen from now on: tracers on demand are started and, later, stopped. */
	setActiveTab(tab: string): void {
		this.running.setActiveTab(tab);
	}

	close(): void {
		this.closed = true;
		clearTimeout(this.timer);
		clearInterval(this.drainTimer);
		this.ownCost.stop();
		this.running.close();
	}

	private schedule(): void {
		clearTimeout(this.timer);
		if (this.closed) return;
		this.timer = setTimeout(() => this.tick(), Math.max(0, (this.deadline - monotonicNs()) / 1e6));
	}

	private sessions(): Session<object, object>[] {
		return this.running.all().map(({ session }) => session);
	}

	private drain(): void {
		for (const entry of this.running.all()) {
			try {
				entry.session.drain?.();
			} catch (error) {
				this.running.fail(entry, error);
			}
		}
		this.ownCost.sample(this.sessions());
	}

	private tick(): void {
		const gap = this.gaps.at(monotonicNs(), this.deadline, this.delay);
		const entries = this.running.all();
		// cost first: the reads below run own iterator programs, whose time is in cpu_ns already
		const costs = new Map(entries.map(({ session }) => [session, session.cost(this.ownCost.measures)]));
		const bpfCost = this.ownCost.tick(costs);
		const own = this.processCost();
		const tick = new Map<string, Snapshot>();
		const joined = entries.some(({ tracer }) => tracer.from);
		for (const entry of entries) {
			const cost = costs.get(entry.session) as BpfCost;
			try {
				const read = readSnapshot(entry, {
					group: this.running.groupOf(entry.tracer),
					tick,
					facts: this.facts,
					recursionMisses: cost.recursionMisses,
					negative: cost.negative,
					bpfCost: (dt) => bpfCost(entry.session, dt),
					own,
				});
				const snapshot = { ...read.snapshot, ...(gap && { gap }) };
				if (joined) tick.set(snapshot.tab, { ...snapshot, ...read.ungrouped() });
				this.options.emit({ kind: 'snapshot', snapshot });
			} catch (error) {
				this.running.fail(entry, error);
			}
		}
		this.options.endTick?.();
		this.ownCost.next(this.sessions());
		// keep the beat, but skip beats that were missed (a stopped process, a suspended machine)
		this.deadline = Math.max(this.deadline + this.delay, monotonicNs() + this.delay / 2);
		this.schedule();
	}

	private processCost(): ProcessCost {
		const before = this.cpu;
		this.cpu = process.cpuUsage();
		return {
			cpu_ns: (microseconds(this.cpu) - microseconds(before)) * 1000,
			rss_bytes: residentBytes(),
			kernel_bytes: this.kernel.read(monotonicNs()),
		};
	}
}
