/** Starts loads of known shape (fixtures/workload.c) and reads what the kernel's own accounting says of them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leashed, temporaryDirectory } from './leftovers.ts';

export interface Workloads {
	/** Start `workload MODE ARGUMENTS…`, all of it on one CPU if one is given. */
	start(cpu: number | undefined, ...args: (string | number)[]): ChildProcess & { pid: number };
	/** Path of the program. */
	path: string;
	/** End all that run and remove the program. */
	stop(): Promise<void>;
}

/** Compile a program of loads. */
export function buildWorkloads(source = new URL('fixtures/workload.c', import.meta.url)): Workloads {
	const directory = temporaryDirectory(join(tmpdir(), 'wattlag-load-'));
	const path = join(directory.path, 'workload');
	// stacks of the loads are whole
	const frames = ['-fno-omit-frame-pointer', '-fno-optimize-sibling-calls'];
	execFileSync('clang', ['-O1', ...frames, '-Wall', '-Werror', '-pthread', fileURLToPath(source), '-o', path]);
	const running = new Set<ChildProcess>();
	return {
		path,
		start(cpu, ...args) {
			const pinned = cpu === undefined ? [] : ['taskset', '-c', String(cpu)];
			const command = [...pinned, path, ...args.map(String)] as [string, ...string[]];
			const child = spawn(...leashed(...command), { stdio: ['ignore', 'pipe', 'inherit'] });
			running.add(child);
			child.once('exit', () => running.delete(child));
			return child as ChildProcess & { pid: number };
		},
		async stop() {
			await Promise.all(
				[...running].map((child) => {
					const gone = once(child, 'exit');
					child.kill('SIGKILL');
					return gone;
				}),
			);
			directory.remove();
		},
	};
}

/**
 * `/proc/PID/task/*​/schedstat` added up: CPU time and run-queue wait of all living threads, ns. 0 when there is none.
 */
export function schedstat(pid: number): { cpu_ns: number; wait_ns: number } {
	const sum = { cpu_ns: 0, wait_ns: 0 };
	for (const tid of threadsOf(pid)) {
		try {
			const [cpu, wait] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ');
			sum.cpu_ns += Number(cpu);
			sum.wait_ns += Number(wait);
		} catch {
			// ended while we looked
		}
	}
	return sum;
}

function threadsOf(pid: number): string[] {
	try {
		return readdirSync(`/proc/${pid}/task`);
	} catch {
		return [];
	}
}

/** Children of a process, by /proc. */
export function childrenOf(pid: number): number[] {
	return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

export interface Group {
	/** Path in the unified hierarchy, and where that is mounted. */
	name: string;
	folder: string;
	/** Run a shell command in the group, to its end. Returns its standard output. */
	run(command: string): Promise<string>;
	/** Put a process into it. */
	add(pid: number): void;
	/**
	 * CPU time of all that ran in it: what the kernel has charged to the group, which is exact and on no path that we use,
	 * and what its shells had used before they were put into it.
	 */
	cpu_ns(): number;
	remove(): void;
}

/** Make a control group. */
export function makeGroup(): Group {
	const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
	if (mount === undefined)
		throw new Error('no unified cgroup hierarchy is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified');
	const name = `/wattlag-test-${process.pid}-${Date.now()}`;
	const folder = join(mount, name);
	mkdirSync(folder);
	let outside = 0;
	return {
		name,
		folder,
		async run(command) {
			// the shell waits for a line, so that nothing of it runs outside the group but its start, which is measured
			const shell = spawn('sh', ['-c', `echo ready; read go; ${command}`], { stdio: ['pipe', 'pipe', 'inherit'] });
			await once(shell.stdout, 'data');
			await new Promise((resolve) => setTimeout(resolve, 20));
			outside += schedstat(shell.pid as number).cpu_ns;
			writeFileSync(join(folder, 'cgroup.procs'), String(shell.pid));
			let output = '';
			shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
			shell.stdin.end('\n');
			const [code] = (await once(shell, 'close')) as [number];
			if (code !== 0) throw new Error(`${command}: exit ${code}`);
			return output;
		},
		add(pid) {
			writeFileSync(join(folder, 'cgroup.procs'), String(pid));
		},
		cpu_ns() {
			return Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(folder, 'cpu.stat'), 'utf8'))?.[1]) * 1000 + outside;
		},
		remove() {
			rmdirSync(folder);
		},
	};
}
