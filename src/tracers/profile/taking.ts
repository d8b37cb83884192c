/** A profile that is being taken: loaded programs, symbols read while processes exist, and the profile up to now. */

import { addCosts } from '../../bpf/bpf-session.ts';
import { Unavailable } from '../../core/errors.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import { constants as cpuConstants } from '../../generated/profile.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Profile, ProfileMode } from '../../profile/model.ts';
import { Symbolizer } from '../../symbols/symbolizer.ts';
import { onlineCpus } from '../../system/cpus.ts';
import { ProfileBuilder } from './builder.ts';
import { Collector, type Target } from './collector.ts';
import { ProcessNames } from './names.ts';

export interface TakingOptions {
	mode: ProfileMode;
	target: Target;
	/** In words: `pid 42`. */
	targetText: SafeText;
	/** Samples per second and CPU. */
	hz: number;
	/** Shorter waits are counted without their stack. */
	offCpuMin: Ns;
}

const SAMPLER = 'on_sample';

/** The sampler, on every CPU that is online. */
function startSampler(host: Host, { target, hz }: TakingOptions): Collector {
	const collector = new Collector(host, 'profile', target, {
		layout: cpuConstants,
		constants: { period_ns: Math.round(1e9 / hz) },
	});
	try {
		for (const cpu of onlineCpus(host.procRoot, host.sysRoot)) collector.bpf.object.attachClock(SAMPLER, cpu, hz);
		return collector;
	} catch (error) {
		collector.close();
		throw new Unavailable(
			`the sampling clock was refused: ${sanitize((error as Error).message)}`,
			'allow perf events: CAP_PERFMON, or sysctl kernel.perf_event_paranoid=1',
			error,
		);
	}
}

export class Taking {
	private readonly options: TakingOptions;
	private readonly symbolizer: Symbolizer;
	private readonly names: ProcessNames;
	private readonly begun = monotonicNs();
	private readonly begunMs = Date.now();
	private ended: Ns | undefined;
	private readonly cpu: Collector | undefined;

	/** @throws {Unavailable} */
	constructor(host: Host, options: TakingOptions) {
		this.options = options;
		this.symbolizer = new Symbolizer(host.procRoot);
		this.names = new ProcessNames(host.procRoot);
		this.cpu = startSampler(host, options);
		// what is profiled may end before its first sample is read
		const { tgid } = options.target;
		if (tgid !== undefined) this.names.of(tgid);
	}

	private get collectors(): readonly Collector[] {
		return [this.cpu].filter((one) => one !== undefined);
	}

	/** Hooks in use. */
	get hooks(): string[] {
		return [...new Set(this.collectors.flatMap(({ bpf }) => bpf.hooks))];
	}

	/** Read the mappings of processes that were seen first. To be called several times a second: processes end. */
	drain(): void {
		for (const collector of this.collectors)
			for (const { space, pid } of collector.newSpaces()) {
				this.symbolizer.learn(space, pid);
				this.names.of(pid);
			}
	}

	/** Missing features of this kernel, and the cost of each. */
	get missing(): string[] {
		return [...new Set(this.collectors.flatMap(({ bpf }) => bpf.missing))];
	}

	/** Samples and waits so far. */
	events(): Count {
		return this.collectors.reduce((sum, collector) => sum + collector.losses().events, 0);
	}

	/** Stop measuring; what was measured stays readable. */
	stop(): void {
		this.drain();
		this.ended ??= monotonicNs();
		this.cpu?.bpf.object.detach(SAMPLER);
	}

	profile(): Profile {
		this.drain();
		const { mode, hz, targetText } = this.options;
		const builder = new ProfileBuilder(this.symbolizer);
		const lost: Record<string, Count> = { stacks_full: 0, counts_full: 0, unmatched: 0 };
		let deep = 0;
		for (const collector of this.collectors) {
			const losses = collector.losses();
			for (const cause of Object.keys(lost) as (keyof typeof losses)[])
				lost[cause] = (lost[cause] ?? 0) + losses[cause];
			deep += losses.deep;
		}
		if (this.cpu) this.addSamples(this.cpu, builder);
		return {
			mode,
			begun_ms: this.begunMs,
			seconds: ((this.ended ?? monotonicNs()) - this.begun) / 1e9,
			hz: this.cpu ? hz : 0,
			target: targetText,
			...builder.result(),
			quality: builder.qualityOf(deep),
			lost,
			symbol_bytes: this.symbolizer.bytes,
		};
	}

	cost(): BpfCost {
		return addCosts(...this.collectors.map(({ bpf }) => bpf.cost()));
	}

	close(): void {
		for (const collector of this.collectors) collector.close();
	}

	private addSamples(collector: Collector, builder: ProfileBuilder): void {
		for (const { key, space, count, ns, comm } of collector.entries()) {
			const thread = sanitize(comm);
			builder.add({
				pid: key.tgid,
				tid: key.tid,
				comm: this.names.of(key.tgid) ?? thread,
				thread,
				state: 'on-cpu',
				space,
				user: collector.frames(key.user),
				kernel: collector.frames(key.kernel),
				count,
				ns,
			});
		}
	}
}
