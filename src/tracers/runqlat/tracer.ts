/**
 * Run-queue latency: the time that runnable tasks waited for a CPU, for the whole machine and per process, from the
 * scheduler's own stamps (bpf/runqlat/runqlat.bpf.c). The kernel's figures are cumulative; intervals are differences.
 */

import type { TaskFilter } from '../../bpf/task-filter.ts';
import { filterOf } from '../../bpf/task-filter.ts';
import type { Host, Options, Session, Tracer } from '../../core/tracer.ts';
import { runqlatDescription } from './description.ts';
import type { Reader } from './reader.ts';
import { RunqlatSession } from './session.ts';
import type { RunqlatExtra, RunqlatRow } from './snapshot.ts';
import { StampsReader } from './stamps-reader.ts';
import { missing, StorageReader } from './storage-reader.ts';

/**
 * `stamps`: own stamps even where the scheduler's are available, by the run queue's clock (true) or CLOCK_MONOTONIC
 * (`monotonic`); for tests, not an option of the command line.
 */
function openReader(host: Host, filter: TaskFilter, { stamps, 'system-only': systemOnly }: Options): Reader {
	const why = stamps ? 'as requested' : missing(host);
	if (why !== undefined) return new StampsReader(host, filter, why, stamps === 'monotonic');
	return new StorageReader(host, filter, systemOnly === true);
}

export const runqlat: Tracer<RunqlatRow, RunqlatExtra> = {
	...runqlatDescription,
	start(host: Host, options: Options, group?: string): Session<RunqlatRow, RunqlatExtra> {
		const reader = openReader(host, filterOf(options, host.procRoot), options);
		try {
			return new RunqlatSession(host, reader, options, group);
		} catch (error) {
			reader.close();
			throw error;
		}
	},
};
