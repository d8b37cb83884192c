/** Section `profile`: what profiles cost, beside `perf record -F 99 -g`, libbpf-tools' offcputime and a program that does nothing. */
import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Host } from '../../src/core/tracer.ts';
import { safe } from '../../src/lib/sanitize.ts';
import type { ProfileMode } from '../../src/profile/model.ts';
import { loadDemangler } from '../../src/symbols/demangle.ts';
import { Taking } from '../../src/tracers/profile/taking.ts';
import { seconds } from '../truth/host.ts';
import { end, leashed, temporaryDirectory } from '../truth/leftovers.ts';
import type { Bench } from './bench.ts';
import { type Contender, empty, nothing, peer } from './contenders.ts';
import type { Figure, SectionResult } from './figures.ts';
import { EMPTY, run } from './kernel.ts';
import { runsOf, withPrograms } from './programs.ts';
import { progress } from './progress.ts';

export const ON_CPU = 'wattlag profile -a --on-cpu';
export const OFF_CPU = 'wattlag profile -a --off-cpu';
const OFF_OTHER = 'wattlag profile --off-cpu of another process';
export const PERF = 'perf record -a -g';

export const PROFILE = {
	share: 'samples of a busy CPU at 99 Hz, share of its time',
	sample: 'what a sample takes from running code, 20 frames',
	switch: 'context switch below the threshold, hook at its end',
	hooks: 'context switch below the threshold, all hooks',
	pipe: 'perf bench sched pipe, CPU time added',
	pipeTime: 'perf bench sched pipe, CPU time',
	symbols: 'symbols of 10 s of a build, CPU time',
	memory: 'symbols of 10 s of a build, memory',
} as const;

/** Samples per second where a sample's price is measured by what it slows down. */
const FAST = 19_999;
/** ms between two drains, as the command has it. */
const DRAIN = 50;

interface Profiled {
	/** Default: the machine. */
	pid?: number;
	hz?: number;
	offCpuMin?: number;
}

/** ns: no wait lasts as long. Long waits of others on the machine, some µs each, would be in the price of a switch. */
const NEVER = 1e10;

function begin(host: Host, mode: ProfileMode, { pid, hz = 99, offCpuMin = 1e6 }: Profiled = {}): Taking {
	return new Taking(host, {
		...{ mode, hz, targetText: safe`the machine`, offCpuMin, unwind: false },
		target: pid === undefined ? {} : { tgid: pid },
	});
}

/** A profile in this process, read as the command reads it. */
function taking(name: string, host: Host, mode: ProfileMode, profiled?: Profiled): Contender {
	return {
		name,
		async start() {
			const one = begin(host, mode, profiled);
			const timer = setInterval(() => one.drain(), DRAIN);
			return async () => {
				clearInterval(timer);
				one.close();
			};
		},
	};
}

function perf(directory: string, hz: number): Contender {
	return {
		name: PERF,
		async start() {
			const options = ['record', '-q', '-e', 'cpu-clock', '-F', String(hz), '-g', '-a', '-o', join(directory, 'data')];
			const child = spawn(...leashed('perf', ...options), { stdio: 'ignore' });
			await seconds(0.4);
			return () => end(child, 'SIGINT');
		},
	};
}

class Results {
	readonly figures: Figure[] = [];

	add(what: string, contender: string, unit: string, value: number): void {
		let figure = this.figures.find((one) => one.what === what && one.contender === contender);
		if (!figure) {
			figure = { what, contender, unit, values: [] };
			this.figures.push(figure);
		}
		figure.values.push(value);
	}
}

async function numberOf(pattern: RegExp, command: string, ...args: string[]): Promise<number> {
	const { stdout } = await promisify(execFile)(...leashed(command, ...args));
	const found = pattern.exec(stdout)?.[1];
	if (found === undefined) throw new Error(`${command}: no figure like ${pattern}`);
	return Number(found);
}

/** ns per switch of two tasks on one CPU that wake each other. */
async function switches(bench: Bench, directory: string): Promise<Figure[]> {
	const { host, loads } = bench;
	const idle = loads.start(undefined, 'processes', 1, 0);
	const event = /^(sched_exit_tp|switched_in|sched_switch)/;
	try {
		return await run(
			'profile',
			{
				load: () => loads.start(1, 'pipe', 'processes'),
				costings: [
					{ what: PROFILE.switch, programs: event, event },
					{ what: PROFILE.hooks, programs: /./, event },
				],
				contenders: [
					empty(EMPTY, host, 'sched_exit_tp'),
					taking(OFF_CPU, host, 'off-cpu', { offCpuMin: NEVER }),
					taking(OFF_OTHER, host, 'off-cpu', { offCpuMin: NEVER, pid: idle.pid }),
					peer('offcputime'),
				],
			},
			bench,
			directory,
		);
	} finally {
		idle.kill('SIGKILL');
	}
}

/** Round trips through a pipe: what they take longer. */
async function pipe({ host, loads, quick }: Bench, rounds: number, results: Results): Promise<void> {
	const words = ['bench', 'sched', 'pipe', '-l', String(quick ? 40_000 : 100_000)];
	const contenders = [nothing, taking(OFF_CPU, host, 'off-cpu'), peer('offcputime')];
	for (let round = 0; round < rounds; round++) {
		progress(`profile: perf bench sched pipe, round ${round + 1} of ${rounds}`);
		let base = 0;
		for (const contender of contenders) {
			const stop = await contender.start();
			try {
				// on one CPU: idle states of another one would be most of it; CPU time: others may want that CPU, too
				const time = await numberOf(/^cpu ([\d.]+)/m, 'taskset', '-c', '1', loads.path, 'timed', 'perf', ...words);
				if (contender === nothing) base = time;
				else results.add(PROFILE.pipe, contender.name, 's', time - base);
				results.add(PROFILE.pipeTime, contender.name, 's', time);
			} finally {
				await stop();
			}
		}
	}
}

