/** Kind and owner of requests, against the kernel's own counters or the size of the load. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { sanitize } from '../../src/lib/sanitize.ts';
import { cgroupMount } from '../../src/system/cgroups.ts';
import { io } from '../../src/tracers/io/tracer.ts';
import { type Sample, sample } from '../truth/counters.ts';
import { laidOut } from '../truth/fio.ts';
import { realHost, seconds } from '../truth/host.ts';
import { kernelRequests, ourRequests } from '../truth/io-counters.ts';
import { onDisk } from '../truth/load.ts';
import { onLoop } from '../truth/slow-device.ts';
import { type Check, check, checkCounters } from './check.ts';
import { countHidden, REQUESTS, requestsOf } from './hidden.ts';

const run = promisify(execFile);

const BLOCK = 64 << 10;

/** A new control group of the unified hierarchy, by its folder and its path; removed when it has no process any more. */
async function inGroup<T>(use: (folder: string, path: string) => Promise<T>): Promise<T> {
	const mount = cgroupMount('/proc');
	if (!mount) throw new Error('no cgroup2 is mounted');
	const path = `/wattlag-verify-${process.pid}`;
	const folder = join(mount.folder, path);
	mkdirSync(folder);
	try {
		return await use(folder, path);
	} finally {
		rmdirSync(folder);
	}
}

/** Synchronous writes on a disk with a cache, under a filter, and discards: they are counted apart. */
export async function flushedAndDiscarded(): Promise<Check[]> {
	return onLoop(64, async (disk) => {
		const session = io.start(realHost(), { slow: 1000, device: disk });
		try {
			const dev = devOf(disk);
			const take = (): Sample => sample(kernelRequests, () => ourRequests(session.read(1e9, 'operation')));
			const stop = await countHidden(requestsOf(dev));
			const from = take();
			const direct = ['if=/dev/zero', `of=${disk}`, 'bs=4k', 'count=500', 'oflag=direct,dsync', 'status=none'];
			await run('dd', direct);
			await run('blkdiscard', ['-o', String(8 << 20), '-l', String(16 << 20), disk]);
			await seconds(0.3);
			const samples = { from, to: take() };
			const hidden = await stop();
			const bounds = { bound: 0.005, hidden: hidden.get('writes') ?? 0, slack: cpus().length };
			const inBytes = { ...bounds, hidden: bounds.hidden * 4096, slack: 0 };
			return [
				checkCounters(
					'writes that a flush follows, --device',
					'/proc/diskstats',
					'requests',
					samples,
					[`${dev} writes`],
					{
						...bounds,
						note: 'O_DSYNC',
					},
				),
				checkCounters(
					'bytes written, beside discards',
					'/proc/diskstats',
					'bytes',
					samples,
					[`${dev} writes bytes`],
					inBytes,
				),
				checkCounters('bytes discarded', '/proc/diskstats', 'bytes', samples, [`${dev} discards bytes`], {
					bound: 0.005,
					hidden: (hidden.get('all') ?? 0) * (1 << 20),
				}),
			];
		} finally {
			session.close();
		}
	});
}

/** A process that takes another name and control group between two reads: all of its bytes are under the new ones. */
export async function renamedAndMoved(): Promise<Check[]> {
	return inGroup((folder, path) =>
		onDisk(async (directory) => {
			const [first, second] = [await laidOut(directory, 'first', 4), await laidOut(directory, 'second', 4)];
			const session = io.start(realHost(), { slow: 1000, directory });
			try {
				session.read(1e9, 'process');
				const stop = await countHidden(REQUESTS);
				const ownReads =
					'while read -r key value; do case $key in read_bytes:) echo $value;; esac; done < /proc/self/io';
				const script = [
					ownReads,
					`exec 3< ${first}; read -r -N 500000 x <&3`,
					'printf verified > /proc/self/comm',
					`echo $$ > ${folder}/cgroup.procs`,
					`exec 4< ${second}; read -r -N 500000 x <&4`,
					ownReads,
				];
				const { stdout } = await run('bash', ['-c', script.join('\n')], { env: { ...process.env, LC_ALL: 'C' } });
				await seconds(0.3);
				const { rows } = session.read(1e9, 'process');
				const hidden = (await stop()).get('reads') ?? 0;
				const [before = 0, after = 0] = stdout.trim().split('\n').map(Number);
				const named = rows.filter(({ comm, cgroup }) => comm === 'verified' && cgroup === sanitize(path));
				const ours = named.reduce((sum, { bytes_total }) => sum + bytes_total, 0);
				return [
					check(
						'bytes read, by name and control group after both changed',
						'/proc/PID/io',
						'bytes',
						{ ours, least: after - before, most: after - before },
						// read-ahead makes requests of up to 128 KiB
						{ bound: 0.005, hidden: hidden * (128 << 10) },
					),
				];
			} finally {
				session.close();
			}
		}),
	);
}

