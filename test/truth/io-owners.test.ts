/** Owner and file of a request, and filters: against processes and files that the test made. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Options, Reading } from '../../src/core/tracer.ts';
import { ProcFacts } from '../../src/rows/grouping/facts.ts';
import { regroup } from '../../src/rows/grouping/regroup.ts';
import { processFold } from '../../src/tracers/io/fold.ts';
import type { IoExtra, IoProcess, IoRow } from '../../src/tracers/io/snapshot.ts';
import { io } from '../../src/tracers/io/tracer.ts';
import { fio, laidOut } from './fio.ts';
import { seconds } from './host.ts';
import { ioSessions } from './io-session.ts';
import { onDisk, toldPath } from './load.ts';
import { limited } from './slow-device.ts';
import { buildWorkloads } from './workload.ts';

const run = promisify(execFile);

const start = ioSessions();

const READS = ['--size=16M', '--rw=randread', '--direct=1', '--number_ios=4000'];

function processOf({ extra }: Reading<IoRow, IoExtra>, pid: number): IoProcess {
	const process = extra.processes.find((one) => one.pid === pid);
	if (!process) throw new Error(`process ${pid} did no IO`);
	return process;
}

/** Requests measured, and those whose completion the machine hid from BPF programs (see docs/kernel-notes.md). */
const missed = ({ lost }: Reading<IoRow, IoExtra>): number => lost['missed_completion'] ?? 0;
const countOf = ({ rows }: Reading<IoRow, IoExtra>): number => rows.reduce((sum, row) => sum + row.count, 0);

const ENGINES = {
	psync: ['--ioengine=psync'],
	libaio: ['--ioengine=libaio', '--iodepth=4'],
	io_uring: ['--ioengine=io_uring', '--iodepth=4'],
};

test.each(Object.entries(ENGINES))('%s: two jobs, each with its own requests and files', async (_, engine) => {
	await onDisk(async (directory) => {
		const files = [await laidOut(directory, 'one', 16), await laidOut(directory, 'other file', 16)];
		const root = await toldPath(directory);
		const running = start({ slow: 0, directory });
		running.read(1e9, 'operation');
		const jobs = files.map((file) => fio(file, ...READS, ...engine));
		const seen = new Map<string, number>();
		let ended = false;
		const all = Promise.all(jobs.map(({ done }) => done)).finally(() => {
			ended = true;
		});
		const counts = new Map<number, { count: number; bytes: number }>();
		let hidden = 0;
		const take = (): void => {
			const reading = running.read(1e8, 'operation');
			const { extra } = reading;
			hidden = missed(reading);
			for (const { pid, count, bytes_read } of extra.processes) {
				const sum = counts.get(pid) ?? { count: 0, bytes: 0 };
				counts.set(pid, { count: sum.count + count, bytes: sum.bytes + bytes_read });
			}
			for (const { pid, file, owner } of extra.slow) {
				const key = `${pid} ${owner} ${file}`;
				seen.set(key, (seen.get(key) ?? 0) + 1);
			}
		};
		while (!ended) {
			await seconds(0.1);
			take();
		}
		const results = await all;
		take();
		for (const [index, { pid }] of jobs.entries()) {
			const { count, bytes } = counts.get(pid) ?? { count: 0, bytes: 0 };
			const made = results[index]?.read.total_ios ?? 0;
			expect(made).toBe(4000);
			expect(count).toBeLessThanOrEqual(made);
			expect(count + hidden).toBeGreaterThanOrEqual(made * 0.99);
			expect(bytes).toBe(count * 4096);
			const listed = [...seen].filter(([key]) => key.startsWith(`${pid} `));
			const right = seen.get(`${pid} submitter ${files[index]?.replace(directory, root)}`) ?? 0;
			expect(right).toBeGreaterThan(5);
			expect(right / listed.reduce((sum, [, n]) => sum + n, 0)).toBeGreaterThanOrEqual(0.99);
		}
	});
});

test('what the kernel writes back counts for the process that wrote it, and names the file', async () => {
	await onDisk(async (directory) => {
		const running = start({ slow: 0, directory });
		running.read(1e9, 'operation');
		const file = join(directory, 'buffered');
		const writer = spawn('dd', ['if=/dev/zero', `of=${file}`, 'bs=64k', 'count=256', 'status=none']);
		await once(writer, 'close');
		// kernel threads do it, not dd, which has ended, nor sync
		await run('sync', ['--file-system', file]);
		const reading = running.read(1e9, 'operation');
		const dd = processOf(reading, writer.pid as number);
		const size = statSync(file).size;
		expect(dd.bytes_written).toBeGreaterThanOrEqual(size * 0.99);
		expect(dd.bytes_written).toBeLessThanOrEqual(size * 1.1);
		expect(reading.extra.associated.dirtied).toBeGreaterThan(0);
		const mine = reading.extra.slow.filter(({ pid, op }) => pid === writer.pid && op === 'write');
		const named = { owner: 'dirtied', comm: 'dd', file: join(await toldPath(directory), 'buffered') };
		for (const one of mine) expect(one).toMatchObject(named);
		expect(mine.length).toBeGreaterThan(0);
		expect(reading.extra.processes.some(({ comm }) => comm.startsWith('kworker'))).toBe(false);
	});
});

