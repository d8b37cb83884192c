/** Section `workload`: what ordinary work loses beside a measurement. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { leashed } from '../truth/leftovers.ts';
import { onDisk } from '../truth/load.ts';
import type { Bench } from './bench.ts';
import { batch, type Contender, nothing, peer, screen } from './contenders.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';

export const ALL_TABS = 'wattlag, all tabs on screen';
const FULL_PATH = 'wattlag, all tabs, all details';

/** Names of work, for the goals. */
export const PIPE = 'perf bench sched pipe, one CPU';

export function cpuOf(what: string): string {
	return `${what}: CPU time of the work itself`;
}

/** What a piece of work exercises; a contender is measured with those in which it has hooks. */
type Subject = 'switches' | 'disk' | 'cached' | 'mixed';

interface Work {
	subject: Subject;
	/** What one run of it measures. */
	figures: { what: string; unit: string }[];
	run(): Promise<number[]>;
}

async function output(command: string, ...args: string[]): Promise<string> {
	return (await promisify(execFile)(...leashed(command, ...args))).stdout;
}

function numberIn(text: string, pattern: RegExp): number {
	const found = pattern.exec(text)?.[1];
	if (found === undefined) throw new Error(`no figure like ${pattern} in ${JSON.stringify(text)}`);
	return Number(found);
}

interface FioJob {
	read: { iops: number; total_ios: number };
	write: { iops: number; total_ios: number };
	/** ms */
	job_runtime: number;
	/** Percent of it. */
	usr_cpu: number;
	sys_cpu: number;
}

const KINDS = {
	'direct random reads': ['--rw=randread', '--direct=1'],
	'buffered writes, fsync each 64': ['--rw=randwrite', '--direct=0', '--fsync=64'],
};
const FIO_JOBS = Object.entries(KINDS).flatMap(([kind, options]) =>
	['psync', 'libaio', 'io_uring'].map((engine) => ({ what: `fio ${kind}, ${engine}`, engine, options })),
);
export const FIO_RUNS = FIO_JOBS.map(({ what }) => what);
export const FIO_ALL = `fio, geometric mean of the ${FIO_RUNS.length}`;

/** One job after the other, `ms` each. */
function fio(file: string, ms: number): Work {
	const common = ['--size=64M', '--bs=4k', '--iodepth=16', '--time_based', `--runtime=${ms}ms`, '--output-format=json'];
	const jobs = FIO_JOBS.flatMap(({ what, engine, options }) => [
		...[`--name=${what}`, `--filename=${file}`, `--ioengine=${engine}`, ...options, '--stonewall'],
	]);
	return {
		subject: 'disk',
		figures: [
			...FIO_RUNS.map((what) => ({ what, unit: 'IOPS' })),
			{ what: FIO_ALL, unit: 'IOPS' },
			...FIO_RUNS.map((what) => ({ what: cpuOf(what), unit: 'µs per IO' })),
		],
		async run() {
			const stdout = await output('fio', ...common, ...jobs);
			const { jobs: done } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: FioJob[] };
			if (done.length !== FIO_JOBS.length) throw new Error(`fio ran ${done.length} of ${FIO_JOBS.length} jobs`);
			const iops = done.map(({ read, write }) => read.iops + write.iops);
			const mean = Math.exp(iops.reduce((sum, one) => sum + Math.log(one), 0) / iops.length);
			const cpu = done.map(
				({ read, write, job_runtime, usr_cpu, sys_cpu }) =>
					(job_runtime * 10 * (usr_cpu + sys_cpu)) / (read.total_ios + write.total_ios),
			);
			return [...iops, mean, ...cpu];
		},
	};
}

/** Round trips of a byte between two tasks on one CPU: throughput, and what the two use of the CPU. */
function pipe(load: string, operations: number): Work {
	return {
		subject: 'switches',
		figures: [
			{ what: PIPE, unit: 'ops/s' },
			{ what: cpuOf(PIPE), unit: 'µs per op' },
		],
		async run() {
			const command = ['taskset', '-c', '1', 'perf', 'bench', 'sched', 'pipe', '-l', String(operations)];
			const text = await output(load, 'timed', ...command);
			return [numberIn(text, /([\d.]+) ops\/sec/), (numberIn(text, /^cpu ([\d.]+)/m) * 1e6) / operations];
		},
	};
}

/** A command's length, as runs per second. */
function timed(what: string, subject: Subject, command: string, ...args: string[]): Work {
	return {
		subject,
		figures: [{ what, unit: 'runs/s' }],
		async run() {
			const begun = performance.now();
			await output(command, ...args);
			return [1000 / (performance.now() - begun)];
		},
	};
}

/** Many short compilations and a compression, as in a build. */
function build(directory: string): Work {
	const source = join(directory, 'unit.c');
	writeFileSync(
		source,
		'#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { return puts("x"); }\n',
	);
	const script = `seq 10 | xargs -P 2 -I N sh -c 'clang -O1 -c ${source} -o ${directory}/N.o && xz -1 -k -f ${directory}/N.o'`;
	return timed('build: 10 × clang and xz, 2 at a time', 'mixed', 'sh', '-c', script);
}