const devOf = (device: string): string => readFileSync(`/sys/class/block/${basename(device)}/dev`, 'utf8').trim();

/**
 * A device whose driver makes other IO of what it gets, or keeps it: encrypted where the kernel can, else compressed.
 * @param use `below`: the device that has the requests; without one none can be hidden
 */
async function onStacked<T>(use: (device: string, what: string, below?: string) => Promise<T>): Promise<T | undefined> {
	const canCrypt = await run('dmsetup', ['targets']).then(
		({ stdout }) => stdout.includes('crypt'),
		() => false,
	);
	if (canCrypt) {
		return onLoop(64, async (disk) => {
			const name = `wattlag-verify-${process.pid}`;
			const size = Number((await run('blockdev', ['--getsz', disk])).stdout);
			const table = `0 ${size} crypt aes-xts-plain64 ${'ab'.repeat(32)} 0 ${disk} 0`;
			await run('dmsetup', ['create', name, '--table', table]);
			try {
				return await use(`/dev/mapper/${name}`, 'encrypted (dm-crypt)', disk);
			} finally {
				await run('dmsetup', ['remove', '--retry', name]);
			}
		});
	}
	const control = '/sys/class/zram-control';
	if (!existsSync(control)) return undefined;
	const number = readFileSync(join(control, 'hot_add'), 'utf8').trim();
	const device = `zram${number}`;
	try {
		writeFileSync(`/sys/block/${device}/disksize`, '64M');
		for (let tries = 0; !existsSync(`/dev/${device}`) && tries < 20; tries++) await seconds(0.05);
		if (!existsSync(`/dev/${device}`)) {
			const [major, minor] = readFileSync(`/sys/block/${device}/dev`, 'utf8').trim().split(':');
			await run('mknod', [`/dev/${device}`, 'b', major as string, minor as string]);
		}
		return await use(`/dev/${device}`, 'compressed (zram; no dm-crypt here)');
	} finally {
		writeFileSync(`/sys/block/${device}/reset`, '1');
		writeFileSync(join(control, 'hot_remove'), number);
	}
}

/** Writes to such a device are those of the control group that made them, once. */
export async function stackedWrites(): Promise<Check[]> {
	const checks = await inGroup((folder, path) =>
		onStacked(async (device, what, below) => {
			const session = io.start(realHost(), { slow: 1000 });
			try {
				session.read(1e9, 'process');
				const stop = below === undefined ? undefined : await countHidden(requestsOf(devOf(below)));
				const blocks = 64;
				const write = `exec dd if=/dev/zero of=${device} bs=${BLOCK} count=${blocks} oflag=direct status=none`;
				await run('sh', ['-c', `echo $$ > ${folder}/cgroup.procs; ${write}`]);
				await seconds(0.3);
				const { rows } = session.read(1e9, 'process');
				const hidden = (await stop?.())?.get('writes') ?? 0;
				const ours = rows.reduce((sum, row) => sum + (row.cgroup === sanitize(path) ? row.bytes_total : 0), 0);
				const truth = { ours, least: blocks * BLOCK, most: blocks * BLOCK };
				return [
					check(`bytes written ${what}, by control group`, 'size of the load', 'bytes', truth, {
						bound: 0.005,
						hidden: hidden * BLOCK,
					}),
				];
			} finally {
				session.close();
			}
		}),
	);
	return checks ?? [];
}
