/** The full path, from system call to return, against fio's own clock and against delays put in known places. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { IoExtra, IoRow } from '../../src/tracers/io/snapshot.ts';
import { fio, laidOut } from './fio.ts';
import { realHost, seconds } from './host.ts';
import { ioSessions } from './io-session.ts';
import { dd, onDisk } from './load.ts';

const run = promisify(execFile);

const start = ioSessions({ 'full-path': true });

const WAY = ['fs', 'request', 'plug', 'queue', 'device', 'wake', 'return'];

/** Σ ns since start by stage of the rows with this operation. */
function sums(rows: readonly IoRow[], op: string): Record<string, { count: number; sum_ns: number }> {
	const row = rows.find((one) => one.op === op);
	if (!row) throw new Error(`no ${op}`);
	return row.stages_total;
}

/** Mean by stage, of the rows with this operation. */
function means(rows: readonly IoRow[], op: string): Record<string, number> {
	return Object.fromEntries(Object.entries(sums(rows, op)).map(([name, { count, sum_ns }]) => [name, sum_ns / count]));
}

const DIRECT = ['--size=32M', '--rw=randread', '--direct=1', '--ioengine=psync', '--number_ios=6000'];

test('direct reads: all stages together are the time that fio saw', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const running = start({ file });
		const { read } = await fio(file, ...DIRECT).done;
		const { rows, extra, lost } = running.read(1e9, 'operation');
		expect(extra.full_path.state).toBe('on');
		const stages = sums(rows, 'read');
		// a completion that BPF is not let see (io-engines.test.ts) leaves its call without an end
		const hidden = (lost['missed_completion'] ?? 0) + extra.inflight_count;
		// each call was followed from its entry to its return
		expect(stages['fs']?.count).toBe(read.total_ios);
		expect((stages['return']?.count ?? 0) + hidden).toBeGreaterThan(read.total_ios * 0.99);
		const ours = WAY.reduce((sum, name) => sum + (stages[name]?.sum_ns ?? 0), 0);
		const theirs = read.clat_ns.mean * read.total_ios;
		expect(ours / theirs).toBeGreaterThan(0.9);
		expect(ours / theirs).toBeLessThan(1.05);
	});
});

test('a task that has to share its CPU: the time is in `wake`, and in the run queue of its slow calls', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const read = async (hogs: number): Promise<{ stages: Record<string, number>; extra: IoExtra }> => {
			const busy = Array.from({ length: hogs }, () =>
				spawn('taskset', ['-c', '1', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
			);
			const running = start({ file, slow: 0 });
			try {
				// less important than they are: it has to wait until one of them has had its turn
				await fio(file, ...DIRECT, '--cpus_allowed=1', '--nice=19', '--runtime=2').done;
			} finally {
				for (const hog of busy) hog.kill('SIGKILL');
			}
			const { rows, extra } = running.read(1e9, 'operation');
			running.close();
			return { stages: means(rows, 'read'), extra };
		};
		const alone = await read(0);
		const shared = await read(4);
		const more = (name: string): number => (shared.stages[name] ?? 0) - (alone.stages[name] ?? 0);
		expect(more('wake')).toBeGreaterThan(2 * (alone.stages['wake'] ?? 0));
		expect(more('wake')).toBeGreaterThan(2 * more('device'));
		const waited = (of: IoExtra): number => {
			const split = of.slow.flatMap(({ off_cpu }) => (off_cpu ? [off_cpu.runqueue_ns] : []));
			return split.reduce((sum, ns) => sum + ns, 0) / split.length;
		};
		expect(waited(shared.extra)).toBeGreaterThan(10 * waited(alone.extra));
		const split = shared.extra.slow.flatMap(({ off_cpu }) => (off_cpu ? [off_cpu] : []));
		expect(split.length).toBeGreaterThan(shared.extra.slow.length * 0.9);
		for (const { call_ns, running_ns, blocked_ns, runqueue_ns, preempted_ns } of split)
			expect(running_ns + blocked_ns + runqueue_ns + preempted_ns).toBe(call_ns);
		// and so do the stages of those that had to wait
		const whole = shared.extra.slow.filter(({ stages }) => 'wake' in stages);
		expect(whole.length).toBeGreaterThan(shared.extra.slow.length / 2);
		for (const { stages, off_cpu } of whole)
			expect(WAY.reduce((sum, name) => sum + (stages[name] ?? 0), 0)).toBe(off_cpu?.call_ns);
	});
});

