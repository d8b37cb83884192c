/** Cache misses of processes where the processor counts them (bpf/energy/energy-misses.bpf.c): by these the energy of memory is divided. */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { HashReader } from '../../../bpf/hash-reader.ts';
import { openBpf } from '../../../bpf/load.ts';
import { possibleCpusOf } from '../../../bpf/possible-cpus.ts';
import { Unavailable } from '../../../core/errors.ts';
import type { BpfError, PerfCounter } from '../../../core/native.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import { counted_program, maps } from '../../../generated/energy-misses.ts';
import { viewOf } from '../../../lib/decode.ts';
import type { Count } from '../../../lib/units.ts';
import type { PerfEvent } from './cycles.ts';

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

function wordOf(value: number): Uint8Array {
	const bytes = new Uint8Array(4);
	viewOf(bytes).setUint32(0, value, true);
	return bytes;
}

export class CacheMisses implements MissCounter {
	readonly standIn: string;
	private readonly counters = new Map<number, PerfCounter>();
	private readonly bpf: BpfSession;
	private readonly reader: HashReader<
		ReturnType<typeof maps.missed.key.read>,
		ReturnType<typeof maps.missed.value.read>
	>;
	private before = new Map<string, Count>();

	/** @throws {Unavailable} where the event cannot be counted on all CPUs */
	constructor(host: Host, cpus: readonly number[], event: PerfEvent = hardwareMisses) {
		const { addon } = host;
		const real = event.type === hardwareMisses.type && event.config === hardwareMisses.config;
		this.standIn = real ? '' : `a stand-in for tests: perf event ${event.type}:${event.config}`;
		try {
			for (const cpu of cpus) this.counters.set(cpu, addon.openCounter(event.type, event.config, cpu));
		} catch (error) {
			this.closeCounters();
			throw new Unavailable(
				`no cache misses can be counted (${(error as Partial<BpfError>).code ?? String(error)})`,
				'usual in virtual machines: give them a PMU',
				error,
			);
		}
		try {
			this.bpf = openBpf(host, 'energy-misses', {
				counted: counted_program,
				shards: [maps.misses_cpus.name],
				maxEntries: { [maps.counters.name]: possibleCpusOf(addon) },
				loaded: (object) => {
					for (const [cpu, counter] of this.counters)
						object.update(maps.counters.name, wordOf(cpu), wordOf(counter.fd()));
				},
			});
		} catch (error) {
			this.closeCounters();
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
		this.closeCounters();
	}

	private closeCounters(): void {
		for (const counter of this.counters.values()) counter.close();
		this.counters.clear();
	}
}
