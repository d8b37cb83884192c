/** A profile that is being taken: loaded programs, symbols read while processes exist, and the profile up to now. */

import { addCosts } from '../../bpf/bpf-session.ts';
import { Unavailable } from '../../core/errors.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import { constants as cpuConstants } from '../../generated/profile.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Profile, ProfileMode } from '../../profile/model.ts';
import { DEBUGINFOD_FOLDER, Debuginfod } from '../../symbols/debuginfod.ts';
import { Symbolizer } from '../../symbols/symbolizer.ts';
import { onlineCpus } from '../../system/cpus.ts';
import { NamedStacks, ProfileBuilder } from './builder.ts';
import { threadTimes } from './clocks.ts';
import { Collector, type Target } from './collector.ts';
import { Locks } from './locks.ts';
import { ProcessNames } from './names.ts';
import { TargetProcess } from './target-process.ts';
import { type Ran, Waits } from './waits.ts';

export interface TakingOptions {
	mode: ProfileMode;
	target: Target;
	/** In words: `pid 42`. */
	targetText: SafeText;
	/** Samples per second and CPU. */
	hz: number;
	/** Shorter waits are counted without their stack. */
	offCpuMin: Ns;
	/** Unwind user stacks by the tables of the files: each is copied. */
	unwind: boolean;
	/** Addresses of debuginfod servers (symbols/debuginfod-urls.ts); empty: none is asked. */
	debuginfod?: string;
	/** Where answers are kept; default: {@link DEBUGINFOD_FOLDER}. */
	debuginfodFolder?: string;
	/** Path of the control group of the target; undefined: it is none. */
	cgroup?: string | undefined;
}

const SAMPLER = 'on_sample';

/** Loaded; it samples once it was attached. */
function loadSampler(host: Host, { target, hz, unwind }: TakingOptions): Collector {
	return new Collector(host, 'profile', target, {
		layout: cpuConstants,
		copies: unwind,
		constants: { period_ns: Math.round(1e9 / hz) },
	});
}

/** To every CPU that is online. @throws {Unavailable} */
function attachSampler(host: Host, { bpf: { object } }: Collector, hz: number): void {
	try {
		for (const cpu of onlineCpus(host.procRoot, host.sysRoot)) object.attachClock(SAMPLER, cpu, hz);
	} catch (error) {
		throw new Unavailable(
			`the sampling clock was refused: ${sanitize((error as Error).message)}`,
			'allow perf events: CAP_PERFMON, or sysctl kernel.perf_event_paranoid=1',
			error,
		);
	}
}

export class Taking {
	private readonly options: TakingOptions;
	private readonly procRoot: string;
	private readonly symbolizer: Symbolizer;
	private readonly named: NamedStacks;
	private readonly names: ProcessNames;
	private readonly begun: Ns;
	private readonly begunMs: number;
	private ended: Ns | undefined;
	private readonly target: TargetProcess;
	private readonly cpu: Collector | undefined;
	private readonly waits: Waits | undefined;
	private readonly locks: Locks | undefined;

	/** @throws {Unavailable} */
	constructor(host: Host, options: TakingOptions) {
		this.options = options;
		this.procRoot = host.procRoot;
		const { debuginfod = '', debuginfodFolder = DEBUGINFOD_FOLDER } = options;
		this.symbolizer = new Symbolizer(
			host.procRoot,
			options.unwind,
			debuginfod === '' ? undefined : new Debuginfod(debuginfod, debuginfodFolder),
		);
		this.target = new TargetProcess(host.procRoot, options.target.tgid);
		this.named = new NamedStacks(this.symbolizer);
		this.names = new ProcessNames(host.procRoot);
		const { mode } = options;
		try {
			// loading takes long on a busy machine: all kinds of a profile begin together
			if (mode === 'on-cpu' || mode === 'wall') this.cpu = loadSampler(host, options);
			if (mode !== 'on-cpu') this.waits = new Waits(host, options);
			if (this.cpu) attachSampler(host, this.cpu, options.hz);
			if (mode === 'locks') this.locks = new Locks(host, options.target, options.unwind);
		} catch (error) {
			this.close();
			throw error;
		}
		this.begun = monotonicNs();
		this.begunMs = Date.now();
		// the profiled process may end before its first sample is read
		const { tgid } = options.target;
		if (tgid !== undefined) this.names.of(tgid);
	}

	private get collectors(): readonly Collector[] {
		return [this.cpu, this.waits?.collector, this.locks?.collector].filter((one) => one !== undefined);
	}

	/** Hooks in use. */
	get hooks(): string[] {
		return [...new Set(this.collectors.flatMap(({ bpf }) => bpf.hooks))];
	}

	/** Read the mappings of processes that were seen first. To be called several times a second: processes end. */
	drain(): void {
		this.locks?.sampleOwners();
		for (const collector of this.collectors)
			for (const { space, pid, parent } of collector.newSpaces()) {
				this.symbolizer.learn(space, pid, parent);
				this.names.of(pid);
			}
		if (this.options.unwind)
			for (const collector of this.collectors)
				collector.drainCopies((space, stack, limit) => this.symbolizer.unwind(space, stack, limit));
	}

