/** The filter of measured tasks: from options to the values that the kernel compares. */

import { Unavailable } from '../core/errors.ts';
import type { OptionSpec, Options } from '../core/tracer.ts';
import { cgroupId } from '../system/cgroups.ts';

/** The kernel's name of a task: 15 bytes and a zero. */
const COMM_BYTES = 16;

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

/** The measured tasks; an undefined field matches all. */
export interface TaskFilter {
	tgid?: number | undefined;
	/** Id of a group of the unified hierarchy; includes the groups below. */
	cgroup?: number | undefined;
	/** The whole name, at most 15 bytes. */
	comm?: string | undefined;
}

/** `comm` as the kernel stores it. */
export function commBytes(comm: string): Uint8Array {
	const bytes = new Uint8Array(COMM_BYTES);
	bytes.set(new TextEncoder().encode(comm).subarray(0, COMM_BYTES - 1));
	return bytes;
}

/**
 * The filter of the options `pid`, `cgroup` (or `cgroup_id`, for a group selected on the screen) and `comm`.
 * @throws {Unavailable} for a cgroup that does not exist
 */
export function filterOf(options: Options, procRoot: string): TaskFilter {
	const { pid, cgroup, cgroup_id, comm } = options;
	const filter: TaskFilter = {};
	if (typeof pid === 'number' && pid > 0) filter.tgid = pid;
	if (typeof comm === 'string' && comm !== '') filter.comm = comm;
	if (typeof cgroup_id === 'number' && cgroup_id > 0) filter.cgroup = cgroup_id;
	else if (typeof cgroup === 'string' && cgroup !== '') {
		filter.cgroup = cgroupId(procRoot, cgroup);
		if (filter.cgroup === undefined) {
			throw new Unavailable(
				`there is no control group '${cgroup}' in the unified hierarchy`,
				'name it as in /proc/PID/cgroup behind 0::, e.g. /system.slice/ssh.service',
			);
		}
	}
	return filter;
}

/**
 * The filter as text for the screen; empty: everything is measured.
 * @param cgroupName name of a control group by its id
 */
export function filterText(options: Options, cgroupName: (id: number) => string): string {
	const { pid, cgroup, cgroup_id, comm } = options;
	const group = typeof cgroup_id === 'number' && cgroup_id > 0 ? cgroupName(cgroup_id) : cgroup;
	return [pid ? `pid ${pid}` : '', group ? `cgroup ${group}` : '', comm ? `comm ${comm}` : '']
		.filter(Boolean)
		.join(', ');
}
