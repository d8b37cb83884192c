/** OOM kills, reclaim, blocked tasks and the kernel log, against what the kernel keeps beside them. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import type { EventRow, EventsExtra } from '../../src/tracers/events/snapshot.ts';
import { events } from '../../src/tracers/events/tracer.ts';
import { sessionsOf } from './tracer-session.ts';

const { start, read } = sessionsOf<EventRow, EventsExtra>(events);

const undo: (() => void)[] = [];
afterEach(() => {
	for (const one of undo.splice(0).reverse()) one();
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A control group with a limit of memory; its folder and the files that count its kills. */
function limitedGroup(bytes: number): { folder: string; kills(): number } {
	const name = `wattlag-test-${process.pid}`;
	const old =
		existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes') ||
		existsSync('/sys/fs/cgroup/memory/memory.usage_in_bytes');
	const folder = join(old ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', name);
	mkdirSync(folder);
	undo.push(() => {
		try {
			rmdirSync(folder);
		} catch {
			// a process is still ending in it
		}
	});
	writeFileSync(join(folder, old ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes));
	const counter = join(folder, old ? 'memory.oom_control' : 'memory.events');
	return {
		folder,
		kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(counter, 'utf8'))?.[1] ?? Number.NaN),
	};
}

/** A program that takes memory until it is killed, in the group. */
async function eatMemory(folder: string, bytes: number): Promise<number> {
	const script = `echo $$ > ${folder}/cgroup.procs; exec python3 -c 'x = bytearray(${bytes})'`;
	const child = execFile('sh', ['-c', script], { timeout: 15_000 });
	const pid = child.pid as number;
	await new Promise((resolve) => child.on('exit', resolve));
	return pid;
}

function vmstat(name: string): number {
	return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? Number.NaN);
}

test('an OOM kill in a control group: victim, trigger and both groups; oom_control and vmstat count it as well', async () => {
	const { folder, kills } = limitedGroup(32 << 20);
	start();
	const before = { group: kills(), machine: vmstat('oom_kill') };
	const pid = await eatMemory(folder, 256 << 20);
	await sleep(300);
	const { rows, extra } = read();
	expect(kills() - before.group).toBe(1);
	expect(vmstat('oom_kill') - before.machine).toBeGreaterThanOrEqual(1);
	const victims = rows.filter((row) => row.kind === 'oom' && row.reason === 'VICTIM' && row.pid === pid);
	expect(victims.map(({ count_total }) => count_total)).toEqual([1]);
	const record = extra.events.find(
		({ kind, reason, pid: victim }) => kind === 'oom' && reason === 'VICTIM' && victim === pid,
	);
	expect(record).toMatchObject({ severity: 'severe', comm: 'python3' });
	expect(record?.oom?.trigger_pid).toBe(pid);
	if (extra.kernel_log === 'read') {
		expect(record?.oom?.constraint).toBe('CONSTRAINT_MEMCG');
		expect(record?.oom?.limit_cgroup).toContain('wattlag-test');
		expect(record?.oom?.victim_cgroup).toContain('wattlag-test');
	}
});

test('reclaim of a group at its limit is counted by process, with the time that it took', async () => {
	const { folder } = limitedGroup(48 << 20);
	const file = join(mkdtempSync(join(tmpdir(), 'wattlag-')), 'file');
	undo.push(() => rmSync(join(file, '..'), { recursive: true, force: true }));
	start();
	// pages of the file count for the group, which has to drop them to go on
	const script = `echo $$ > ${folder}/cgroup.procs; exec dd if=/dev/zero of=${file} bs=1M count=160`;
	const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'ignore'] });
	await new Promise((resolve) => child.on('exit', resolve));
	const { rows } = read();
	const reclaim = rows.filter((row) => row.kind === 'reclaim' && row.pid === child.pid);
	expect(reclaim.map(({ reason }) => reason)).toEqual(['CGROUP']);
	expect(reclaim[0]?.count_total).toBeGreaterThan(0);
	expect(reclaim[0]?.stalled_ns).toBeGreaterThan(0);
});

