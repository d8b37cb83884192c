/** Options of the filter of measured tasks (task-filter.ts). */
import type { OptionSpec } from '../core/tracer.ts';
import { task_name } from '../generated/lib.ts';

/** The kernel keeps this many bytes of a name. */
export const NAME_BYTES = task_name.TASK_COMM_LEN - 1;

/** A longer name matches no task; which of the tasks with its beginning is meant is not known. */
function tooLongName(comm: string): string | undefined {
	const bytes = Buffer.byteLength(comm);
	if (bytes <= NAME_BYTES) return undefined;
	const kept = Buffer.from(comm)
		.subarray(0, NAME_BYTES)
		.toString()
		.replace(/\ufffd$/, '');
	return `'${comm}' has ${bytes} bytes, and the kernel keeps ${NAME_BYTES} of a name: use '${kept}'`;
}

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
	{
		name: 'comm',
		type: 'string',
		default: '',
		placeholder: 'NAME',
		help: 'measure only tasks of exactly this name, of at most 15 bytes',
		invalid: tooLongName,
	},
	{
		name: 'cgroup',
		type: 'string',
		default: '',
		placeholder: 'PATH',
		help: 'measure only tasks of this control group and those below it',
	},
];
