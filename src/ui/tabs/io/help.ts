/** What the tab's help says beside the columns: stages from their table, the other views' columns, the terms. */

import type { Column } from '../../../core/tracer.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';
import type { HelpSection } from '../../tab.ts';
import { inFlightColumns } from './in-flight.tsx';
import { slowColumns } from './slow-rows.ts';

function columnsOf(columns: readonly Column<never>[]): HelpSection['entries'] {
	return columns.map(({ title, help }) => [title, help]);
}

const terms: HelpSection['entries'] = [
	['owner', 'who a request belongs to. Known means one of the next four; the share of each is in the summary'],
	['submitter', 'the task that queued it, also through io_uring and AIO'],
	['dirtied', 'the kernel writes back what this task had written to the page cache'],
	['cgroup', 'only the control group that the kernel charges is known'],
	['kernel', 'a kernel thread for itself: journal, swap'],
	['bio', 'a piece of IO as file systems hand it to the block layer; one or more of them become a request'],
	['merged', 'a bio that became part of a waiting request, or a request that became part of another'],
	['split', 'a bio that was too large for one request'],
	['plug', 'a task that submits several requests collects them first (plugging) and hands them on together'],
	['tag', 'a slot of the device’s queue; a request needs one, and waits for one in the stage request'],
	['bypassed', 'requests that no IO scheduler saw: they go from plug to device without the stage queue'],
	['requeued', 'the driver sent a request back because the device could not take it'],
	['partial', 'a completion of a part of a request'],
	['stacked', 'dm, md, zram and loop pass on what they get: sums over all rows leave them out'],
	[
		'full path',
		'file system, system call and wake-up as stages, for a price; detached by itself when own cost gets high',
	],
	['system call', 'entry to return of the call that waited for a slow request; the four parts after it add up to it'],
	['device or lock', 'the task slept: until the device was done, or somebody gave a lock back'],
	['run queue', 'the task was awake and waited for a CPU; who had it: run queue tab (culprits)'],
	['preempted', 'the task was taken off the CPU before it was done and waited to get it back'],
	['running', 'the task had a CPU; a part of that may be IRQ time'],
	['not recorded', 'slow requests beyond the limit of records per second: counted, but without their stages'],
	['SHARE', 'part of the time of all requests in all stages; total is the time from request to device'],
];

export const help: readonly HelpSection[] = [
	{
		title: 'Stages of a request, in the order of the way',
		entries: IO_PATH.stages.map(({ name, from, to, depth, help: words }): readonly [string, string] => [
			name,
			`${from} → ${to}${depth === 'full' ? ' (full path only)' : ''}: ${words}`,
		]),
	},
	{ title: 'Slow requests – columns', entries: columnsOf(slowColumns as never) },
	{ title: 'In flight – columns', entries: columnsOf(inFlightColumns as never) },
	{ title: 'Disk IO – terms', entries: terms },
];
