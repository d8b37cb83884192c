/** Every way to do IO: counts against /proc/diskstats, latency against fio's own. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { IoExtra, IoRow } from '../../src/io/snapshot.ts';
import { io } from '../../src/tracers/io.ts';
import type { Options, Session } from '../../src/tracers/tracer.ts';
import { type FioJob, fio, laidOut } from './fio.ts';
import { realHost, seconds } from './host.ts';
import { compare } from './io-agreement.ts';
import { onDisk } from './load.ts';

let session: Session<IoRow, IoExtra> | undefined;

afterEach(() => {
	session?.close();
	session = undefined;
});

function start(options: Options = {}): Session<IoRow, IoExtra> {
	session = io.start(realHost(), { slow: 1000, ...options });
	return session;
}

const ENGINES = {
	psync: ['--ioengine=psync', '--direct=1'],
	libaio: ['--ioengine=libaio', '--iodepth=16', '--direct=1'],
	io_uring: ['--ioengine=io_uring', '--iodepth=16', '--direct=1'],
	// the kernel writes it back later, fio waits for that in the end
	buffered: ['--ioengine=psync', '--direct=0', '--end_fsync=1'],
};

test.each(Object.entries(ENGINES))('%s: counts and bytes agree with /proc/diskstats', async (_, engine) => {
	const made = await compare(start(), async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		await fio(file, '--size=32M', '--rw=randrw', '--number_ios=8000', ...engine).done;
	});
	expect((made['reads'] ?? 0) + (made['writes'] ?? 0)).toBeGreaterThan(3000);
});

/** CPU time of a job's threads, and how long they waited for a CPU, ns: from /proc, until shortly before its end. */
async function scheduled({ pid, done }: FioJob): Promise<{ running: number; waiting: number }> {
	const seen = new Map<string, [number, number]>();
	let ended = false;
	const end = done.finally(() => {
		ended = true;
	});
	while (!ended) {
		try {
			for (const tid of readdirSync(`/proc/${pid}/task`)) {
				const [running, waiting] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ').map(Number);
				seen.set(tid, [running as number, waiting as number]);
			}
		} catch {
			// it has just ended
		}
		await seconds(0.005);
	}
	await end;
	const sum = (of: 0 | 1): number => [...seen.values()].reduce((total, one) => total + one[of], 0);
	return { running: sum(0), waiting: sum(1) };
}

test.each(['psync', 'libaio', 'io_uring'] as const)('%s: latency is that which fio saw', async (engine) => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const running = start({ file });
		// one at a time: what waits in fio's own queues is not in the kernel yet, or not any more
		const job = fio(file, '--size=32M', '--rw=randread', '--number_ios=6000', '--direct=1', `--ioengine=${engine}`);
		const ran = scheduled(job);
		const { read } = await job.done;
		const { running: onCpu, waiting } = await ran;
		const { rows } = running.read(1e9, 'operation');
		expect(rows.map(({ op }) => op)).toEqual(['read']);
		const total = rows[0]?.stages['total'];
		if (!total) throw new Error('no reads of fio');
		// completions that the machine hides from BPF programs are known to be missing (see docs/kernel-notes.md), a second later
		await seconds(1.1);
		const { lost } = running.read(1e9, 'operation');
		expect((rows[0]?.count ?? 0) + (lost['missed_completion'] ?? 0)).toBe(read.total_ios);
		expect(total.count + (lost['unseen_start'] ?? 0)).toBe(rows[0]?.count);
		// fio's clock runs from system call to return: it holds ours, and the way in and out, which is time on the CPU or
		// waiting for one, as the scheduler itself counted it
		const theirs = read.clat_ns.mean * read.total_ios;
		const ours = total.mean_ns * read.total_ios;
		expect(ours).toBeLessThan(theirs);
		expect(ours + onCpu + waiting).toBeGreaterThan(theirs * 0.9);
		// both percentiles are those of a histogram
		expect(total.p99_ns).toBeLessThan((read.clat_ns.percentile['99.000000'] as number) * 1.25);
	});
});

test('in flight while there is load, none left behind', async () => {
	const running = start();
	await seconds(0.2);
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const options = ['--size=32M', '--rw=randread', '--direct=1', '--ioengine=libaio', '--iodepth=16'];
		const load = fio(file, ...options, '--runtime=2', '--time_based');
		let most = 0;
		for (let i = 0; i < 30; i++) {
			await seconds(0.05);
			const { inflight } = running.read(5e7, 'operation').extra;
			most = Math.max(most, inflight.filter(({ pid }) => pid === load.pid).length);
		}
		await load.done;
		expect(most).toBeGreaterThan(0);
	});
	let stuck = Number.POSITIVE_INFINITY;
	for (let i = 0; i < 20 && stuck > 0; i++) {
		await seconds(0.1);
		stuck = running.read(1e8, 'operation').extra.inflight.filter((request) => request.age_ns > 1e9).length;
	}
	expect(stuck).toBe(0);
});
