/** fio, and what it says of its own requests. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { dd } from './load.ts';

export interface FioLatency {
	N: number;
	mean: number;
	max: number;
	percentile: Record<string, number>;
}

interface FioOutput {
	jobs: Record<
		'read' | 'write',
		{ total_ios: number; iops: number; lat_ns: Pick<FioLatency, 'mean'>; clat_ns: FioLatency }
	>[];
}

export interface FioJob {
	/** Of the process whose threads do the IO. */
	pid: number;
	done: Promise<FioOutput['jobs'][number]>;
}

/** A file of `megabytes` that lies on the disk. */
export async function laidOut(directory: string, name: string, megabytes: number): Promise<string> {
	const file = join(directory, name);
	await dd('if=/dev/zero', `of=${file}`, 'bs=1M', `count=${megabytes}`, 'oflag=direct');
	return file;
}

/** What all jobs have in common. */
export const FIXED = ['--name=job', '--bs=4k', '--thread', '--output-format=json'] as const;

/** One job on one file, 4 KiB at a time. Options as on fio's command line. */
export function fio(file: string, ...options: string[]): FioJob {
	return jobOf(spawn('fio', [`--filename=${file}`, ...FIXED, ...options], { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** A process that is, or becomes, fio with one job. */
export function jobOf(child: ChildProcessByStdio<null, Readable, null>): FioJob {
	const done = Promise.all([text(child.stdout), once(child, 'close')]).then(([output, [code]]) => {
		if (code !== 0) throw new Error(`fio ended with ${code}`);
		return (JSON.parse(output) as FioOutput).jobs[0] as FioOutput['jobs'][number];
	});
	return { pid: child.pid as number, done };
}
