/** Counts of disk requests against /proc/diskstats, their latency against the kernel's and fio's own figures. */
import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { IoRow } from '../../src/tracers/io/snapshot.ts';
import { io } from '../../src/tracers/io/tracer.ts';
import { between, type Sample, sample } from '../truth/counters.ts';
import { realHost } from '../truth/host.ts';
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

type IoSession = ReturnType<typeof io.start>;
type Between = ReturnType<typeof between>;

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

/**
 * The kernel's end of a read comes after that of its bio, which wakes the reader, ns: 0.7 to 1.4 µs were seen where the
 * disk's interrupt comes to the reader's own CPU, and 5 to 7 µs where it is on another one, which has to be interrupted.
 */
const WAKE_UP = 1000;

/** Interrupts of devices so far, by CPU. */
function interruptsByCpu(): number[] {
	const sums: number[] = [];
	for (const line of readFileSync('/proc/interrupts', 'utf8').split('\n')) {
		const counts = /^\s*\d+:((?:\s+\d+)+)/.exec(line)?.[1]?.trim().split(/\s+/) ?? [];
		for (const [cpu, count] of counts.entries()) sums[cpu] = (sums[cpu] ?? 0) + Number(count);
	}
	return sums;
}

/** The CPU to which most of the interrupts come that `use` causes. */
async function interruptedCpu(use: () => Promise<unknown>): Promise<number> {
	const before = interruptsByCpu();
	await use();
	const came = interruptsByCpu().map((count, cpu) => count - (before[cpu] ?? 0));
	return came.indexOf(Math.max(...came));
}

interface Reader {
	/** Name of its process, which no other one has. */
	name: string;
	/** Direct random reads of 4 KiB, one at a time. */
	read(reads: number): Promise<FioRead>;
}

/** fio on the CPU of the disk's interrupts, with a priority at which it does not wait for it. */
async function withReader<T>(use: (reader: Reader) => Promise<T>): Promise<T> {
	return onDisk(async (directory) => {
		const name = `verify${process.pid}`;
		const { stdout: path } = await promisify(execFile)('sh', ['-c', 'command -v fio']);
		symlinkSync(path.trim(), join(directory, name));
		const fio = async (reads: number, cpu: number): Promise<FioRead> => {
			const what = [`--filename=${join(directory, 'fio')}`, '--size=64M', '--rw=randread', '--bs=4k', '--direct=1'];
			const how = ['--name=verify', '--ioengine=psync', `--number_ios=${reads}`, '--output-format=json'];
			const pinned = ['-f', '50', 'taskset', '-c', String(cpu), join(directory, name)];
			const { stdout } = await promisify(execFile)(...leashed('chrt', ...pinned, ...what, ...how));
			return (JSON.parse(stdout) as { jobs: { read: FioRead }[] }).jobs[0]?.read as FioRead;
		};
		// the first one lays the file out
		const cpu = await interruptedCpu(() => fio(1, 0));
		return use({ name, read: (reads) => fio(reads, cpu) });
	});
}

const READS = 8000;
/** Others' reads are in both sums, but not from the same moments on: of so many tries the one with fewest of them counts. */
const TRIES = 5;

/** Mean time of a disk read by ours and by the kernel's sums: what is hidden from us changes it little. */
export async function readTime(): Promise<Check[]> {
	const session = io.start(realHost(), { slow: 1000 });
	try {
		return await withReader(async ({ read }) => {
			const dev = await deviceOf(session, read);
			const take = (): Sample =>
				sample(
					() => readsOf(dev),
					() => {
						const row = readsIn(session.read(1e9, 'operation').rows, dev);
						return totals(row?.count_total ?? 0, row?.stages_total['total']?.sum_ns ?? 0);
					},
				);
			const tries: { count: Between; ns: Between }[] = [];
			while (tries.length < TRIES) {
				const from = take();
				await read(READS);
				const to = take();
				tries.push({ count: between(from, to, 'count'), ns: between(from, to, 'ns') });
			}
			const [best] = tries.toSorted((a, b) => a.count.most - b.count.most) as [(typeof tries)[0]];
			const { count, ns } = best;
			const truth = { least: ns.least / count.most, most: ns.most / count.least };
			const note = "the kernel's ends when the reader has been woken (1 µs allowed), ours before";
			const bounds = { bound: 0.03, slack: WAKE_UP, note };
			const ours = ns.ours / count.ours;
			return [check('mean time of a disk read', '/proc/diskstats, ms reading', 'ns', { ours, ...truth }, bounds)];
		});
	} finally {
		session.close();
	}
}

/** Where the reader reads. */
async function deviceOf(session: IoSession, read: Reader['read']): Promise<string> {
	session.read(1e9, 'operation');
	await read(200);
	const rows = session.read(1e9, 'operation').rows.filter(({ op }) => op === 'read');
	const [most] = rows.toSorted((a, b) => b.count - a.count);
	if (most === undefined) throw new Error('no device was read from');
	return most.dev;
}

/**
 * fio's clock runs from the submission to the return of the system call that reaps the request: ours must lie within, and
 * not be less than half of it. Ours is of fio alone: its name is filtered for.
 */
export async function latency(): Promise<Check[]> {
	return withReader(async ({ name, read }) => {
		const session = io.start(realHost(), { slow: 1000, comm: name });
		try {
			const dev = await deviceOf(session, read);
			session.read(1e9, 'operation');
			const { clat_ns: theirs } = await read(READS);
			const ours = readsIn(session.read(1e9, 'operation').rows, dev)?.stages['total'];
			if (!ours) throw new Error('no row with the reads of fio');
			const compare = (figure: string, value: number, whole: number, bound: number): Check =>
				check(figure, "fio's clat", 'ns', { ours: value, least: whole / 2, most: whole }, { bound, note });
			const note = "fio's clock holds ours and the system call, file system and wake-up around it";
			return [
				compare('disk latency, mean', ours.mean_ns, theirs.mean, 0.01),
				compare('disk latency, median', ours.p50_ns, theirs.percentile['50.000000'] as number, 0.25),
				compare('disk latency, 99 %', ours.p99_ns, theirs.percentile['99.000000'] as number, 0.25),
			];
		} finally {
			session.close();
		}
	});
}
