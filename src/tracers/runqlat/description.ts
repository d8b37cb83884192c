/**
 * Run-queue latency: the time that runnable tasks waited for a CPU, for the whole machine and per process, from the
 * scheduler's own stamps (bpf/runqlat/runqlat.bpf.c). The kernel's figures are cumulative; intervals are differences.
 */

import { TASK_FILTERS } from '../../bpf/task-filter-options.ts';
import type { Description } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { waitsFold } from './fold.ts';
import type { RunqlatRow } from './snapshot.ts';
import { DEFAULT_ZONES, invalidZones } from './zones.ts';

export const runqlatDescription: Description<RunqlatRow> = {
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
			help: 'report which processes ran while others waited (costs 130 ns more per switch)',
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
};
