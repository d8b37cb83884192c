/** fio, and what it says of its own requests. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { dd } from './load.ts';

export interface FioLatency {
	N: number;
	mean: number;
	max: number;
	percentile: Record<string, number>;
}

interface FioOutput {
	jobs: Record<'read' | 'write', { total_ios: number; iops: number; clat_ns: FioLatency }>[];
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

/** One job on one file, 4 KiB at a time. Options as on fio's command line. */
export function fio(file: string, ...options: string[]): FioJob {
	const fixed = ['--name=job', `--filename=${file}`, '--bs=4k', '--thread', '--output-format=json'];
	const child = spawn('fio', [...fixed, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
	const done = Promise.all([text(child.stdout), once(child, 'close')]).then(([output, [code]]) => {
		if (code !== 0) throw new Error(`fio ended with ${code}`);
		return (JSON.parse(output) as FioOutput).jobs[0] as FioOutput['jobs'][number];
	});
	return { pid: child.pid as number, done };
}
