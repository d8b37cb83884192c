/** The filter of measured tasks: from options to the values that the kernel compares. */

import { join } from 'node:path';
import { WrongValue } from '../core/errors.ts';
import type { Options } from '../core/tracer.ts';
import { task_filter, task_filter_setting, task_name } from '../generated/lib.ts';
import { readLatin1 } from '../lib/read-file.ts';
import { cgroupId } from '../system/cgroups.ts';
import { hasMachinePids } from '../system/pid-namespace.ts';
import { NAME_BYTES } from './task-filter-options.ts';

/** The measured tasks; an undefined field matches all. */
export interface TaskFilter {
	tgid?: number | undefined;
	/** Id of a group of the unified hierarchy; includes the groups below. */
	cgroup?: number | undefined;
	/** The whole name, at most 15 bytes. */
	comm?: string | undefined;
}

/** `comm` as the kernel stores it, in two halves. */
function commWords(comm: string): [low: bigint, high: bigint] {
	const bytes = Buffer.alloc(task_name.TASK_COMM_LEN);
	bytes.set(new TextEncoder().encode(comm).subarray(0, NAME_BYTES));
	return [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8)];
}

/** A filter as programs compare it: bits of `task_filter` that are on, and values by `task_filter_setting`. */
export function filterSettings({ tgid, cgroup, comm }: TaskFilter): {
	on: number;
	values: [setting: number, bigint][];
} {
	const values: [number, bigint][] = [];
	let on = 0;
	if (tgid !== undefined) {
		on |= 1 << task_filter.FILTER_TGID;
		values.push([task_filter_setting.SETTING_TGID, BigInt(tgid)]);
	}
	if (cgroup !== undefined) {
		on |= 1 << task_filter.FILTER_CGROUP;
		values.push([task_filter_setting.SETTING_CGROUP, BigInt(cgroup)]);
	}
	if (comm !== undefined) {
		const [low, high] = commWords(comm);
		on |= 1 << task_filter.FILTER_COMM;
		values.push([task_filter_setting.SETTING_COMM_LOW, low], [task_filter_setting.SETTING_COMM_HIGH, high]);
	}
	return { on, values };
}

/** The process that a pid or a thread's id belongs to: `/proc` has both. undefined: not known there. */
function processOf(procRoot: string, id: number): number | undefined {
	if (!hasMachinePids(procRoot)) return undefined;
	try {
		const tgid = /^Tgid:\s+(\d+)$/m.exec(readLatin1(join(procRoot, String(id), 'status')))?.[1];
		return tgid === undefined ? undefined : Number(tgid);
	} catch {
		return undefined;
	}
}

/**
 * The filter of the options `pid`, `cgroup` (or `cgroup_id`, for a group selected on the screen) and `comm`.
 * @throws {WrongValue} for a cgroup that does not exist, for a thread in place of a process
 */
export function filterOf(options: Options, procRoot: string): TaskFilter {
	const { pid, cgroup, cgroup_id, comm } = options;
	const filter: TaskFilter = {};
	if (typeof pid === 'number' && pid > 0) {
		const process = processOf(procRoot, pid);
		if (process !== undefined && process !== pid)
			throw new WrongValue(`${pid} is a thread of process ${process}`, `use --pid ${process}`);
		filter.tgid = pid;
	}
	if (typeof comm === 'string' && comm !== '') filter.comm = comm;
	if (typeof cgroup_id === 'number' && cgroup_id > 0) filter.cgroup = cgroup_id;
	else if (typeof cgroup === 'string' && cgroup !== '') {
		filter.cgroup = cgroupId(procRoot, cgroup);
		if (filter.cgroup === undefined) {
			throw new WrongValue(
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
