/** The built program where the machine hides something from it: no home, a restricted /proc, few CPUs, other clocks, no bpf(2). */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { v1Mount } from '../../src/system/cgroups.ts';
import { startOf, statFields } from '../../src/system/process-id.ts';
import { treePerFile } from '../lib/tree.ts';
import { copyForOthers } from './other-user.ts';

const run = promisify(execFile);
const tree = treePerFile();
const program = `${process.cwd()}/bin/wattlag`;

interface Ran {
	code: number;
	stdout: string;
	stderr: string;
}

async function ran(
	command: string,
	args: readonly string[],
	options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Ran> {
	return run(command, args, { ...options, maxBuffer: 1 << 28 }).then(
		(done) => ({ code: 0, ...done }),
		(error: Ran) => error,
	);
}

let copy: ReturnType<typeof copyForOthers>;
beforeAll(() => {
	copy = copyForOthers();
});
afterAll(() => copy.remove());

const asNumber = ['--reuid=12345', '--regid=12345', '--clear-groups'];
const { HOME: _, XDG_CONFIG_HOME: __, ...homeless } = process.env;

test.concurrent.for([
	['unset', homeless],
	['empty', { ...homeless, HOME: '' }],
] as const)('HOME %s, a user without an entry in passwd: as without a configuration', async ([, env]) => {
	tree.set('cwd/.config/wattlag/config.toml', 'nonsense = [');
	const options = { env, cwd: tree.path('cwd') };
	const batch = ['--batch', '--source', 'proc', '-n', '1', '--delay', '0.3'];
	const other = [...asNumber, copy.node, copy.program];
	expect(await ran('setpriv', [...other, ...batch], options)).toMatchObject({ code: 0, stderr: '' });
	const doctor = await ran('setpriv', [...other, 'doctor'], options);
	expect(doctor.stderr).toBe('');
	expect(doctor.stdout).toMatch(/tabs work/);
});

interface Check {
	name: string;
	state: string;
	found: string[];
	fix: string;
}

async function doctor(command: string, ...args: string[]): Promise<(name: string) => Check | undefined> {
	const { stdout } = await ran(command, [...args, program, 'doctor', '--json', '--without', 'io,receive']);
	const report = JSON.parse(stdout) as { sections: { checks: Check[] }[] };
	return (name) => report.sections.flatMap(({ checks }) => checks).find((check) => check.name === name);
}

interface OverviewLine {
	findings: { rule: string; text: string; figures: Record<string, number | null> }[];
	unchecked: { rule: string; reason: string }[];
	totals: { cpus: number | null; busy_ns: number };
	source: { missing: string[] };
	dt_ns: number;
}

async function overview(command: string, ...args: string[]): Promise<OverviewLine[]> {
	const batch = ['--batch', '--json', '--tab', 'overview', '-n', '3', '--delay', '1', '--without', 'io,receive'];
	const { stdout, stderr } = await ran(command, [...args, program, ...batch]);
	expect(stderr).toBe('');
	return stdout
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line) as OverviewLine);
}

const online = Number(/-(\d+)/.exec(readFileSync('/sys/devices/system/cpu/online', 'utf8'))?.[1] ?? 0) + 1;
/** Run the rest in mounts of its own, after a command of the shell that changes what is below /proc and /sys. */
const mounts = (command: string): [string, ...string[]] => [
	// not the root, which in a chroot is no mount
	...(['unshare', '-m', '--propagation', 'unchanged', 'sh', '-c'] as const),
	`mount --make-rprivate /proc && mount --make-rprivate /sys && ${command} && exec "$0" "$@"`,
];

test.concurrent('proc with processes only: the CPUs are known, the rest is not checked, with the reason', async () => {
	const prefix = mounts('mount -t proc -o subset=pid proc /proc');
	for (const { findings, unchecked, totals, dt_ns } of await overview(...prefix)) {
		expect(totals.cpus).toBe(online);
		expect(totals.busy_ns).toBeLessThanOrEqual(online * dt_ns * 1.05);
		expect(unchecked.find(({ rule }) => rule === 'pressure')?.reason).toMatch(/subset=pid/);
		for (const { figures } of findings) expect(Object.values(figures)).not.toContain(null);
	}
	const check = await doctor(...prefix);
	expect(check('CPUs')?.found).toEqual([`${online} online`]);
	expect(check('PSI')).toMatchObject({ fix: expect.stringContaining('ProcSubset=all') });
	expect(check('proc')?.found.join()).toMatch(/subset=pid/);
});

