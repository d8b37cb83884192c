/** The run-queue tracer on the running kernel, with loads for it: what its tests set up and end alike. */
import { afterAll } from 'vitest';
import type { Reading } from '../../src/core/tracer.ts';
import type { RunqlatExtra, RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { type Counters, type Sample, sample } from './brackets.ts';
import { type Sessions, sessionsOf } from './tracer-session.ts';
import { buildWorkloads, schedstat, type Workloads } from './workload.ts';

export type RunqlatReading = Reading<RunqlatRow, RunqlatExtra>;

export interface RunQueue extends Sessions<RunqlatRow, RunqlatExtra> {
	loads: Workloads;
	/** Wait so far by pid, as we and schedstat have it. */
	sampleOf(pids: readonly number[]): Sample;
}

/** Once for a test file. `check` is asked about every reading. */
export function runQueue(check: (reading: RunqlatReading) => void = () => undefined): RunQueue {
	const loads = buildWorkloads();
	const { start, read } = sessionsOf(runqlat, check);
	afterAll(() => loads.stop());

	function sampleOf(pids: readonly number[]): Sample {
		const kernel = (): Counters => new Map(pids.map((pid) => [String(pid), schedstat(pid).wait_ns]));
		const ours = (): Counters =>
			new Map(
				read().rows.flatMap(({ key, wait_ns_total }) =>
					key.kind === 'process' ? [[String(key.id), wait_ns_total]] : [],
				),
			);
		return sample(kernel, ours);
	}

	return { loads, start, read, sampleOf };
}