test('fsync: the write-back that it waits for is followed from the call on', async () => {
	await onDisk(async (directory) => {
		const running = start({});
		const file = await laidOut(directory, 'file', 1);
		running.read(1e9, 'operation');
		running.tune?.({ file, slow: 0 });
		const { write } = await fio(
			file,
			'--size=1M',
			'--rw=randwrite',
			'--ioengine=psync',
			'--fsync=1',
			'--number_ios=200',
		).done;
		const { rows, extra } = running.read(1e9, 'operation');
		const stages = sums(rows, 'write');
		expect(stages['fs']?.count).toBeGreaterThanOrEqual(write.total_ios);
		const calls = extra.slow.filter(({ op, off_cpu }) => op === 'write' && off_cpu);
		expect(calls.length).toBeGreaterThan(0);
		for (const { stages, off_cpu } of calls) {
			expect(off_cpu?.call_ns).toBeGreaterThan(stages['total'] as number);
			// asleep nearly as long as the device worked
			expect(off_cpu?.blocked_ns).toBeGreaterThan((stages['device'] as number) / 2);
		}
	});
});

/** Calls followed from their entry to their first bio. */
const followed = (rows: readonly IoRow[]): number =>
	rows.reduce((sum, { stages_total }) => sum + (stages_total['fs']?.count ?? 0), 0);

test('calls on names and metadata are followed: a cold directory tree', async () => {
	await onDisk(async (directory) => {
		const image = await laidOut(directory, 'image', 64);
		await run('mkfs.ext4', ['-q', image]);
		const disk = (await run('losetup', ['--find', '--show', image])).stdout.trim();
		const mount = join(directory, 'mount');
		mkdirSync(mount);
		try {
			await run('mount', [disk, mount]);
			for (let n = 0; n < 40; n++) mkdirSync(join(mount, `${n}`, 'inner'), { recursive: true });
			await run('umount', [mount]);
			await run('blockdev', ['--flushbufs', disk]);
			await run('mount', [disk, mount]);
			const running = start({ device: disk });
			running.read(1e9, 'operation');
			await run('ls', ['-lR', mount]);
			expect(followed(running.read(1e9, 'operation').rows)).toBeGreaterThan(5);
		} finally {
			await run('umount', [mount]).catch(() => undefined);
			await run('losetup', ['--detach', disk]);
		}
	});
});

test('calls of a 32-bit program are followed by their own numbers', async ({ skip }) => {
	skip(process.arch !== 'x64', 'only x86-64 has 32-bit calls with numbers of their own');
	await onDisk(async (directory) => {
		const program = join(directory, 'read32');
		const flags = ['-m32', '-O1', '-fno-pie', '-nostdlib', '-static', '-Wl,-e,start'];
		await run('clang', [...flags, 'test/truth/fixtures/read32.c', '-o', program]);
		skip(spawnSync(program, { input: '' }).status !== 1, 'this kernel runs no 32-bit programs');
		const file = await laidOut(directory, 'file', 4);
		const running = start({ file });
		running.read(1e9, 'operation');
		const input = openSync(file, 'r');
		const child = spawn(program, { stdio: [input, 'ignore', 'ignore'] });
		const [code] = await once(child, 'close');
		closeSync(input);
		expect(code).toBe(0);
		const rows = running.read(1e9, 'operation').rows;
		expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThanOrEqual(4 << 20);
		expect(followed(rows)).toBeGreaterThan(2);
	});
});

