/** What every section of the benchmarks gets. */
import type { Host } from '../../src/core/tracer.ts';
import type { Workloads } from '../truth/workload.ts';

export interface Bench {
	host: Host;
	/** test/bench/load.c */
	loads: Workloads;
	/** Fewer rounds, shorter, coarser. */
	quick: boolean;
	/** Root of an older build that is measured in the same turns; only by section `rest`. */
	against?: string;
	/** Length of section `soak`. */
	minutes?: number;
}
