/** Cache misses of processes where the processor counts them (bpf/energy/energy-misses.bpf.c): by these the energy of memory is divided. */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { HashReader } from '../../../bpf/hash-reader.ts';
import { openBpf } from '../../../bpf/load.ts';
import { possibleCpusOf } from '../../../bpf/possible-cpus.ts';
import type { PerfCounter } from '../../../core/native.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import { counted_program, maps } from '../../../generated/energy-misses.ts';
import type { Count } from '../../../lib/units.ts';
import { closeCounters, openCounters, type PerfEvent, standInFor, storeCounters } from './counters.ts';

/** PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES. */
export const hardwareMisses: PerfEvent = { type: 0, config: 3 };

export interface MissCounter {
	/** In the interval that ends now, by `pid:start` (ns since boot). Processes without misses are left out. */
	read(): ReadonlyMap<string, Count>;
	/** The event that is counted instead of cache misses (tests); empty: cache misses. */
	readonly standIn: string;
	readonly hooks: readonly string[];
	/** Switches at which the counter could not be read, since start. */
	readonly unread: Count;
	cost(fresh?: boolean): BpfCost;
	close(): void;
}

export class CacheMisses implements MissCounter {
	readonly standIn: string;
	private readonly counters: ReadonlyMap<number, PerfCounter>;
	private readonly bpf: BpfSession;
	private readonly reader: HashReader<
		ReturnType<typeof maps.missed.key.read>,
		ReturnType<typeof maps.missed.value.read>
	>;
	private before = new Map<string, Count>();

	/** @throws {Unavailable} where the event cannot be counted on all CPUs */
	constructor(host: Host, cpus: readonly number[], event: PerfEvent = hardwareMisses) {
		const { addon } = host;
		this.standIn = standInFor(hardwareMisses, event);
		this.counters = openCounters(
			addon,
			cpus,
			event,
			(code) => `no cache misses can be counted (${code})`,
			'usual in virtual machines: give them a PMU',
		);
		try {
			this.bpf = openBpf(host, 'energy-misses', {
				counted: counted_program,
				shards: [maps.misses_cpus.name],
				maxEntries: { [maps.counters.name]: possibleCpusOf(addon) },
				loaded: (object) => storeCounters(object, maps.counters.name, this.counters),
			});
		} catch (error) {
			closeCounters(this.counters);
			throw error;
		}
		this.reader = new HashReader(this.bpf, maps.missed, maps.missed.entries);
	}

	read(): Map<string, Count> {
		const now = new Map<string, Count>();
		const gained = new Map<string, Count>();
		for (const { key, value } of this.reader.entries()) {
			const id = `${key.tgid}:${key.start}`;
			now.set(id, value.count);
			const misses = value.count - (this.before.get(id) ?? 0);
			if (misses > 0) gained.set(id, misses);
		}
		this.before = now;
		return gained;
	}

	get hooks(): readonly string[] {
		return this.bpf.hooks;
	}

	get unread(): Count {
		return this.bpf.shards(maps.misses_cpus).reduce((sum, { unread }) => sum + unread, 0);
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	/** Idempotent. */
	close(): void {
		this.bpf.close();
		closeCounters(this.counters);
	}
}