/** The price of a sample: in the kernel's statistics, and by what a fixed amount of work takes longer. */
async function samples(bench: Bench, rounds: number, directory: string, results: Results): Promise<void> {
	const { host, loads, quick } = bench;
	const work = () =>
		numberOf(/^on ([\d.]+)/m, 'taskset', '-c', '1', loads.path, 'stacked', '20', quick ? '200' : '400');
	for (let round = 0; round < rounds; round++) {
		progress(`profile: samples, round ${round + 1} of ${rounds}`);
		const load = loads.start(1, 'stacked', 20, 10_000);
		const { started: stop, ids } = await withPrograms(taking(ON_CPU, host, 'on-cpu').start);
		const runs = await runsOf(ids, () => host.addon.enableStats(), 1);
		await stop();
		load.kill('SIGKILL');
		const { count, ns } = runs.reduce((sum, one) => ({ count: sum.count + one.runs, ns: sum.ns + one.ns }), {
			...{ count: 0, ns: 0 },
		});
		// on an idle CPU there are none: a sample's price at 99 a second
		results.add(PROFILE.share, ON_CPU, '%', ((ns / count) * 99 * 100) / 1e9);
		const base = await work();
		for (const contender of [taking(ON_CPU, host, 'on-cpu', { hz: FAST }), perf(directory, FAST)]) {
			const stop = await contender.start();
			try {
				const time = await work();
				results.add(PROFILE.sample, contender.name, 'ns', ((time - base) * 1e9) / (time * FAST));
			} finally {
				await stop();
			}
		}
	}
}

/** Compilations, two at a time, for 10 s: short processes, large programs without a symbol table. */
async function symbols({ host, quick }: Bench, rounds: number, directory: string, results: Results): Promise<void> {
	const source = join(directory, 'unit.c');
	const headers = [
		'stdio',
		'stdlib',
		'string',
		'unistd',
		'pthread',
		'math',
		'time',
		'signal',
		'sys/socket',
		'sys/mman',
	];
	const body = Array.from(
		{ length: 150 },
		(_, at) => `int f${at}(int n) { int s = 0; for (int i = 0; i < n; i++) s += i * ${at} ^ n; return s; }`,
	);
	writeFileSync(source, [...headers.map((name) => `#include <${name}.h>`), ...body, ''].join('\n'));
	const each = `gcc -O2 -c ${source} -o ${directory}/N.o && ar rc ${directory}/N.a ${directory}/N.o`;
	const units = join(directory, 'units');
	writeFileSync(units, Array.from({ length: 100_000 }, (_, at) => `${at}\n`).join(''));
	const used = () => {
		const { user, system } = process.cpuUsage();
		return (user + system) / 1e6;
	};
	for (let round = 0; round < rounds; round++) {
		progress(`profile: symbols of a build, round ${round + 1} of ${rounds}`);
		// itself, not below a shell: who ends it ends all but the two units that are being compiled
		const command = `${each}; rm -f ${directory}/N.*`;
		const build = spawn(...leashed('xargs', '-a', units, '-P', '2', '-I', 'N', 'sh', '-c', command), {
			stdio: 'ignore',
		});
		const one = begin(host, 'on-cpu');
		try {
			const from = used();
			for (let left = quick ? 3000 : 10_000; left > 0; left -= DRAIN) {
				await seconds(DRAIN / 1000);
				one.drain();
			}
			one.stop();
			const { symbol_bytes, stacks } = one.profile();
			if (stacks.length < 100) throw new Error(`a build with ${stacks.length} stacks`);
			results.add(PROFILE.symbols, ON_CPU, 's', used() - from);
			results.add(PROFILE.memory, ON_CPU, 'MB', symbol_bytes / 1e6);
		} finally {
			one.close();
			await end(build);
		}
	}
}

export async function profile(bench: Bench): Promise<SectionResult> {
	const results = new Results();
	const directory = temporaryDirectory(join(tmpdir(), 'wattlag-bench-'));
	const [many, few] = bench.quick ? [3, 1] : [5, 3];
	await loadDemangler();
	try {
		results.figures.push(...(await switches(bench, directory.path)));
		await pipe(bench, many, results);
		await samples(bench, many, directory.path, results);
		await symbols(bench, few, directory.path, results);
	} finally {
		directory.remove();
	}
	return {
		id: 'profile',
		title: 'Profiles',
		notes: [
			`Switches and samples by the kernel's BPF run statistics, whose own clock reads are in every figure: the empty program is the floor. At switches the threshold is 10 s, so that all waits are below it. What a sample takes: a fixed amount of work beside ${FAST} samples a second, less the same without, for each sample. \`perf bench sched pipe\` on one CPU, its CPU time less that of the same turn without anything beside it. Symbols: all CPU time of the process that profiles, from the first drain of new processes to the finished profile, while gcc compiles small files two at a time.`,
		],
		figures: results.figures,
	};
}
