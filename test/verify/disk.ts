/** Counts of disk requests against /proc/diskstats, their latency against the kernel's and fio's own figures. */
import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { IoRow } from '../../src/io/snapshot.ts';
import { io } from '../../src/tracers/io.ts';
import { between, type Sample, sample } from '../truth/counters.ts';
import { realHost, seconds } from '../truth/host.ts';
import { kernelRequests, ourRequests } from '../truth/io-counters.ts';
import { leashed } from '../truth/leftovers.ts';
import { dd, directIo, onDisk } from '../truth/load.ts';
import { type Check, check, checkCounters } from './check.ts';
import { countHidden, REQUESTS } from './hidden.ts';

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
		const stop = await countHidden(REQUESTS);
		return await onDisk(async (directory) => {
			const from = take();
			await directIo(directory, 8000);
			await dd('if=/dev/zero', `of=${join(directory, 'buffered')}`, 'bs=64k', 'count=1000', 'conv=fsync');
			const samples = { from, to: take() };
			const hidden = await stop();
			const compare = (figure: string, label: string, groups: readonly string[]): Check => {
				const keys = [...devices].flatMap((dev) => groups.map((group) => `${dev} ${group}`));
				const bounds = { bound: 0.005, hidden: hidden.get(label) ?? 0, slack: cpus().length };
				return checkCounters(figure, '/proc/diskstats', 'requests', samples, keys, bounds);
			};
			const bytes = [...devices].flatMap((dev) => [`${dev} reads bytes`, `${dev} writes bytes`]);
			return [
				compare('disk requests, all', 'all', ['reads', 'writes', 'discards', 'flushes']),
				compare('disk reads', 'reads', ['reads']),
				compare('disk writes', 'writes', ['writes']),
				checkCounters('bytes read and written', '/proc/diskstats', 'bytes', samples, bytes, {
					bound: 0.005,
					// the two are of 4 KiB, but for the few that a page cache writes
					hidden: (hidden.get('all') ?? 0) * 4096,
					slack: cpus().length * 1_310_720,
					note: 'a large request on each CPU allowed',
				}),
			];
		});
	} finally {
		session.close();
	}
}

interface FioRead {
	clat_ns: { mean: number; percentile: Record<string, number> };
}

/** Reads of a device (`major:minor`) by the kernel's count, and the ns they have taken, from their allocation on. */
function readsOf(dev: string): Map<string, number> {
	for (const line of readFileSync('/proc/diskstats', 'utf8').split('\n')) {
		const [major, minor, , count, , , ms] = line.trim().split(/\s+/);
		if (`${major}:${minor}` === dev) return totals(Number(count), Number(ms) * 1e6);
	}
	throw new Error(`no device ${dev} in /proc/diskstats`);
}

const totals = (count: number, ns: number): Map<string, number> => new Map(Object.entries({ count, ns }));

const readsIn = (rows: readonly IoRow[], dev: string): IoRow | undefined =>
	rows.find((row) => row.op === 'read' && row.dev === dev);

/** The kernel's end of a read comes after that of its bio, which wakes the reader: 0.7 to 1.0 µs were seen, ns. */
const WAKE_UP = 1000;

/** Mean time of a disk read, whoever reads, by ours and by the kernel's sums: what is hidden from us changes it little. */
function meanRead(from: Sample, to: Sample): Check {
	const [count, ns] = [between(from, to, 'count'), between(from, to, 'ns')];
	return check(
		'mean time of a disk read',
		'/proc/diskstats, ms reading',
		'ns',
		{ ours: ns.ours / count.ours, least: ns.least / count.most, most: ns.most / count.least },
		{
			bound: 0.03,
			slack: WAKE_UP,
			note: "the kernel's ends when the reader has been woken (1 µs allowed), ours before",
		},
	);
}

/**
 * fio's clock runs from the submission to the return of the system call that reaps the request: ours must lie within, and
 * not be less than half of it. Ours is of fio alone: it runs under a name of its own, which is filtered for, and
 * does not wait for a CPU, whoever wants one.
 */
export async function latency(): Promise<Check[]> {
	return onDisk(async (directory) => {
		const name = `verify${process.pid}`;
		const { stdout: path } = await promisify(execFile)('sh', ['-c', 'command -v fio']);
		symlinkSync(path.trim(), join(directory, name));
		const fio = async (reads: number): Promise<FioRead> => {
			const what = [`--filename=${join(directory, 'fio')}`, '--size=64M', '--rw=randread', '--bs=4k', '--direct=1'];
			const how = ['--name=verify', '--ioengine=psync', `--number_ios=${reads}`, '--output-format=json'];
			const { stdout } = await promisify(execFile)(
				...leashed('chrt', '-f', '50', join(directory, name), ...what, ...how),
			);
			return (JSON.parse(stdout) as { jobs: { read: FioRead }[] }).jobs[0]?.read as FioRead;
		};
		const [all, own] = [io.start(realHost(), { slow: 1000 }), io.start(realHost(), { slow: 1000, comm: name })];
		try {
			// the first one lays the file out
			await fio(1);
			await seconds(0.2);
			const dev = own.read(1e9, 'operation').rows.find(({ op }) => op === 'read')?.dev;
			if (dev === undefined) throw new Error('no device was read from');
			const take = (): Sample =>
				sample(
					() => readsOf(dev),
					() => {
						const row = readsIn(all.read(1e9, 'operation').rows, dev);
						return totals(row?.count_total ?? 0, row?.stages_total['total']?.sum_ns ?? 0);
					},
				);
			const from = take();
			const { clat_ns: theirs } = await fio(8000);
			const to = take();
			const ours = readsIn(own.read(1e9, 'operation').rows, dev)?.stages['total'];
			if (!ours) throw new Error('no row with the reads of fio');
			const compare = (figure: string, value: number, whole: number, bound: number): Check =>
				check(figure, "fio's clat", 'ns', { ours: value, least: whole / 2, most: whole }, { bound, note });
			const note = "fio's clock holds ours and the system call, file system and wake-up around it";
			return [
				meanRead(from, to),
				compare('disk latency, mean', ours.mean_ns, theirs.mean, 0.01),
				compare('disk latency, median', ours.p50_ns, theirs.percentile['50.000000'] as number, 0.25),
				compare('disk latency, 99 %', ours.p99_ns, theirs.percentile['99.000000'] as number, 0.25),
			];
		} finally {
			all.close();
			own.close();
		}
	});
}
