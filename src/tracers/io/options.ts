/** Options of the IO tab. */
import { TASK_FILTERS } from '../../bpf/task-filter-options.ts';
import type { OptionSpec, Options } from '../../core/tracer.ts';
import type { Ns } from '../../lib/units.ts';

const DEFAULT_SLOW_MS = 10;

/** Threshold of slow requests. */
export function slowThreshold(options: Options): Ns {
	return Math.round(Number(options['slow'] ?? DEFAULT_SLOW_MS) * 1e6);
}

const path = (name: string, placeholder: string, help: string): OptionSpec => ({
	name,
	type: 'string',
	default: '',
	placeholder,
	help,
});

export const ioOptions: readonly OptionSpec[] = [
	{
		name: 'slow',
		type: 'number',
		default: DEFAULT_SLOW_MS,
		min: 0,
		placeholder: 'MS',
		help: 'list requests that took at least this many milliseconds, with all stages, task and file',
	},
	{
		name: 'full-path',
		type: 'boolean',
		default: false,
		help: 'also follow system calls: stages fs, wake, return, and off-CPU time of slow requests (detached above 5 % of a CPU)',
	},
	{
		name: 'device-only',
		type: 'boolean',
		default: false,
		excludes: ['full-path'],
		help: 'measure only the time in the device, not the stages before it (a quarter of the cost per request; no processes, slow requests, filters)',
	},
	...TASK_FILTERS,
	path('device', 'NAME', 'measure only requests to this disk or partition'),
	path('file', 'PATH', 'measure only requests of this file'),
	{ ...path('directory', 'PATH', 'measure only requests of files below this directory'), excludes: ['file'] },
	{
		name: 'tid',
		type: 'number',
		default: 0,
		min: 0,
		max: 2 ** 22,
		integer: true,
		placeholder: 'TID',
		help: 'measure only requests of this thread',
	},
];