/** Writers to files of a file system that is frozen then; all of it is undone at the end of the test. */
async function frozenWriters(count: number): Promise<{ mount: string; writers: ChildProcess[] }> {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-'));
	const [image, mount] = [join(folder, 'image'), join(folder, 'mount')];
	undo.push(() => rmSync(folder, { recursive: true, force: true }));
	mkdirSync(mount);
	execFileSync('truncate', ['-s', '32M', image]);
	execFileSync('mkfs.ext4', ['-q', image]);
	execFileSync('mount', ['-o', 'loop', image, mount]);
	undo.push(() => execFileSync('umount', ['-l', mount]));
	const script = [
		'import os, time',
		`file = os.open("${mount}/" + str(os.getpid()), os.O_CREAT | os.O_WRONLY)`,
		'print("open", flush=True)',
		'time.sleep(0.5)',
		'os.write(file, b"x")',
	];
	const writers = Array.from({ length: count }, () =>
		spawn('python3', ['-c', script.join('\n')], { stdio: ['ignore', 'pipe', 'inherit'] }),
	);
	await Promise.all(writers.map((writer) => new Promise((resolve) => writer.stdout.once('data', resolve))));
	execFileSync('fsfreeze', ['-f', mount]);
	undo.push(() => {
		execFileSync('fsfreeze', ['-u', mount]);
		for (const writer of writers) writer.kill('SIGKILL');
	});
	return { mount, writers };
}

test('two writers and a frozen file system: blocked after 1 s, with the device as the root of one chain', async () => {
	const { mount, writers } = await frozenWriters(2);
	const source = execFileSync('findmnt', ['-n', '-o', 'SOURCE', mount], { encoding: 'utf8' })
		.trim()
		.replace('/dev/', '');
	start();
	read();
	await sleep(2000);
	const { extra, rows } = read();
	const pids = writers.map(({ pid }) => pid as number).sort();
	const chain = extra.wait_chains.find((one) => pids.every((pid) => one.pids.includes(pid)));
	expect(chain?.tasks).toBe(2);
	expect(chain?.root).toMatchObject({ what: 'device', name: `the frozen file system of ${source}` });
	expect(chain?.oldest_ns).toBeGreaterThanOrEqual(1e9);
	expect(chain?.oldest_ns).toBeLessThan(60e9);
	const own = rows.filter((row) => row.kind === 'blocked' && pids.includes(row.pid));
	expect(own.map(({ count_total, reason }) => [reason, count_total])).toEqual([['FROZEN_FS', 1], ['FROZEN_FS', 1]]); // biome-ignore format: a table
});

const HUNG = '/proc/sys/kernel/hung_task_timeout_secs';

test('a writer to a frozen file system is a hung task after the timeout, once by its tracepoint', async ({ skip }) => {
	skip(!existsSync(HUNG), 'this kernel finds no hung tasks (CONFIG_DETECT_HUNG_TASK)');
	const { mount, writers } = await frozenWriters(1);
	const before = readFileSync(HUNG, 'utf8');
	const warnings = readFileSync('/proc/sys/kernel/hung_task_warnings', 'utf8');
	writeFileSync(HUNG, '2');
	undo.push(() => {
		writeFileSync(HUNG, before);
		writeFileSync('/proc/sys/kernel/hung_task_warnings', warnings);
	});
	start();
	const pid = writers[0]?.pid as number;
	const found: EventsExtra['events'][number][] = [];
	for (let tries = 0; tries < 40 && found.length === 0; tries++) {
		await sleep(250);
		found.push(...read().extra.events.filter((one) => one.kind === 'hung-task' && one.pid === pid));
	}
	expect(found[0]).toMatchObject({ origin: 'tracepoint', comm: 'python3', severity: 'severe' });
	expect(found[0]?.stack.join(' ')).toMatch(/freeze|sb_start|percpu_rwsem/);
	expect(found.every(({ origin }) => origin === 'tracepoint')).toBe(true);
	expect(mount).not.toBe('');
});

test('the kernel log: what programs write to it is ignored, whatever it says', async () => {
	start();
	const { extra: first } = read();
	if (first.kernel_log !== 'read') throw new Error(`the kernel log is ${first.kernel_log}`);
	await promisify(execFile)('sh', [
		'-c',
		'echo "<3>watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [forged-by-test:1]" > /dev/kmsg',
	]);
	const { extra, rows } = read();
	expect(extra.events.filter(({ text }) => text.includes('forged-by-test'))).toEqual([]);
	expect(rows.filter(({ who }) => who.includes('forged-by-test'))).toEqual([]);
	expect(extra.events.every(({ origin, before_start }) => origin !== 'kernel-log' || !before_start)).toBe(true);
});