test('too expensive: many system calls detach it, which is reported; requests go on being measured', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 16);
		const running = start({});
		const { addon } = realHost();
		/**
		 * One interval, with the cost that the kernel's statistics have for its last part, a share of one CPU. The hooks are those of
		 * the whole machine: on a busy one the calls of others are in it.
		 */
		const interval = async (): Promise<IoExtra['full_path'] & { share: number }> => {
			await seconds(0.3);
			const statistics = addon.enableStats();
			const before = { ns: running.cost().ns, at: performance.now() };
			await seconds(0.2);
			const share = (running.cost().ns - before.ns) / ((performance.now() - before.at) * 1e6);
			statistics.close();
			running.takeCost?.(share);
			const { full_path } = running.read(5e8, 'operation').extra;
			expect(full_path.cost_share).toBe(share);
			expect(full_path.state).toBe(share > full_path.limit_share ? 'detached' : 'on');
			return { ...full_path, share };
		};
		const direct = fio(
			file,
			'--size=16M',
			'--rw=randread',
			'--direct=1',
			'--ioengine=psync',
			// a full load comes close to the limit by itself
			'--rate_iops=2000',
			'--time_based',
			'--runtime=2',
		);
		const slow = await interval();
		if (slow.state === 'on') await interval();
		await direct.done;
		running.takeCost?.(undefined);
		running.tune?.({ 'full-path': true });
		expect(running.read(1e9, 'operation').extra.full_path.state).toBe('on');

		await dd(`if=${file}`, 'of=/dev/null', 'bs=1M');
		const cached = fio(
			file,
			'--size=16M',
			'--rw=randread',
			'--ioengine=psync',
			'--invalidate=0',
			// cost is by time, not by call: it has to get a CPU
			'--nice=-19',
			'--time_based',
			'--runtime=3',
		);
		let seen = await interval();
		for (let n = 0; n < 4 && seen.state === 'on'; n++) seen = await interval();
		const { read } = await cached.done;
		expect(seen.state, `${(100 * seen.share).toFixed(1)} % for ${Math.round(read.iops)} calls a second`).toBe(
			'detached',
		);
		expect(seen.reason).toMatch(/^cost [\d.]+ % > 5 % of a CPU; tried again in 30 s \(or f\)$/);
		const detached = running.read(1e9, 'operation');
		await fio(file, ...DIRECT, '--size=16M').done;
		const after = running.read(1e9, 'operation');
		expect(sums(after.rows, 'read')['total']?.count).toBeGreaterThan(sums(detached.rows, 'read')['total']?.count ?? 0);
		expect(Object.keys(after.rows[0]?.stages ?? {})).toEqual(['request', 'plug', 'queue', 'device', 'total']);
		running.takeCost?.(undefined);
		running.tune?.({ 'full-path': true });
		expect(running.read(1e9, 'operation').extra.full_path.state).toBe('on');
		running.tune?.({ 'full-path': false });
		expect(running.read(1e9, 'operation').extra.full_path).toMatchObject({ state: 'off', reason: '' });
	});
});

test('calls that return while their requests complete: no stage lasts longer than the load', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 64);
		const running = start({});
		// asks for many and waits for none: a completion may come in the middle of the call's return
		const many = ['--ioengine=io_uring', '--direct=1', '--iodepth=16', '--iodepth_batch_complete_min=0'];
		let returned = 0;
		// how often that happens is the device's affair
		for (let turn = 0; turn < 6 && returned === 0; turn++) {
			const begun = performance.now();
			await fio(file, '--size=64M', '--rw=randread', ...many, '--time_based', '--runtime=2').done;
			const { rows } = running.read(1e9, 'operation');
			const { return: back, wake } = rows.find(({ op }) => op === 'read')?.stages ?? {};
			returned = back?.count ?? 0;
			for (const stage of [back, wake])
				if (stage && stage.count > 0) expect(stage.max_ns).toBeLessThan((performance.now() - begun) * 1e6);
		}
		expect(returned).toBeGreaterThan(0);
	});
});

/** Runs a script as the process of this number, once the kernel gives it: the number may be in use, or go to another. */
function runAs(pid: number, script: string): void {
	for (let tries = 0; tries < 100; tries++) {
		writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
		const { status } = spawnSync('sh', ['-c', `test $$ = ${pid} || exit 9; ${script}`], { stdio: 'ignore' });
		if (status === 0) return;
		if (status !== 9) throw new Error(`exit code ${status}: ${script}`);
	}
	throw new Error(`no process got the number ${pid}`);
}

test('calls that lose their entry to a thread with the same lowest bits are counted where they queue', async () => {
	await onDisk(async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		// 14 bits of its number find a thread's entry; on a CPU of its own, so that it runs while the calls are made
		const other = spawn('sh', ['-c', 'exec taskset -c 0 dd if=/dev/zero of=/dev/null bs=1 2>/dev/null'], {
			stdio: 'ignore',
		});
		try {
			const running = start({ file });
			const read = (pid: number) => {
				runAs(pid, `exec taskset -c 1 dd if=${file} of=/dev/null bs=4k count=3000 iflag=direct`);
				const { rows, lost } = running.read(1e9, 'operation');
				return { followed: sums(rows, 'read')['fs']?.count ?? 0, displaced: lost['calls_full'] ?? 0 };
			};
			const base = (other.pid as number) + 3;
			const apart = read(base);
			expect(apart.followed).toBeGreaterThan(2950);
			expect(apart.displaced).toBeLessThan(10);
			const pid = (other.pid as number) + 16384;
			const same = read(pid > 32767 ? pid - 32768 : pid);
			const displaced = same.displaced - apart.displaced;
			expect(displaced, 'no call was displaced').toBeGreaterThan(10);
			expect(same.followed - apart.followed + displaced).toBeGreaterThan(2985);
		} finally {
			other.kill();
			await once(other, 'close');
		}
	});
});
