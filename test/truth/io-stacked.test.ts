/** Devices without requests, and devices on others: IO is charged once, to the process that asked for it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { loadModule, seconds } from './host.ts';
import { ioSessions } from './io-session.ts';
import { onDisk } from './load.ts';

const run = promisify(execFile);

const start = ioSessions();

const CONTROL = '/sys/class/zram-control';

/** Direct writes of 16 × 64 KiB; returns the pid. */
async function writes(device: string): Promise<number> {
	const operands = ['if=/dev/zero', `of=${device}`, 'bs=64k', 'count=16', 'oflag=direct', 'status=none'];
	const child = spawn('dd', operands, { stdio: 'inherit' });
	expect((await once(child, 'close'))[0]).toBe(0);
	return child.pid as number;
}

test('zram: its bios count in totals and for the process that wrote', async ({ skip }) => {
	loadModule('zram');
	skip(!existsSync(CONTROL), 'this kernel has no zram');
	const number = readFileSync(join(CONTROL, 'hot_add'), 'utf8').trim();
	const device = `zram${number}`;
	try {
		writeFileSync(`/sys/block/${device}/disksize`, '64M');
		for (let tries = 0; !existsSync(`/dev/${device}`) && tries < 20; tries++) await seconds(0.05);
		if (!existsSync(`/dev/${device}`)) {
			const [major, minor] = readFileSync(`/sys/block/${device}/dev`, 'utf8').trim().split(':');
			await run('mknod', [`/dev/${device}`, 'b', major as string, minor as string]);
		}
		const running = start();
		await seconds(0.2);
		running.read(1e9, 'operation');
		const pid = await writes(`/dev/${device}`);
		const { rows, extra } = running.read(1e9, 'operation');
		const row = rows.find((one) => one.device === device && one.op === 'write');
		expect(row).toMatchObject({ bytes: 1 << 20 });
		expect(row?.stacked).toBeUndefined();
		expect(extra.processes.find((one) => one.pid === pid)).toMatchObject({ comm: 'dd', bytes_written: 1 << 20 });
	} finally {
		writeFileSync(`/sys/block/${device}/reset`, '1');
		writeFileSync(join(CONTROL, 'hot_remove'), number);
	}
});

test('a loop device: IO of its file below is charged to no process and no control group', async () => {
	await onDisk(async (directory) => {
		const image = join(directory, 'image');
		await run('dd', ['if=/dev/urandom', `of=${image}`, 'bs=1M', 'count=8', 'conv=fsync', 'status=none']);
		for (const mode of ['on', 'off']) {
			const disk = (await run('losetup', ['--find', '--show', `--direct-io=${mode}`, image])).stdout.trim();
			try {
				const running = start();
				await seconds(0.2);
				running.read(1e9, 'process');
				const pid = await writes(disk);
				await run('sync', ['--file-system', image]);
				const { rows, extra } = running.read(1e9, 'process');
				const group = rows.find((row) => row.pid === pid)?.cgroup;
				expect(extra.processes.find((one) => one.pid === pid)).toMatchObject({ bytes_written: 1 << 20 });
				const again = rows.filter((row) => row.pid !== pid && (row.pid === undefined || row.comm === 'dd'));
				expect(again.filter(({ cgroup, bytes }) => cgroup === group && bytes >= 1 << 20)).toEqual([]);
				const below = start({ device: basename(disk) }).read(1e9, 'device').rows;
				expect(below.every(({ stacked }) => stacked)).toBe(true);
			} finally {
				await run('losetup', ['--detach', disk]);
			}
		}
	});
});
