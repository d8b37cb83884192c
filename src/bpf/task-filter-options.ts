/** Options of the filter of measured tasks (task-filter.ts). */
import type { OptionSpec } from '../core/tracer.ts';

/** Options by which tracers choose tasks. */
export const TASK_FILTERS: readonly OptionSpec[] = [
	{
		name: 'pid',
		type: 'number',
		default: 0,
		min: 0,
		max: 2 ** 22,
		integer: true,
		placeholder: 'PID',
		help: 'measure only this process (thread group)',
	},
	{ name: 'comm', type: 'string', default: '', placeholder: 'NAME', help: 'measure only tasks of exactly this name' },
	{
		name: 'cgroup',
		type: 'string',
		default: '',
		placeholder: 'PATH',
		help: 'measure only tasks of this control group and those below it',
	},
];