	/** Missing features of this kernel, and the cost of each. */
	get missing(): string[] {
		return [...new Set([...(this.waits?.missing ?? []), ...this.collectors.flatMap(({ bpf }) => bpf.missing)])];
	}

	/** Length so far. */
	get elapsed(): Ns {
		return (this.ended ?? monotonicNs()) - this.begun;
	}

	/** It was stopped. */
	get complete(): boolean {
		return this.ended !== undefined;
	}

	/** The process that is profiled has ended; false: it goes on, or it is not one process. */
	get targetEnded(): boolean {
		return this.target.ended;
	}

	/** Some thread of the target is there now. */
	targetExists(): boolean {
		const { target, cgroup } = this.options;
		const all = target.tgid === undefined && target.comm === undefined && target.cgroup === undefined;
		return all || (!this.targetEnded && threadTimes(this.procRoot, target, cgroup).size > 0);
	}

	/** Files whose symbols may still come: they are decompressed, or asked for. */
	get pendingSymbols(): Count {
		return this.symbolizer.late.pending;
	}

	/** Resolves when no symbols are to come any more, or at the signal. */
	settleSymbols(signal: AbortSignal): Promise<void> {
		return this.symbolizer.late.settled(signal);
	}

	/** Samples and waits so far. */
	events(): Count {
		return this.collectors.reduce((sum, collector) => sum + collector.losses().events, 0);
	}

	/** Stop measuring; what was measured stays readable. */
	stop(): void {
		if (this.complete) return;
		this.drain();
		this.ended = monotonicNs();
		this.waits?.stop();
		for (const { bpf } of this.collectors) for (const { name } of bpf.object.programs()) bpf.object.detach(name);
		// what came between the two
		this.drain();
	}

	profile(): Profile {
		this.drain();
		const { mode, hz, targetText, unwind } = this.options;
		const builder = new ProfileBuilder(this.symbolizer, this.named);
		const lost: Record<string, Count> = { stacks_full: 0, counts_full: 0, unmatched: 0, copies_lost: 0 };
		let deep = 0;
		let copied = 0;
		let bytes = 0;
		for (const collector of this.collectors) {
			const losses = collector.losses();
			for (const cause of Object.keys(lost) as (keyof typeof losses)[])
				lost[cause] = (lost[cause] ?? 0) + losses[cause];
			deep += losses.deep;
			copied += losses.copied;
			bytes += losses.copied_bytes;
		}
		const ran = mode === 'locks' ? undefined : this.waits?.addTo(builder, this.names);
		if (mode === 'locks') this.waits?.addFutexes(builder, this.names);
		if (this.cpu) this.addSamples(this.cpu, builder, mode === 'wall' ? ran : undefined);
		this.locks?.addTo(builder, this.names);
		return {
			mode,
			begun_ms: this.begunMs,
			seconds: this.elapsed / 1e9,
			hz: this.cpu ? hz : 0,
			target: targetText,
			...builder.result(),
			quality: builder.qualityOf(deep),
			unwound: unwind ? { stacks: copied, bytes, ...builder.unwindCoverage() } : null,
			lost,
			symbol_bytes: this.symbolizer.bytes,
			late_symbols: this.lateSymbols(),
			target_ended: this.targetEnded,
		};
	}

	private lateSymbols(): Profile['late_symbols'] {
		const { compressed, server } = this.symbolizer.late;
		return {
			compressed: { ...compressed },
			debuginfod: server ? { ...server.counts, failure: sanitize(server.failure.slice(0, 200)) } : null,
		};
	}

	cost(fresh?: boolean): BpfCost {
		return addCosts(...this.collectors.map(({ bpf }) => bpf.cost(fresh)));
	}

	close(): void {
		for (const collector of this.collectors) collector.close();
	}

	/** @param ran by tid, the measured run time, to which the samples of a thread are scaled */
	private addSamples(collector: Collector, builder: ProfileBuilder, ran?: ReadonlyMap<number, Ran>): void {
		const entries = [...collector.entries()].map((entry) => ({ ...entry, comm: Uint8Array.from(entry.comm) }));
		const sampled = new Map<number, Ns>();
		for (const { key, ns } of entries) sampled.set(key.tid, (sampled.get(key.tid) ?? 0) + ns);
		for (const [tid, { pid, thread, run_ns }] of ran ?? []) {
			if (sampled.has(tid) || run_ns <= 0) continue;
			builder.add({
				...{ pid, tid, thread, comm: this.names.of(pid) ?? thread, state: 'on-cpu', space: '', user: [], kernel: [] },
				...{ count: 0, ns: run_ns, label: safe`[ran between samples]` },
			});
		}
		for (const { key, space, count, ns: estimate, comm, user, kernel, end } of entries) {
			const measured = ran?.get(key.tid)?.run_ns;
			const ns = measured === undefined ? estimate : (estimate * measured) / (sampled.get(key.tid) ?? estimate);
			const thread = sanitize(comm);
			builder.add({
				pid: key.tgid,
				tid: key.tid,
				comm: this.names.of(key.tgid) ?? thread,
				thread,
				state: 'on-cpu',
				space,
				user,
				kernel,
				end,
				count,
				ns,
			});
		}
	}
}
