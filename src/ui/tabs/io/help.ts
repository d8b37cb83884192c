/** Sections of the tab's help: stages from their table, columns of the other views, terms. */

import type { Column } from '../../../core/tracer.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';
import type { HelpSection } from '../../tab.ts';
import { inFlightColumns } from './in-flight.ts';
import { slowColumns } from './slow-rows.ts';

function columnsOf(columns: readonly Column<never>[]): HelpSection['entries'] {
	return columns.map(({ title, help }) => [title, help]);
}

const terms: HelpSection['entries'] = [
	[
		'owner',
		'process or cgroup that a request belongs to. Known means one of the next four; the share of each is in the summary',
	],
	['submitter', 'the task that queued it, also through io_uring and AIO'],
	['dirtied', 'the kernel writes back what this task had written to the page cache'],
	['cgroup', 'only the control group that the kernel charges is known'],
	['kernel', 'a kernel thread on its own behalf: journal, swap'],
	['bio', 'a unit of IO from a file system to the block layer; one or more bios become a request'],
	['merged', 'a bio that became part of a waiting request, or a request that became part of another'],
	['split', 'a bio that was too large for one request'],
	['plug', 'a task that submits several requests collects them first (plugging) and submits them together'],
	['tag', 'a slot of the device’s queue; a request needs one, and waits for one in the stage request'],
	['bypassed', 'requests that skipped the IO scheduler: they go from plug to device without the stage queue'],
	['requeued', 'the driver sent a request back because the device could not take it'],
	['partial', 'a completion of part of a request'],
	['stacked', 'dm, md and loop forward their requests to other devices: sums over all rows leave them out'],
	[
		'full path',
		'file system, system call and wake-up as stages, at a higher cost; detached automatically when own cost is too high',
	],
	['system call', 'entry to return of the call that waited for a slow request; the four parts after it add up to it'],
	['device or lock', 'the task slept: until the device was done, or a lock was released'],
	['run queue', 'the task was runnable and waited for a CPU; the processes that had it: run queue tab (culprits)'],
	['preempted', 'the task was preempted and waited to run again'],
	['running', 'the task had a CPU; part of that may be IRQ time'],
	['not recorded', 'slow requests beyond the limit of records per second: counted, without stages'],
	['SHARE', 'part of the time of all requests in all stages; total is the time from request to device'],
];

export const help: readonly HelpSection[] = [
	{
		title: 'Stages of a request, in order',
		entries: IO_PATH.stages.map(({ name, from, to, depth, help: words }): readonly [string, string] => [
			name,
			`${from} → ${to}${depth === 'full' ? ' (full path only)' : ''}: ${words}`,
		]),
	},
	{ title: 'Slow requests – columns', entries: columnsOf(slowColumns as never) },
	{ title: 'In flight – columns', entries: columnsOf(inFlightColumns as never) },
	{ title: 'Disk IO – terms', entries: terms },
];
