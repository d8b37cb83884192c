/** Scheduling slices as they end (bpf/slices/slices.bpf.c): a hook at every context switch while it is open. */
import { openBpf } from '../bpf/load.ts';
import { possibleCpusOf } from '../bpf/possible-cpus.ts';
import type { Host } from '../core/tracer.ts';
import { constants, maps, slice } from '../generated/slices.ts';
import type { Count } from '../lib/units.ts';

export type Slice = ReturnType<typeof slice.read>;

/** Slices that the ring takes between two calls, of all CPUs together in a second. */
const RING_RATE = 80_000;

export interface SliceReader {
	/** Those that ended since the last call, oldest first by CPU. To be called every 100 ms. */
	drain(take: (one: Slice) => void): void;
	/** Since the last call: over the rate, and those for which the ring had no room. */
	left(): { suppressed: Count; lost: Count };
	close(): void;
}

/** @param rate slices per second, of all CPUs @throws {Unavailable} */
export function openSlices(host: Host, rate: number): SliceReader {
	const cpus = possibleCpusOf(host.addon);
	const bpf = openBpf(host, 'slices', {
		layout: constants,
		// one busy CPU may use the whole rate; the ring has room for all of them doing so
		constants: { cpu_rate: Math.min(rate, Math.ceil(RING_RATE / cpus)) },
		shards: [maps.slices_cpus.name],
	});
	const told = { suppressed: 0, lost: 0 };
	return {
		drain(take) {
			bpf.drain(maps.slices.name, (view, at) => take(slice.read(view, at)));
		},
		left() {
			const sum = { suppressed: 0, lost: 0 };
			for (const shard of bpf.shards(maps.slices_cpus)) {
				sum.suppressed += shard.suppressed;
				sum.lost += shard.lost;
			}
			const since = { suppressed: sum.suppressed - told.suppressed, lost: sum.lost - told.lost };
			Object.assign(told, sum);
			return since;
		},
		close: () => bpf.close(),
	};
}
