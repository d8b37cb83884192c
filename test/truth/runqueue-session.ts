/** The run-queue tracer on the running kernel, with loads for it: what its tests set up and end alike. */
import { afterAll, afterEach } from 'vitest';
import type { RunqlatExtra, RunqlatRow } from '../../src/runqueue/rows.ts';
import { runqlat } from '../../src/tracers/runqlat.ts';
import type { Options, Reading, Session } from '../../src/tracers/tracer.ts';
import { type Counters, type Sample, sample } from './brackets.ts';
import { realHost } from './host.ts';
import { buildWorkloads, schedstat, type Workloads } from './workload.ts';

export type RunqlatReading = Reading<RunqlatRow, RunqlatExtra>;

export interface RunQueue {
	loads: Workloads;
	/** Begin a session, which the test's end closes. */
	start(options?: Options): Session<RunqlatRow, RunqlatExtra>;
	/** What has happened since the last read, by process unless told otherwise. */
	read(group?: string): RunqlatReading;
	/** Wait so far by pid, as we and schedstat have it. */
	sampleOf(pids: readonly number[]): Sample;
}

/** Once for a test file. `check` is asked about every reading. */
export function runQueue(check: (reading: RunqlatReading) => void = () => undefined): RunQueue {
	const loads = buildWorkloads();
	let session: Session<RunqlatRow, RunqlatExtra> | undefined;
	let readAt = 0;

	afterEach(() => {
		session?.close();
		session = undefined;
	});
	afterAll(() => loads.stop());

	function start(options: Options = {}): Session<RunqlatRow, RunqlatExtra> {
		session = runqlat.start(realHost(), options);
		readAt = Number(process.hrtime.bigint());
		return session;
	}

	function read(group = 'process'): RunqlatReading {
		if (!session) throw new Error('no session was started');
		const now = Number(process.hrtime.bigint());
		const reading = session.read(now - readAt, group);
		readAt = now;
		check(reading);
		return reading;
	}

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
