/** Disks that take milliseconds, by limits of control groups and loop devices: what else takes time hardly counts there. */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { FIXED, type FioJob, jobOf, laidOut } from './fio.ts';
import { onDisk } from './load.ts';

const run = promisify(execFile);

/** A control group with a limit. */
export interface Limited {
	/** Who writes its pid here is limited. */
	procs: string;
	/** When it has no process any more. */
	remove(): void;
}

/** Limit reads per second, of the disk that a file lies on, in a new control group, by whichever hierarchy the machine has. */
export function limited(file: string, reads: number): Limited {
	const { dev } = statSync(file);
	const disk = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
	for (const { root, limit, text } of [
		{ root: '/sys/fs/cgroup/blkio', limit: 'blkio.throttle.read_iops_device', text: `${disk} ${reads}` },
		{ root: '/sys/fs/cgroup', limit: 'io.max', text: `${disk} riops=${reads}` },
	]) {
		const folder = join(root, `wattlag-${process.pid}`);
		if (!existsSync(root)) continue;
		mkdirSync(folder);
		if (existsSync(join(folder, limit))) {
			writeFileSync(join(folder, limit), text);
			return { procs: join(folder, 'cgroup.procs'), remove: () => rmdirSync(folder) };
		}
		rmdirSync(folder);
	}
	throw new Error('no control group limits IO here: mount blkio, or enable io in cgroup.subtree_control');
}

/** A loop device on a file of 32 MiB past the page cache, with as many requests as asked for. */
export async function onLoop<T>(requests: number, use: (path: string, image: string) => Promise<T>): Promise<T> {
	return onDisk(async (directory) => {
		const image = await laidOut(directory, 'image', 32);
		const loop = (await run('losetup', ['--find', '--show', '--direct-io=on', image])).stdout.trim();
		const queue = `/sys/block/${basename(loop)}/queue`;
		try {
			writeFileSync(`${queue}/scheduler`, 'mq-deadline');
			writeFileSync(`${queue}/nr_requests`, String(requests));
			return await use(loop, image);
		} finally {
			await run('losetup', ['--detach', loop]);
		}
	});
}

/**
 * A loop device whose file may be read only so often per second by the fio jobs that are started here. They come before all
 * others on the CPU, so that no busy machine stands between a completion and its being seen.
 */
export async function onSlowDevice(
	reads: number,
	use: (path: string, fio: (...options: string[]) => FioJob) => Promise<void>,
	requests = 64,
): Promise<void> {
	await onLoop(requests, async (loop, image) => {
		const group = limited(image, reads);
		const script = 'fio --version > /dev/null; echo $$ > "$0"; exec chrt --fifo 10 fio "$@"';
		try {
			await use(loop, (...options) =>
				jobOf(
					spawn('sh', ['-c', script, group.procs, `--filename=${loop}`, ...FIXED, ...options], {
						stdio: ['ignore', 'pipe', 'inherit'],
					}),
				),
			);
		} finally {
			group.remove();
		}
	});
}
