/** The table of the stages of a block request, in the order of `enum io_stage` in bpf/io/table.bpf.h. */
import type { Path } from '../../core/stages/stages.ts';

export const IO_PATH = {
	object: 'request',
	stages: [
		{
			name: 'fs',
			title: 'FS',
			from: 'system call',
			to: 'bio queued',
			depth: 'full',
			help: 'Page cache and file system: from the system call to the block layer.',
		},
		{
			name: 'request',
			title: 'REQ',
			from: 'bio queued',
			to: 'got request',
			depth: 'block',
			help: 'Waiting for a request: a free tag, splitting, write-back throttling (wbt), limits by io.cost or io.latency, a zone. Requests that io.max held back (column HELD) waited before this stage, in fs.',
		},
		{
			name: 'plug',
			title: 'PLUG',
			from: 'got request',
			to: 'inserted',
			depth: 'block',
			help: 'Held by the submitting task, which collects requests before it submits them.',
		},
		{
			name: 'queue',
			title: 'QUEUE',
			from: 'inserted',
			to: 'issued',
			depth: 'block',
			help: 'In the IO scheduler, or waiting for a busy driver. Requests that skip both are not counted.',
		},
		{
			name: 'device',
			title: 'DEV',
			from: 'issued',
			to: 'completed',
			depth: 'block',
			help: 'Driver and device. Of a stacked device (dm, md): everything below it.',
		},
		{
			name: 'wake',
			title: 'WAKE',
			from: 'completed',
			to: 'task runs',
			depth: 'full',
			help: 'From the completion until the task that waited for it has a CPU again.',
		},
		{
			name: 'return',
			title: 'RET',
			from: 'task runs',
			to: 'returned',
			depth: 'full',
			help: 'From there to the return to user space.',
		},
	],
} as const satisfies Path;
