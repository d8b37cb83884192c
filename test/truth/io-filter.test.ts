/** Measuring one partition or one thread only: against what the kernel counts for it. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import type { Options } from '../../src/core/tracer.ts';
import { type Counters, expectAgreement, happened, hiddenShare, sample } from './brackets.ts';
import { fio, laidOut } from './fio.ts';
import { seconds } from './host.ts';
import { SLACK } from './io-agreement.ts';
import { kernelRequests, ourRequests } from './io-counters.ts';
import { ioSessions } from './io-session.ts';
import { onDisk } from './load.ts';
import { onLoop } from './slow-device.ts';

const run = promisify(execFile);

const start = ioSessions();

/** A loop device cut in two, its parts from a third of it on. */
async function onPartitions(use: (first: string, second: string, disk: string) => Promise<void>): Promise<void> {
	await onLoop(64, async (disk) => {
		const parts = ['1', '2'];
		try {
			for (const [index, part] of parts.entries())
				await run('addpart', [disk, part, `${(index + 1) * 20_480}`, '20480']);
			await use(`${disk}p1`, `${disk}p2`, disk);
		} finally {
			for (const part of parts) await run('delpart', [disk, part]).catch(() => undefined);
		}
	});
}

/** `major:minor`, as /proc/diskstats has it. */
function numberOf(path: string): string {
	return readFileSync(`/sys/class/block/${path.replace('/dev/', '')}/dev`, 'utf8').trim();
}

const LOAD = ['--size=10M', '--rw=randrw', '--direct=1', '--ioengine=libaio', '--iodepth=4'];

test('a partition: its requests and not those of its neighbour, counted as /proc/diskstats does', async () => {
	await onPartitions(async (first, second, disk) => {
		const running = start({ device: first });
		await seconds(0.3);
		const [part, whole] = [numberOf(first), numberOf(disk)];
		let strayed = 0;
		const take = () =>
			sample(kernelRequests, () => {
				const reading = running.read(1e9, 'operation');
				const strays = reading.rows.filter(({ dev }) => dev !== whole);
				strayed += strays.reduce((sum, { count }) => sum + count, 0);
				// ours are rows of the disk
				return new Map([...ourRequests(reading)].map(([key, count]) => [key.replace(whole, part), count]));
			});
		const from = take();
		await Promise.all([first, second].map((path) => fio(path, ...LOAD).done));
		const to = take();
		for (const group of ['reads', 'writes']) {
			expect(happened(from, to, `${part} ${group}`)).toBeGreaterThan(1000);
			expect(happened(from, to, `${numberOf(second)} ${group}`), 'the neighbour is busy').toBeGreaterThan(1000);
			expectAgreement(from, to, `${part} ${group}`, 0.005, SLACK, hiddenShare(from, to));
			expectAgreement(from, to, `${part} ${group} bytes`, 0.005, SLACK * 4096, hiddenShare(from, to));
		}
		// where BPF does not see some bios being queued (those of process 1 on this kind of machine), one may be taken for the bio
		// that was at its address before
		expect(strayed).toBeLessThan(happened(from, to, `${part} reads`) * Math.max(0.001, hiddenShare(from, to)));
		expect(running.read(1e9, 'operation').extra.filter).toBe(`device ${first}`);
	});
});

test('the whole disk has the requests of all its partitions', async () => {
	await onPartitions(async (first, second, disk) => {
		const running = start({ device: disk });
		await seconds(0.3);
		const whole = numberOf(disk);
		const take = () => sample(kernelRequests, () => ourRequests(running.read(1e9, 'operation')));
		const from = take();
		await Promise.all([first, second].map((path) => fio(path, ...LOAD).done));
		const to = take();
		expect(happened(from, to, `${whole} reads`)).toBeGreaterThan(2000);
		expectAgreement(from, to, `${whole} reads`, 0.005, SLACK, hiddenShare(from, to));
	});
});

/** Bytes that each thread has had read from disks, as the kernel charges it when it asks. */
function bytesReadBy(pid: number, tid: number): number {
	return Number(/^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/task/${tid}/io`, 'utf8'))?.[1]);
}

test('a thread: its reads and not those of the other threads of its process, as /proc/PID/task/TID/io counts', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const reads = ['--size=32M', '--rw=randread', '--direct=1', '--ioengine=psync', '--numjobs=3', '--group_reporting'];
		const load = fio(file, ...reads, '--time_based', '--runtime=60');
		const ended = load.done.catch(() => undefined);
		// fio's first thread watches the others
		const reading = () =>
			readdirSync(`/proc/${load.pid}/task`)
				.map(Number)
				.filter((tid) => tid !== load.pid && bytesReadBy(load.pid, tid) > 1e6);
		await vi.waitFor(() => expect(reading()).toHaveLength(3), { timeout: 60_000, interval: 100 });
		const threads = reading();
		const tid = threads[1] as number;
		const running = start({ tid });
		await seconds(0.2);
		const kernel = (): Counters => new Map([['bytes', bytesReadBy(load.pid, tid)]]);
		const take = () =>
			sample(kernel, () => {
				const { rows } = running.read(1e9, 'operation');
				expect(rows.filter(({ op }) => op !== 'read')).toEqual([]);
				return new Map([['bytes', rows.reduce((sum, row) => sum + row.bytes_total, 0)]]);
			});
		const from = take();
		await seconds(1);
		const to = take();
		process.kill(load.pid, 'SIGKILL');
		await ended;
		expect(happened(from, to, 'bytes')).toBeGreaterThan(1e6);
		// one read at a time is asked for and not done yet
		expectAgreement(from, to, 'bytes', 0.005, 2 * 4096, hiddenShare(from, to));
	});
});

test.each([
	['device', (disk: string): Options => ({ device: disk })],
	['comm', (): Options => ({ comm: 'dd' })],
] as const)(
	'filter by %s: each write that a flush follows is one write, as /proc/diskstats counts',
	async (_, filter) => {
		await onLoop(64, async (disk) => {
			const running = start(filter(disk));
			await seconds(0.3);
			const dev = numberOf(disk);
			let latencies = 0;
			const take = () =>
				sample(kernelRequests, () => {
					const reading = running.read(1e9, 'operation');
					const rows = reading.rows.filter((row) => row.dev === dev && row.op === 'write');
					latencies += rows.reduce((sum, { stages }) => sum + (stages['total']?.count ?? 0), 0);
					return ourRequests(reading);
				});
			const from = take();
			await run('dd', [
				'if=/dev/zero',
				`of=${disk}`,
				'bs=4k',
				'count=200',
				'oflag=direct,dsync',
				'conv=notrunc',
				'status=none',
			]);
			const to = take();
			const made = happened(from, to, `${dev} writes`);
			expect(made).toBeGreaterThanOrEqual(200);
			expectAgreement(from, to, `${dev} writes`, 0.005, SLACK, hiddenShare(from, to));
			expectAgreement(from, to, `${dev} writes bytes`, 0.005, SLACK * 4096, hiddenShare(from, to));
			expect(latencies).toBeGreaterThan(200 * (0.99 - hiddenShare(from, to)));
		});
	},
);
