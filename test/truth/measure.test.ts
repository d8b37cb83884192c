/** `wattlag measure` against what the measured commands say of themselves. */
import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { WaitedTree } from '../../src/commands/measure/process-tree.ts';
import { copyForOthers } from './other-user.ts';

interface Line {
	exit_code: number;
	runs: number;
	wall_ns: number;
	cpu_ns: number;
	wait_ns: number;
	energy_uj: number;
	io_bytes: number;
	read_bytes: number;
	write_bytes: number;
	processes: number;
	threads: number;
	left_running: number;
	machine_idle_uj: number;
	ci95: Record<string, number> | null;
	each: {
		cpu_ns: number;
		machine_watts: number;
		measured_ns: number;
		edges_ns: number;
		samples: { energy_uj: number; cpu_ns: number }[];
		lost: Record<string, number>;
	}[];
	source: { tree: string };
}

interface Result {
	line: Line;
	/** What the command printed. */
	own: string;
	code: number | null;
}

function measure(options: string[], command: string[], program: string[] = ['bin/wattlag'], source = 'model'): Result {
	const words = [...program.slice(1), 'measure', '--json', '--source', source, '-p', '20', '--idle', '4'];
	const { stdout, stderr, status } = spawnSync(program[0] as string, [...words, ...options, '--', ...command], {
		encoding: 'utf8',
		timeout: 60_000,
	});
	const lines = stdout.trimEnd().split('\n');
	expect(stderr).toBe('');
	return { line: JSON.parse(lines.at(-1) as string) as Line, own: lines.slice(0, -1).join('\n'), code: status };
}

const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);

/** bash's `times`: user and system time of itself and of the children it waited for, ns. */
function timesOf(text: string): number {
	const found = Array.from(text.matchAll(/(\d+)m([\d.]+)s/g), ([, m, s]) => (Number(m) * 60 + Number(s)) * 1e9);
	expect(found).toHaveLength(4);
	return sum(found);
}

