/** Section `workload`: what ordinary work loses while somebody measures. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onDisk } from '../truth/load.ts';
import type { Bench } from './bench.ts';
import { batch, type Contender, nothing, peer, screen } from './contenders.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { median } from './statistics.ts';

const run = promisify(execFile);

export const ALL_TABS = 'wattlag, all tabs on screen';
export const FULL_PATH = 'wattlag, all tabs, all details';

/** Names of work, for the goals. */
export const PIPE = 'perf bench sched pipe, one CPU';

/** What a piece of work exercises; a contender is measured with those in which it has hooks. */
type Subject = 'switches' | 'disk' | 'cached' | 'mixed';

interface Work {
	what: string;
	subject: Subject;
	unit: string;
	/** How much it got done per second. */
	run(): Promise<number>;
}

async function rate(pattern: RegExp, command: string, ...args: string[]): Promise<number> {
	const { stdout } = await run(command, args);
	const found = pattern.exec(stdout)?.[1];
	if (found === undefined) throw new Error(`${command} ${args.join(' ')}: no figure in ${JSON.stringify(stdout)}`);
	return Number(found);
}

interface FioJob {
	read: { iops: number };
	write: { iops: number };
}

/** Name of one of fio's runs. */
function fioName(engine: string, buffered: boolean): string {
	return buffered ? `fio buffered writes, fsync each 64, ${engine}` : `fio direct random reads, ${engine}`;
}

export const FIO_RUNS = [false, true].flatMap((buffered) =>
	['psync', 'libaio', 'io_uring'].map((engine) => fioName(engine, buffered)),
);

function fio(file: string, engine: string, buffered: boolean, length: number): Work {
	const kind = buffered ? ['--rw=randwrite', '--direct=0', '--fsync=64'] : ['--rw=randread', '--direct=1'];
	const args = [
		...['--name=bench', `--filename=${file}`, '--size=64M', '--bs=4k', `--ioengine=${engine}`, '--iodepth=16'],
		...['--time_based', `--runtime=${length}s`, '--output-format=json', ...kind],
	];
	return {
		what: fioName(engine, buffered),
		subject: 'disk',
		unit: 'IOPS',
		async run() {
			const { stdout } = await run('fio', args);
			const job = (JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: FioJob[] }).jobs[0] as FioJob;
			return job.read.iops + job.write.iops;
		},
	};
}

/** Seconds that a command takes, as runs per second. */
function timed(what: string, subject: Subject, command: string, ...args: string[]): Work {
	return {
		what,
		subject,
		unit: 'runs/s',
		async run() {
			const begun = performance.now();
			await run(command, args);
			return 1000 / (performance.now() - begun);
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
	const length = quick ? 0.3 : 0.5;
	const file = join(directory, 'fio');
	return [
		{
			what: PIPE,
			subject: 'switches',
			unit: 'ops/s',
			run: () =>
				rate(
					/([\d.]+) ops\/sec/,
					'taskset',
					'-c',
					'1',
					'perf',
					'bench',
					'sched',
					'pipe',
					'-l',
					String(80_000 * length),
				),
		},
		timed(
			'perf bench sched messaging, 80 tasks',
			'switches',
			'perf',
			'bench',
			'sched',
			'messaging',
			'-g',
			'2',
			'-l',
			'250',
		),
		...['psync', 'libaio', 'io_uring'].map((engine) => fio(file, engine, false, length)),
		...['psync', 'libaio', 'io_uring'].map((engine) => fio(file, engine, true, length)),
		{
			what: 'pread of 4 KiB from the page cache',
			subject: 'cached',
			unit: 'reads/s',
			run: () => rate(/^(\d+)$/m, loads.path, 'cached', file, String(length / 2)),
		},
		build(directory),
	];
}

interface Entrant {
	contender: Contender;
	subjects: Subject[];
	/** What the goals are about has several turns a round. */
	often?: true;
}

function entrants(): Entrant[] {
	const everything: Subject[] = ['switches', 'disk', 'cached', 'mixed'];
	return [
		{ contender: nothing, subjects: everything, often: true },
		{ contender: batch('wattlag energy', 'energy'), subjects: ['switches', 'mixed'] },
		{ contender: batch('wattlag run queue', 'runqlat'), subjects: ['switches', 'mixed'] },
		{ contender: batch('wattlag interrupts', 'irq'), subjects: ['switches', 'disk', 'mixed'] },
		{ contender: batch('wattlag disk IO', 'io'), subjects: ['disk', 'cached', 'mixed'] },
		{ contender: screen(ALL_TABS), subjects: everything, often: true },
		{ contender: screen(FULL_PATH, '--culprits', '--full-path'), subjects: everything },
		{ contender: peer('runqlat'), subjects: ['switches', 'mixed'] },
		{ contender: peer('runqlat', '-P'), subjects: ['switches', 'mixed'] },
		{ contender: peer('cpudist'), subjects: ['switches'] },
		{ contender: peer('hardirqs'), subjects: ['disk'] },
		{ contender: peer('softirqs'), subjects: ['disk'] },
		{ contender: peer('biolatency'), subjects: ['disk', 'mixed'] },
		{ contender: peer('biolatency', '-Q'), subjects: ['disk'] },
	];
}

/** Another one first in each round; those that are measured often come again after every fourth. */
function order(all: readonly Entrant[], round: number): Entrant[] {
	const often = all.filter((entrant) => entrant.often);
	const rest = all.filter((entrant) => !entrant.often);
	const shift = (round * 5) % rest.length;
	const turned = [...rest.slice(shift), ...rest.slice(0, shift)];
	return turned.flatMap((entrant, index) => (index % 4 === 0 ? [...often, entrant] : [entrant]));
}

export async function workload(bench: Bench): Promise<SectionResult> {
	const rounds = bench.quick ? bench.rounds : 5;
	const all = entrants();
	const figures: Figure[] = [];
	await onDisk(async (directory) => {
		const todo = works(directory, bench);
		// files are there and caches warm before the first one is timed
		for (const work of todo) await work.run();
		for (const work of todo)
			for (const { contender, subjects } of all)
				if (subjects.includes(work.subject))
					figures.push({ what: work.what, contender: contender.name, unit: work.unit, values: [] });
		for (let round = 0; round < rounds; round++) {
			const measured = new Map<Figure, number[]>();
			for (const { contender, subjects } of order(all, round)) {
				progress(`workload: round ${round + 1} of ${rounds}: ${contender.name}`);
				const stop = await contender.start();
				try {
					for (const work of todo) {
						const figure = figures.find(({ what, contender: name }) => what === work.what && name === contender.name);
						if (figure && subjects.includes(work.subject))
							measured.set(figure, [...(measured.get(figure) ?? []), await work.run()]);
					}
				} finally {
					await stop();
				}
			}
			for (const [figure, values] of measured) figure.values.push(median(values));
		}
	});
	return {
		id: 'workload',
		title: 'Workload: how fast other work goes on',
		notes: [
			'More is better: 0.95 means that 5 % were lost. Contenders in turns, another one first in each round; nothing, and all tabs, have several turns a round, of which the median counts. wattlag runs as its user runs it: one tab as batch output, all tabs on a screen of 120 × 40.',
		],
		baseline: nothing.name,
		figures,
	};
}