test.concurrent('files that lxcfs mounts over those of the machine change messages only', async () => {
	tree.set('one/stat', 'cpu  10 0 10 100 0 0 0 0 0 0\ncpu0 10 0 10 100 0 0 0 0 0 0\nintr 0\n');
	tree.set('one/online', '0\n');
	const bind = (from: string, over: string) => `mount --bind ${tree.path(from)} ${over}`;
	const prefix = mounts(`${bind('one/stat', '/proc/stat')} && ${bind('one/online', '/sys/devices/system/cpu/online')}`);
	for (const { totals } of await overview(...prefix)) expect(totals.cpus).toBe(online);
	const check = await doctor(...prefix);
	expect(check('CPUs')?.found).toEqual([`${online} online`]);
	expect(check('proc')?.found.join()).toMatch(/another file system is mounted over \/proc\/stat \(lxcfs/);
});

test.concurrent('an affinity is a limit of this process, not of the machine', async () => {
	for (const { totals } of await overview('taskset', '-c', '1')) expect(totals.cpus).toBe(online);
	const check = await doctor('taskset', '-c', '1');
	expect(check('CPUs')?.found).toEqual([`${online} online`, 'this process may use 1 of them (affinity or cpuset)']);
});

describe('in a time namespace the clocks are the kernel’s', () => {
	const away = ['-T', '--fork', '--kill-child', '--monotonic', '86400', '--boottime', '864000'];
	const inside = (...args: string[]) => ran('unshare', [...away, program, ...args]);
	let load: ChildProcess;
	let started = 0;

	beforeAll(() => {
		load = spawn(process.execPath, ['-e', 'for (;;);']);
		started = startOf(statFields(readFileSync(`/proc/${load.pid}/stat`, 'latin1')));
	});
	afterAll(() => load.kill('SIGKILL'));

	test.concurrent.for(['auto', 'proc'])('starts of processes with --source %s', async (source) => {
		const { stdout } = await inside(
			'--batch',
			'--json',
			'--tab',
			'energy',
			'--source',
			source,
			'-n',
			'1',
			'--delay',
			'0.5',
		);
		const { rows } = JSON.parse(stdout) as { rows: { pid: number; start_time: number; cpu_ns: number }[] };
		const row = rows.find(({ pid }) => pid === load.pid);
		expect(Math.abs((row?.start_time ?? 0) - started)).toBeLessThan(2e7);
	});

	test.concurrent('both sides of compare are of one process', async () => {
		const { stdout } = await inside('compare', '--live', '--json', '--duration', '2');
		const { rows } = JSON.parse(stdout) as { rows: { pid: number; bpf: object | null; proc: object | null }[] };
		expect(rows.filter(({ pid }) => pid === load.pid)).toMatchObject([
			{ bpf: expect.anything(), proc: expect.anything() },
		]);
	});

	test.concurrent('the wall clock of slices', async () => {
		const before = Date.now();
		const { stdout } = await inside('-v', '--duration', '1');
		const [first = ''] = stdout.split('\n').filter((line) => /^\d\d:/.test(line));
		const [hours = 0, minutes = 0, seconds = 0] = (first.split(' ')[0] as string).split(':').map(Number);
		const then = new Date(before).setHours(hours, minutes, 0, 0) + seconds * 1000;
		expect(Math.abs(then - before)).toBeLessThan(20_000);
	});

	test.concurrent('the tree is one, and users are found', async () => {
		// the energy tab lists processes at rest too, as parents mostly are
		const { stdout } = await inside(
			'--batch',
			'--json',
			'--tab',
			'energy',
			'--group',
			'tree',
			'-n',
			'1',
			'--delay',
			'1',
		);
		const { rows } = JSON.parse(stdout) as { rows: { depth?: number; tree?: { depth: number } }[] };
		expect(JSON.stringify(rows)).toMatch(/"depth":[1-9]/);
		const users = JSON.parse(
			(await inside('--batch', '--json', '--tab', 'runqlat', '--group', 'user', '-n', '1', '--delay', '1')).stdout,
		);
		expect(JSON.stringify(users.rows)).toMatch(/"root"/);
	});
});

test.concurrent.for([
	['EPERM', 1],
	['ENOSYS', 38],
] as const)('bpf(2) refused by seccomp with %s: named, with the option of the runtime', async ([, number]) => {
	tree.folder('c');
	const refuse = tree.path(`c/refuse-bpf-${number}`);
	await run('cc', ['-o', refuse, 'test/truth/refuse-bpf.c']);
	const { code, stderr } = await ran(refuse, [String(number), program, '--batch', '--tab', 'io', '-n', '1']);
	expect(code).toBe(77);
	expect(stderr).toMatch(/a seccomp filter refuses bpf\(2\); start the container with --privileged or --security-opt/);
	const check = await doctor(refuse, String(number));
	expect(check('seccomp')).toMatchObject({ state: 'no', fix: expect.stringContaining('seccomp=unconfined') });
	expect(check('statistics')?.fix).toContain('seccomp=unconfined');
});

const v1Cpu = v1Mount('/proc', 'cpu')?.folder;
test('a quota of cgroup v1, set on the parent: the group is named and no neighbour is blamed', async ({ skip }) => {
	const has = v1Cpu !== undefined && existsSync(join(v1Cpu, 'cpu.cfs_quota_us'));
	skip(!has, 'no quotas of cgroup v1: the unified hierarchy has the cpu controller');
	const parent = join(v1Cpu as string, `wl-quota-${process.pid}`);
	const group = join(parent, 'inner');
	mkdirSync(group, { recursive: true });
	const load = spawn(process.execPath, ['-e', 'for (;;);']);
	try {
		writeFileSync(join(parent, 'cpu.cfs_quota_us'), '10000');
		writeFileSync(join(group, 'cgroup.procs'), String(load.pid));
		const lines = await overview('env', '--');
		const found = lines.flatMap(({ findings }) => findings).filter(({ rule }) => rule === 'throttled');
		expect(found.at(-1)?.text).toMatch(/throttled by its CPU quota in \d+ of \d+ periods/);
		expect(lines.at(-1)?.unchecked.map(({ rule }) => rule)).not.toContain('throttled');
		const blaming = lines
			.flatMap(({ findings }) => findings)
			.filter(({ rule }) => rule === 'starving' || rule === 'waits');
		expect(JSON.stringify(blaming)).not.toContain(`[${load.pid}]`);
	} finally {
		load.kill('SIGKILL');
		await once(load, 'exit');
		rmdirSync(group);
		rmdirSync(parent);
	}
});