test('only what a filter lets pass is measured, and it can be changed while running', async () => {
	await onDisk(async (directory) => {
		const folder = join(directory, 'folder');
		mkdirSync(join(folder, 'below'), { recursive: true });
		const wanted = await laidOut(join(folder, 'below'), 'wanted', 16);
		const other = await laidOut(directory, 'other', 16);
		const running = start({ file: wanted });
		let hiddenBefore = 0;
		/** Requests seen while both files are read 1000 times each. */
		const measure = async (changes: (pids: number[]) => Options): Promise<number> => {
			const options = [...READS.slice(0, 3), '--number_ios=1000', '--ioengine=psync', '--startdelay=0.5'];
			const jobs = [wanted, other].map((file) => fio(file, ...options));
			running.tune?.({ pid: 0, comm: '', file: '', directory: '', device: '', ...changes(jobs.map(({ pid }) => pid)) });
			running.read(1e9, 'operation');
			await Promise.all(jobs.map(({ done }) => done));
			const reading = running.read(1e9, 'operation');
			expect(reading.lost).toMatchObject({ requests_full: 0, bios_full: 0 });
			// nothing is in flight any more: a request that still seems to be has ended unseen, but too recently to be reported
			const hidden = missed(reading) + reading.extra.inflight_count;
			const total = countOf(reading) + hidden - hiddenBefore;
			hiddenBefore = hidden;
			return total;
		};
		expect(await measure(() => ({ file: wanted }))).toBe(1000);
		expect(await measure(() => ({ directory: folder }))).toBe(1000);
		expect(await measure(() => ({ directory }))).toBe(2000);
		expect(await measure(() => ({ comm: 'fi' }))).toBe(0);
		expect(await measure(([, second]) => ({ pid: second as number, directory }))).toBe(1000);
		expect(await measure(() => ({ file: wanted, device: 'loop0' }))).toBe(0);
	});
});

test('a control group with all below it', async () => {
	const name = `/wattlag-io-${process.pid}`;
	const folder = `/sys/fs/cgroup/unified${name}`;
	mkdirSync(join(folder, 'inner'), { recursive: true });
	try {
		await onDisk(async (directory) => {
			const file = await laidOut(directory, 'file', 4);
			const running = start({ cgroup: name });
			const read = `exec dd if=${file} of=/dev/null bs=4k count=300 iflag=direct status=none`;
			await run('sh', ['-c', read]);
			expect(countOf(running.read(1e9, 'operation'))).toBe(0);
			await run('sh', ['-c', `echo $$ > ${folder}/inner/cgroup.procs; ${read}`]);
			const reading = running.read(1e9, 'process');
			const { extra } = reading;
			const rows = regroup(reading.rows, 'cgroup', processFold, (row) => io.processOf?.(row), new ProcFacts('/proc'));
			expect(rows.map(({ cgroup }) => cgroup)).toEqual([`${name}/inner`]);
			// what the shell itself had to read is in it too; what still seems to be in flight has ended unseen
			expect(countOf(reading) + missed(reading) + extra.inflight_count).toBeGreaterThanOrEqual(300);
			expect(extra.filter).toBe(`cgroup ${name}`);
		});
	} finally {
		rmdirSync(join(folder, 'inner'));
		rmdirSync(folder);
	}
});

test('a process has its present name and control group, after an exec and a move', async () => {
	const name = `/wattlag-move-${process.pid}`;
	const folder = `/sys/fs/cgroup/unified${name}`;
	mkdirSync(folder);
	try {
		await onDisk(async (directory) => {
			const [first, second] = [await laidOut(directory, 'first', 4), await laidOut(directory, 'second', 4)];
			const running = start({ directory });
			running.read(1e9, 'process');
			const read = `dd iflag=direct bs=64k count=16 of=/dev/null status=none`;
			const script = [
				// reads of its own, then another name and group for it
				`exec 3< ${first}`,
				'read -r -N 100000 x <&3',
				'read go',
				`echo $$ > ${folder}/cgroup.procs`,
				`exec ${read} if=${second}`,
			].join('; ');
			const child = spawn('bash', ['-c', script], {
				stdio: ['pipe', 'ignore', 'ignore'],
				env: { ...process.env, LC_ALL: 'C' },
			});
			const ended = once(child, 'close');
			const rowOf = ({ rows }: Reading<IoRow, IoExtra>) => rows.find(({ pid }) => pid === child.pid);
			let before: IoRow | undefined;
			for (let tries = 0; !before && tries < 50; tries++) {
				await seconds(0.1);
				before = rowOf(running.read(1e9, 'process'));
			}
			expect(before).toMatchObject({ comm: 'bash' });
			expect(before?.cgroup).not.toBe(name);
			child.stdin.end('go\n');
			await ended;
			expect(rowOf(running.read(1e9, 'process'))).toMatchObject({ comm: 'dd', cgroup: name });
		});
	} finally {
		rmdirSync(folder);
	}
});

