/** What every section of the benchmarks gets. */
import type { Host } from '../../src/tracers/tracer.ts';
import type { Workloads } from '../truth/workload.ts';

export interface Bench {
	host: Host;
	/** test/bench/load.c */
	loads: Workloads;
	/** Times that every contender has its turn. */
	rounds: number;
	/** Shorter and coarser. */
	quick: boolean;
}
