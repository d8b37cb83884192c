/** Kinds of requests: discards and write-zeroes beside /proc/diskstats and /proc/PID/io, failed requests beside fio. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type Counters, happened, hiddenShare, sample } from './brackets.ts';
import { seconds } from './host.ts';
import { kernelRequests } from './io-counters.ts';
import { ioSessions } from './io-session.ts';
import { onDisk } from './load.ts';
import { onLoop } from './slow-device.ts';

const run = promisify(execFile);

const start = ioSessions();

const numberOf = (path: string): string =>
	readFileSync(`/sys/class/block/${path.replace('/dev/', '')}/dev`, 'utf8').trim();

/** Bytes that a command is charged with by the kernel, and those of its requests as we have them. */
async function measured(command: string[], device: string) {
	const running = start({ device });
	await seconds(0.3);
	running.read(1e9, 'operation');
	const from = sample(kernelRequests, (): Counters => new Map());
	const child = spawn('sh', ['-c', '"$@"; cat /proc/self/io', 'sh', ...command], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	let output = '';
	child.stdout.on('data', (data) => {
		output += data;
	});
	await once(child, 'close');
	await seconds(0.2);
	const to = sample(kernelRequests, (): Counters => new Map());
	return { reading: running.read(1e9, 'operation'), from, to, output };
}

test('fstrim discards: no byte of it is written, and the discarded ones are those of /proc/diskstats', async () => {
	await onLoop(64, async (disk) => {
		const mount = `/tmp/wattlag-trim-${process.pid}`;
		await run('mkfs.ext4', ['-q', '-E', 'nodiscard', disk]);
		mkdirSync(mount);
		await run('mount', [disk, mount]);
		try {
			await run('sync', ['--file-system', mount]);
			const { reading, from, to } = await measured(['fstrim', mount], disk);
			const hidden = hiddenShare(from, to);
			const discarded = happened(from, to, `${numberOf(disk)} discards bytes`);
			expect(discarded).toBeGreaterThan(8 << 20);
			const row = reading.rows.find(({ op }) => op === 'discard');
			expect(row?.bytes).toBe(0);
			expect(row?.bytes_discarded).toBeGreaterThanOrEqual(discarded * (0.99 - hidden));
			expect(row?.bytes_discarded).toBeLessThanOrEqual(discarded);
			const fstrim = reading.extra.processes.find(({ comm, bytes_discarded }) => comm === 'fstrim' && bytes_discarded);
			expect(fstrim?.bytes_discarded).toBeGreaterThanOrEqual(discarded * (0.99 - hidden));
			expect(fstrim?.bytes_written).toBeLessThan(1 << 20);
		} finally {
			await run('umount', [mount]);
			rmdirSync(mount);
		}
	});
});

test('write-zeroes are no written bytes', async () => {
	await onLoop(64, async (disk) => {
		const { reading } = await measured(['blkdiscard', '--zeroout', disk], disk);
		const row = reading.rows.find(({ op }) => op === 'write_zeroes');
		expect(row).toMatchObject({ bytes: 0, bytes_zeroed: 32 << 20 });
		expect(reading.extra.processes).toMatchObject([{ bytes_zeroed: 32 << 20, bytes_written: 0 }]);
	});
});

test('reads behind the end of a shrunken disk file are errors', async () => {
	await onDisk(async (directory) => {
		const image = join(directory, 'image');
		await run('dd', ['if=/dev/urandom', `of=${image}`, 'bs=1M', 'count=8', 'status=none']);
		const disk = (await run('losetup', ['--find', '--show', '--direct-io=on', image])).stdout.trim();
		try {
			const running = start({ device: disk });
			await seconds(0.3);
			truncateSync(image, 4 << 20);
			running.read(1e9, 'operation');
			const read = (skip: number) =>
				run('dd', [
					`if=${disk}`,
					'of=/dev/null',
					'bs=64k',
					'count=16',
					`skip=${skip}`,
					'iflag=direct',
					'status=none',
				]).then(
					() => 0,
					() => 1,
				);
			expect(await read(0)).toBe(0);
			const whole = running.read(1e9, 'operation').rows.find(({ op }) => op === 'read');
			expect(whole?.errors).toBeUndefined();
			let failed = 0;
			for (let skip = 64; skip < 96; skip++) failed += await read(skip);
			const reading = running.read(1e9, 'operation');
			const row = reading.rows.find(({ op }) => op === 'read');
			expect(failed).toBe(32);
			expect(row?.errors).toBeGreaterThanOrEqual(32 * 0.8);
			expect(row?.errors).toBeLessThanOrEqual(row?.count ?? 0);
			expect(reading.extra.processes.reduce((sum, { errors = 0 }) => sum + errors, 0)).toBe(row?.errors);
		} finally {
			await run('losetup', ['--detach', disk]);
		}
	});
});
