/**
 * Run-queue latency: the time that runnable tasks waited for a CPU, for the whole machine and per process, from the
 * scheduler's own stamps (bpf/runqlat/runqlat.bpf.c). The kernel's figures are cumulative; intervals are differences.
 */

import type { TaskFilter } from '../../bpf/task-filter.ts';
import { filterOf, TASK_FILTERS } from '../../bpf/task-filter.ts';
import type { Host, Options, Session, Tracer } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { waitsFold } from './fold.ts';
import type { Reader } from './reader.ts';
import { RunqlatSession } from './session.ts';
import type { RunqlatExtra, RunqlatRow } from './snapshot.ts';
import { StampsReader } from './stamps-reader.ts';
import { missing, StorageReader } from './storage-reader.ts';
import { DEFAULT_ZONES, invalidZones } from './zones.ts';

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
	id: 'runqlat',
	title: 'Run queue',
	summary: 'how long runnable tasks waited for a CPU',
	columns,
	defaultSort: 'wait_ns',
	groups: ['process', 'thread', 'cgroup', 'pidns', 'cpu', ...waitsFold.groups],
	fold: waitsFold,
	options: [
		...TASK_FILTERS,
		{
			name: 'zones',
			type: 'string',
			default: DEFAULT_ZONES,
			placeholder: 'US,…',
			help: 'limits between zones of waits, µs',
			invalid: invalidZones,
		},
		{
			name: 'unit',
			type: 'string',
			default: 'us',
			choices: ['us', 'ms'],
			placeholder: 'UNIT',
			help: 'unit of the 26 powers of two in log2',
		},
		{
			name: 'culprits',
			type: 'boolean',
			default: false,
			help: 'report who ran while others waited (costs 130 ns more per switch)',
		},
		{
			name: 'system-only',
			type: 'boolean',
			default: false,
			excludes: ['culprits'],
			help: 'measure the machine and its CPUs, not the processes (a third of the cost per switch)',
		},
	],
	rowKey: ({ key }) =>
		key.kind === 'command' ? `command:${key.comm}` : `${key.kind}:${key.pid ?? ''}:${key.id}:${key.start_time ?? ''}`,
	processOf: ({ key }) =>
		key.id === 0
			? undefined
			: key.kind === 'process'
				? `${key.id}:${key.start_time ?? 0}`
				: key.kind === 'thread'
					? `${key.pid}:${key.process_start ?? 0}`
					: undefined,
	focus: (pid) => ({ focus: pid }),
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
