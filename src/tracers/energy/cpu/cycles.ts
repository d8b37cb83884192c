/**
 * CPU cycles where the processor counts them: one perf event on each CPU, which bpf/energy/thread-detail.bpf.h reads at
 * context switches. Cycles per nanosecond are the real clock of a thread, including turbo and throttling.
 */

import type { BpfAddon, PerfCounter } from '../../../core/native.ts';
import { monotonicNs } from '../../../lib/clock.ts';
import { closeCounters, openCounters, type PerfEvent, standInFor } from './counters.ts';

/** PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES. */
export const hardwareCycles: PerfEvent = { type: 0, config: 0 };

/** The state of a counter at a context switch of its CPU. */
export interface CyclesAtSwitch {
	counter: number;
	/** CLOCK_MONOTONIC; 0: not known. */
	at_ns: number;
	/** Not 0: nothing runs there since then. */
	idle: number;
}

/** No processor has a clock outside this range: such a count is invalid. */
const SLOWEST_GHZ = 0.01;
const FASTEST_GHZ = 20;

export class CycleCounters {
	readonly counters: ReadonlyMap<number, PerfCounter>;
	/** The event that is counted instead of cycles (tests); empty: cycles. */
	readonly standIn: string;
	private readonly last = new Map<number, CyclesAtSwitch>();
	/** CPUs without a context switch in the last interval: their clock in it, GHz. */
	private readonly unswitched = new Map<number, number>();
	/** Of the last interval in which anything was counted. */
	private meanGhz: number | undefined;
	/** The highest mean so far: serves as full speed where that is not known. */
	private bestGhz = 0;
	private readonly undisturbed: ReadonlySet<number>;

	/**
	 * @param undisturbed CPUs that are not to be interrupted: a read of another CPU's counter does that
	 * @throws {Unavailable} where the event cannot be counted on all CPUs
	 */
	constructor(
		addon: Pick<BpfAddon, 'openCounter'>,
		cpus: readonly number[],
		event: PerfEvent = hardwareCycles,
		undisturbed: readonly number[] = [],
	) {
		this.undisturbed = new Set(undisturbed);
		this.standIn = standInFor(hardwareCycles, event);
		const advice = 'usual in virtual machines: give them a PMU, or leave out --weight';
		this.counters = openCounters(addon, cpus, event, (code) => `no CPU cycles can be counted (${code})`, advice);
	}

	/** End an interval. @param switches the counters at the last context switch of each CPU */
	tick(switches: ReadonlyMap<number, CyclesAtSwitch>): void {
		this.unswitched.clear();
		for (const [cpu, { counter, at_ns, idle }] of switches) {
			const last = this.last.get(cpu);
			// no switch: the cycles of the running thread are only in the counter
			const reads = at_ns > 0 && last?.at_ns === at_ns && idle === 0 && !this.undisturbed.has(cpu);
			const now = reads ? this.now(cpu) : undefined;
			if (last && now) {
				const ghz = (now.counter - last.counter) / (now.at_ns - last.at_ns);
				if (isClock(ghz)) this.unswitched.set(cpu, ghz);
			}
			this.last.set(cpu, { counter, at_ns, idle });
		}
	}

	/** Learn from the cycles of all threads in the interval and the time for which they were counted. */
	learn(cycles: number, ns: number): void {
		if (!isClock(cycles / ns)) return;
		this.meanGhz = cycles / ns;
		this.bestGhz = Math.max(this.bestGhz, this.meanGhz);
	}

	/** The clock of a thread: from its own cycles, else those of its CPU, else the mean of all; undefined: none yet. */
	ghz(cpu: number, own: number | undefined): number | undefined {
		return own !== undefined && isClock(own) ? own : (this.unswitched.get(cpu) ?? this.meanGhz);
	}

	get fullGhz(): number {
		return this.bestGhz;
	}

	/** Idempotent. */
	close(): void {
		closeCounters(this.counters);
	}

	private now(cpu: number): Omit<CyclesAtSwitch, 'idle'> | undefined {
		try {
			const count = this.counters.get(cpu)?.read();
			return count && { counter: Number(count.value), at_ns: monotonicNs() };
		} catch {
			// in use by others, or the CPU is offline: its threads get the mean
			return undefined;
		}
	}
}

function isClock(ghz: number): boolean {
	return ghz >= SLOWEST_GHZ && ghz <= FASTEST_GHZ;
}