test('a hog on one CPU, beside another one: CPU time and waits as its schedstat has them, energy by hand', () => {
	const rival = spawn('taskset', ['-c', '0', 'timeout', '10', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' });
	onTestFinished(() => void rival.kill());
	const loop = `while read up _ </proc/uptime; [ "\${up%.*}" -lt "$1" ]; do :; done`;
	const script = `read up _ </proc/uptime; set -- $((\${up%.*} + 3)); ${loop}; read cpu wait _ </proc/$$/schedstat; echo $cpu $wait`;
	const { line, own } = measure([], ['taskset', '-c', '0', 'sh', '-c', script]);
	const [cpu, wait] = own.split(' ').map(Number) as [number, number];
	// others may be there too
	expect(cpu).toBeGreaterThan(1e8);
	// after it read its own figures it only exits
	expect(line.cpu_ns / cpu).toBeGreaterThan(0.999);
	expect(line.cpu_ns - cpu).toBeLessThan(0.01 * cpu + 6e6);
	expect(Math.abs(line.wait_ns - wait)).toBeLessThan(0.02 * wait + 10e6);
	expect(line.wait_ns).toBeGreaterThan(1e8);
	// (20 − 4) W / CPUs × seconds of CPU time
	const cpus = Number(spawnSync('nproc', ['--all'], { encoding: 'utf8' }).stdout);
	expect(line.energy_uj / ((16 / cpus) * (line.cpu_ns / 1e3))).toBeCloseTo(1, 1);
	expect(sum((line.each[0] as Line['each'][number]).samples.map(({ energy_uj }) => energy_uj))).toBe(line.energy_uj);
});

test('3,000 short-lived children: none is missing, their time is what the shell counts', () => {
	const script = 'for ((i = 0; i < 3000; i++)); do /bin/true; done; times';
	const { line, own } = measure([], ['bash', '--norc', '-c', script]);
	expect(line.processes).toBe(3001);
	expect(line.each[0]?.lost).toMatchObject({ untracked_tasks: 0, unnamed_processes: 0, missing_tasks: 0 });
	const truth = timesOf(own);
	// the shell's figures lack what children do after their exit status is there
	expect(line.cpu_ns / truth).toBeGreaterThan(0.98);
	expect(line.cpu_ns / truth).toBeLessThan(1.1);
	const cpus = Number(spawnSync('nproc', ['--all'], { encoding: 'utf8' }).stdout);
	expect(line.energy_uj / ((16 / cpus) * (line.cpu_ns / 1e3))).toBeGreaterThan(0.9);
	expect(line.energy_uj / ((16 / cpus) * (line.cpu_ns / 1e3))).toBeLessThan(1.02);
});

test('sleep costs next to nothing beyond idle; wall time is that of the command', () => {
	const { line } = measure(['-n', '3'], ['sleep', '0.4']);
	expect(line.runs).toBe(3);
	expect(line.wall_ns).toBeGreaterThan(0.4e9);
	expect(line.wall_ns).toBeLessThan(0.6e9);
	expect(line.energy_uj).toBeLessThan(0.1 * line.machine_idle_uj);
	expect(line.ci95).toMatchObject({ cpu_ns: expect.any(Number), energy_uj: expect.any(Number) });
	expect(line.each).toHaveLength(3);
});

test('runs of milliseconds on a busy machine: never more than the machine draws, and the time of the readings is reported', () => {
	const cpus = Number(spawnSync('nproc', ['--all'], { encoding: 'utf8' }).stdout);
	for (let cpu = 0; cpu < cpus; cpu++) {
		const rival = spawn('taskset', ['-c', String(cpu), 'timeout', '10', 'sh', '-c', 'while :; do :; done'], {
			stdio: 'ignore',
		});
		onTestFinished(() => void rival.kill());
	}
	const { line } = measure(['-n', '6'], ['true']);
	for (const { machine_watts, measured_ns, edges_ns } of line.each) {
		// 4 W idle, 20 W with all CPUs busy, as they are
		expect(machine_watts).toBeLessThan(20.01);
		expect(machine_watts).toBeGreaterThan(10);
		expect(edges_ns).toBeGreaterThan(0);
		expect(edges_ns).toBeLessThan(10 * measured_ns);
	}
	expect(line.energy_uj).toBeLessThan(
		line.each.reduce((sum, one) => sum + one.machine_watts * one.measured_ns, 0) / 1000,
	);
});

test('bytes from and to storage', () => {
	const file = `build/measure-io-${process.pid}`;
	onTestFinished(() => rmSync(file, { force: true }));
	const written = measure([], ['dd', 'if=/dev/zero', `of=${file}`, 'bs=1M', 'count=8', 'conv=fsync', 'status=none']);
	// and what the file system notes about the file
	expect(written.line.write_bytes).toBeGreaterThanOrEqual(8 << 20);
	expect(written.line.write_bytes).toBeLessThan(8.2 * 2 ** 20);
	const read = measure([], ['dd', `if=${file}`, 'of=/dev/null', 'bs=1M', 'iflag=direct', 'status=none']);
	// and dd itself, where it is not cached
	expect(read.line.read_bytes).toBeGreaterThanOrEqual(8 << 20);
	expect(read.line.read_bytes).toBeLessThan(9 << 20);
	expect(read.line.io_bytes).toBe(read.line.read_bytes + read.line.write_bytes);
});

test("the exit code is the command's, as is standard output; what it leaves running is reported", () => {
	expect(measure([], ['sh', '-c', 'echo words; exit 7'])).toMatchObject({ code: 7, own: 'words' });
	expect(measure([], ['sh', '-c', 'kill -TERM $$'])).toMatchObject({ code: 143 });
	expect(measure([], ['sh', '-c', 'sleep 2 >/dev/null 2>&1 & exit 0']).line).toMatchObject({
		left_running: 1,
		processes: 2,
	});
	const missing = spawnSync('bin/wattlag', ['measure', '--', '/nonexistent/program'], { encoding: 'utf8' });
	expect(missing).toMatchObject({ status: 127, stdout: '' });
	expect(missing.stderr).toContain('not found');
	expect(spawnSync('bin/wattlag', ['measure', '--json'], { encoding: 'utf8' }).status).toBe(2);
});

test('without privilege: the times of waited-for children', () => {
	const tree = new WaitedTree('/proc', 'of a test');
	tree.arm();
	const { stdout } = spawnSync('bash', ['--norc', '-c', 'for ((i = 0; i < 300000; i++)); do :; done; times'], {
		encoding: 'utf8',
	});
	expect(Math.abs(tree.read().cpu_ns - timesOf(stdout))).toBeLessThan(30e6);
	const { node, program, remove } = copyForOthers();
	onTestFinished(remove);
	const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', node, program];
	const { line, own } = measure(
		[],
		['bash', '--norc', '-c', 'for ((i = 0; i < 300000; i++)); do :; done; times'],
		user,
		'auto',
	);
	expect(line.source.tree).toContain('waited-for children');
	expect(Math.abs(line.cpu_ns - timesOf(own))).toBeLessThan(30e6);
	expect(line.energy_uj).toBeGreaterThan(0);
});
