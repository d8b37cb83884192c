/** Counts of disk requests against /proc/diskstats, their latency against fio's own figures. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { io } from '../../src/tracers/io.ts';
import { type Counters, hiddenShare, type Sample, sample } from '../truth/counters.ts';
import { realHost, seconds } from '../truth/host.ts';
import { kernelRequests, ourRequests } from '../truth/io-counters.ts';
import { dd, directIo, onDisk } from '../truth/load.ts';
import { type Check, check, checkCounters } from './check.ts';

const run = promisify(execFile);

export async function requests(): Promise<Check[]> {
	const session = io.start(realHost(), { slow: 1000 });
	let devices = new Set<string>();
	const take = (): Sample =>
		sample(kernelRequests, () => {
			const reading = session.read(1e9, 'operation');
			devices = new Set(reading.rows.map((row) => row.dev));
			return ourRequests(reading);
		});
	try {
		// what was in flight at start is not ours to count
		await seconds(0.3);
		return await onDisk(async (directory) => {
			const from = take();
			await directIo(directory, 8000);
			await dd('if=/dev/zero', `of=${join(directory, 'buffered')}`, 'bs=64k', 'count=1000', 'conv=fsync');
			const samples = { from, to: take() };
			const keys = (...groups: string[]): string[] =>
				[...devices].flatMap((dev) => groups.map((group) => `${dev} ${group}`));
			const bounds = { bound: 0.005, hidden: hiddenShare(from, samples.to), slack: cpus().length };
			const counted = ['reads', 'writes', 'discards', 'flushes'];
			return [
				checkCounters('disk requests, all', '/proc/diskstats', 'requests', samples, keys(...counted), bounds),
				checkCounters('disk reads', '/proc/diskstats', 'requests', samples, keys('reads'), bounds),
				checkCounters('disk writes', '/proc/diskstats', 'requests', samples, keys('writes'), bounds),
				checkCounters(
					'bytes read and written',
					'/proc/diskstats',
					'bytes',
					samples,
					keys('reads bytes', 'writes bytes'),
					{
						...bounds,
						slack: cpus().length * 1_310_720,
						note: 'a large request on each CPU allowed',
					},
				),
			];
		});
	} finally {
		session.close();
	}
}

interface FioRead {
	clat_ns: { N: number; mean: number; percentile: Record<string, number> };
}

/** ns that the reads of a device (`major:minor`) have taken, by the kernel's count, from their allocation on. */
function timeReading(dev: string): number {
	for (const line of readFileSync('/proc/diskstats', 'utf8').split('\n')) {
		const [major, minor, , , , , ms] = line.trim().split(/\s+/);
		if (`${major}:${minor}` === dev) return Number(ms) * 1e6;
	}
	throw new Error(`no device ${dev} in /proc/diskstats`);
}

/**
 * fio's clock runs from the submission to the return of the system call that reaps the request: ours must lie within, and
 * not be less than half of it.
 */
export async function latency(): Promise<Check[]> {
	const session = io.start(realHost(), { slow: 1000 });
	try {
		return await onDisk(async (directory) => {
			const fio = async (...options: string[]): Promise<FioRead> => {
				const { stdout } = await run('fio', [
					...['--name=verify', '--size=64M', '--rw=randread', '--bs=4k', '--direct=1', '--ioengine=psync'],
					...['--output-format=json', ...options],
				]);
				return (JSON.parse(stdout) as { jobs: { read: FioRead }[] }).jobs[0]?.read as FioRead;
			};
			const file = `--filename=${join(directory, 'fio')}`;
			await fio(file, '--number_ios=1');
			await seconds(0.2);
			const [dev] = session
				.read(1e9, 'operation')
				.rows.filter(({ op }) => op === 'read')
				.sort((a, b) => b.count_total - a.count_total)
				.map((row) => String(row.dev));
			if (dev === undefined) throw new Error('no device was read from');
			const sums = (): Counters =>
				new Map(
					session
						.read(1e9, 'operation')
						.rows.filter((one) => one.op === 'read' && one.dev === dev)
						.map((one) => [dev, one.stages_total['total']?.sum_ns ?? 0]),
				);
			const time = (): Sample => sample(() => new Map([[dev, timeReading(dev)]]), sums);
			const from = time();
			const { clat_ns: theirs } = await fio(file, '--number_ios=8000');
			const row = session.read(1e9, 'operation').rows.find((one) => one.op === 'read' && one.dev === dev);
			const samples = { from, to: time() };
			const total = row?.stages['total'];
			if (!total) throw new Error('no row with the reads of fio');
			const median = theirs.percentile['50.000000'] as number;
			const tail = theirs.percentile['99.000000'] as number;
			// what of a read is outside of the block layer: system call, file system, and waking the reader up again
			const outside = 0.5;
			const note = "fio's clock holds ours and the system call, file system and wake-up around it";
			const within = (ours: number, most: number): { ours: number; least: number; most: number } => ({
				ours,
				least: most * outside,
				most,
			});
			const truth = "fio's clat";
			return [
				checkCounters('time in disk reads', '/proc/diskstats, ms reading', 'ns', samples, [dev], {
					bound: 0.03,
					hidden: hiddenShare(samples.from, samples.to),
					slack: 2e6,
					note: "the kernel's begins at the allocation of the request, ours at the queueing of its bio",
				}),
				check('disk latency, mean', truth, 'ns', within(total.mean_ns, theirs.mean), { bound: 0.01, note }),
				check('disk latency, median', truth, 'ns', within(total.p50_ns, median), { bound: 0.25, note }),
				check('disk latency, 99 %', truth, 'ns', within(total.p99_ns, tail), { bound: 0.25, note }),
			];
		});
	} finally {
		session.close();
	}
}