function works(directory: string, { loads, quick }: Bench): Work[] {
	const file = join(directory, 'fio');
	const messaging = ['bench', 'sched', 'messaging', '-g', '2', '-l', '250'];
	return [
		pipe(loads.path, quick ? 40_000 : 100_000),
		timed('perf bench sched messaging, 80 tasks', 'switches', 'perf', ...messaging),
		fio(file, quick ? 200 : 400),
		{
			subject: 'cached',
			figures: [{ what: 'pread of 4 KiB from the page cache', unit: 'reads/s' }],
			run: async () => [numberIn(await output(loads.path, 'cached', file, '0.25'), /^(\d+)$/m)],
		},
		build(directory),
	];
}

interface Entrant {
	contender: Contender;
	subjects: readonly Subject[];
}

const everything: readonly Subject[] = ['switches', 'disk', 'cached', 'mixed'];

/** What the goals are about: with nothing, and with all tabs, right after each other. */
const PAIR: readonly Entrant[] = [
	{ contender: nothing, subjects: everything },
	{ contender: screen(ALL_TABS), subjects: everything },
];

const OTHERS: readonly Entrant[] = [
	{ contender: screen(FULL_PATH, '--culprits', '--full-path'), subjects: everything },
	{ contender: batch('wattlag energy', 'energy'), subjects: ['switches', 'mixed'] },
	{ contender: peer('hardirqs'), subjects: ['disk'] },
	{ contender: batch('wattlag run queue', 'runqlat'), subjects: ['switches', 'mixed'] },
	{ contender: peer('softirqs'), subjects: ['disk'] },
	{ contender: peer('runqlat'), subjects: ['switches', 'mixed'] },
	{ contender: batch('wattlag interrupts', 'irq'), subjects: ['switches', 'disk', 'mixed'] },
	{ contender: peer('runqlat', '-P'), subjects: ['switches', 'mixed'] },
	{ contender: peer('cpudist'), subjects: ['switches'] },
	{ contender: batch('wattlag disk IO', 'io'), subjects: ['disk', 'cached', 'mixed'] },
	{ contender: peer('biolatency'), subjects: ['disk', 'mixed'] },
	{ contender: peer('biolatency', '-Q'), subjects: ['disk'] },
];

/** Others in a turn, beside the pair. */
const BESIDE = 3;

/** Every contender once in a round; the pair in every turn. The first one changes from turn to turn. */
function turns(rounds: number): Entrant[][] {
	return Array.from({ length: (rounds * OTHERS.length) / BESIDE }, (_, turn) => {
		const others = Array.from({ length: BESIDE }, (_, at) => OTHERS[(turn * BESIDE + at) % OTHERS.length] as Entrant);
		const pair = turn % 2 === 0 ? PAIR : PAIR.toReversed();
		return turn % 4 < 2 ? [...pair, ...others] : [...others, ...pair];
	});
}

/** Values by the names of figures. */
async function measure({ contender, subjects }: Entrant, todo: readonly Work[]): Promise<Map<string, number>> {
	const values = new Map<string, number>();
	const stop = await contender.start();
	try {
		for (const { subject, figures, run } of todo) {
			if (!subjects.includes(subject)) continue;
			for (const [at, value] of (await run()).entries()) values.set(figures[at]?.what as string, value);
		}
	} finally {
		await stop();
	}
	return values;
}

export async function workload(bench: Bench): Promise<SectionResult> {
	const plan = turns(bench.quick ? 1 : 3);
	const results: Map<Entrant, Map<string, number>>[] = [];
	const figures = await onDisk(async (directory) => {
		const todo = works(directory, bench);
		// files are there and caches warm before the first one is timed
		for (const work of todo) await work.run();
		for (const [turn, entrants] of plan.entries()) {
			const names = entrants.map(({ contender }) => contender.name).join('; ');
			progress(`workload: turn ${turn + 1} of ${plan.length}: ${names}`);
			const measured = new Map<Entrant, Map<string, number>>();
			for (const entrant of entrants) measured.set(entrant, await measure(entrant, todo));
			results.push(measured);
		}
		return todo.flatMap((work) =>
			work.figures.flatMap(({ what, unit }) =>
				[...PAIR, ...OTHERS]
					.filter(({ subjects }) => subjects.includes(work.subject))
					.map((entrant): Figure => {
						const took = results.filter((turn) => turn.has(entrant));
						const of = (who: Entrant): number[] => took.map((turn) => turn.get(who)?.get(what) as number);
						return { what, contender: entrant.contender.name, unit, values: of(entrant), base: of(PAIR[0] as Entrant) };
					}),
			),
		);
	});
	return {
		id: 'workload',
		title: 'Workload: how fast other work goes on',
		notes: [
			`Of throughput more is better: 0.95 × means that 5 % were lost; of CPU time less. That is the time that the work's own processes used, BPF programs at their system calls and switches included, and what interrupts did meanwhile: it varies less than throughput, and lacks what other processes and idle CPUs did.`,
			`In every turn there are nothing, all tabs, and ${BESIDE} others, each compared with the "nothing" of its own turn: ${plan.length} pairs of nothing and all tabs, ${(plan.length * BESIDE) / OTHERS.length} of the others. wattlag runs as its user runs it, all tabs on a screen of 120 × 40, in the first seconds after its start.`,
		],
		baseline: nothing.name,
		figures,
	};
}