test('a process that is renamed without IO has its new name as well', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 4);
		const running = start({ directory });
		running.read(1e9, 'process');
		const script = `exec 3< ${file}; read -r -N 100000 x <&3; read go; exec sleep 30`;
		const child = spawn('bash', ['-c', script], {
			stdio: ['pipe', 'ignore', 'ignore'],
			env: { ...process.env, LC_ALL: 'C' },
		});
		const ended = once(child, 'close');
		const becomes = async (comm: string): Promise<void> => {
			for (let tries = 0; tries < 50; tries++) {
				await seconds(0.1);
				if (running.read(1e9, 'process').rows.some((row) => row.pid === child.pid && row.comm === comm)) return;
			}
			throw new Error(`never ${comm}`);
		};
		try {
			await becomes('bash');
			child.stdin.write('go\n');
			await becomes('sleep');
		} finally {
			child.kill('SIGKILL');
			await ended;
		}
	});
});

test('requests that a limit held back are counted for their kind and process', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 4);
		const group = limited(file, 20);
		try {
			const running = start({ directory });
			running.read(1e9, 'operation');
			const read = `exec dd if=${file} of=/dev/null bs=4k count=30 iflag=direct status=none`;
			const child = spawn('sh', ['-c', `echo $$ > ${group.procs}; ${read}`], { stdio: 'ignore' });
			await once(child, 'close');
			const { rows, extra } = running.read(1e9, 'operation');
			const row = rows.find(({ op, held_back = 0 }) => op === 'read' && held_back > 0);
			expect(row?.held_back).toBeGreaterThan(5);
			expect(row?.held_back).toBeLessThanOrEqual(30);
			const dd = extra.processes.find(({ pid }) => pid === child.pid);
			expect(dd).toMatchObject({ comm: 'dd', held_back: row?.held_back });
		} finally {
			group.remove();
		}
	});
});

test('a stacked device counts its bios; the requests below are counted where they are', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'image', 32);
		const { stdout } = await run('losetup', ['--find', '--show', file]);
		const loop = stdout.trim();
		try {
			const running = start({ device: basename(loop) });
			await run('dd', [`if=${loop}`, 'of=/dev/null', 'bs=4k', 'count=500', 'iflag=direct', 'status=none']);
			const { rows } = running.read(1e9, 'device');
			expect(rows).toMatchObject([{ device: basename(loop), stacked: true, count: 500, bytes: 500 * 4096 }]);
		} finally {
			await run('losetup', ['--detach', loop]);
		}
	});
});

test('10,000 processes that end after one read, within one interval: each has its read', async () => {
	const loads = buildWorkloads();
	try {
		await onDisk(async (directory) => {
			const file = await laidOut(directory, 'file', 4);
			const session = start();
			session.read(1e9, 'process');
			const load = loads.start(undefined, 'readers', file, 10_000);
			let said = '';
			load.stdout?.on('data', (chunk) => (said += chunk));
			const ended = once(load, 'exit');
			// as the sampling thread does, however long the interval is
			const timer = setInterval(() => session.drain?.(), 250);
			await ended;
			clearInterval(timer);
			expect(said).toBe('0\n');
			const reading = session.read(10e9, 'process');
			const theirs = reading.rows.filter(({ comm }) => comm === 'workload');
			const count = theirs.reduce((sum, row) => sum + row.count, 0);
			const bytes = theirs.reduce((sum, row) => sum + row.bytes, 0);
			expect(reading.lost['processes_full']).toBe(0);
			// a completion that BPF is not let see is found later
			expect(count + missed(reading) + reading.extra.inflight_count).toBeGreaterThanOrEqual(10_000);
			expect(count).toBeLessThanOrEqual(10_000);
			expect(bytes).toBe(count * 4096);
			expect(theirs.every((row) => row.count === 1)).toBe(true);
			expect(reading.extra.process_count).toBeGreaterThanOrEqual(count);
		});
	} finally {
		await loads.stop();
	}
});
