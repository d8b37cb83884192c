/** Options of a profile. */
import { TASK_FILTERS } from '../../bpf/task-filter-options.ts';
import type { OptionSpec } from '../../core/tracer.ts';
import { invalidServers } from '../../symbols/debuginfod-urls.ts';

export const profileOptions: readonly OptionSpec[] = [
	...TASK_FILTERS,
	{
		name: 'profile-hz',
		type: 'number',
		default: 99,
		min: 1,
		max: 4999,
		integer: true,
		placeholder: 'HZ',
		help: 'stacks of running code per second and CPU, in profiles',
	},
	{
		name: 'off-cpu-min',
		type: 'number',
		default: 1,
		min: 0,
		max: 10_000,
		placeholder: 'MS',
		help: 'shortest wait whose stack is kept in profiles; shorter ones are summed up',
	},
	{
		name: 'unwind',
		type: 'boolean',
		default: false,
		help: 'profiles: unwind user stacks by the tables of the files (.eh_frame), also where there are no frame pointers; each stack is copied, up to 20 KiB',
	},
	{
		name: 'debuginfod',
		type: 'string',
		default: '',
		invalid: invalidServers,
		placeholder: 'URL',
		help: 'profiles: ask this server (https) for symbols of programs that have none, by build-id; env: the servers of DEBUGINFOD_URLS',
	},
];
