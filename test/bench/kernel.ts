/** Section `kernel`: what one event costs in BPF programs, ours, those of peers, and programs that do nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Host, Options, Tracer } from '../../src/core/tracer.ts';
import { energy } from '../../src/tracers/energy/tracer.ts';
import { events } from '../../src/tracers/events/tracer.ts';
import { io } from '../../src/tracers/io/tracer.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { leashed } from '../truth/leftovers.ts';
import { onDisk } from '../truth/load.ts';
import type { Workloads } from '../truth/workload.ts';
import type { Bench } from './bench.ts';
import { type Contender, empty, peer, sessions } from './contenders.ts';
import type { Figure, SectionResult } from './figures.ts';
import { loading } from './loading.ts';
import { type Runs, runsOf, withPrograms } from './programs.ts';
import { progress } from './progress.ts';

export const EMPTY = 'empty program';
export const EVENTS = 'wattlag events';

/** Figures by name, for the goals. */
export const WHAT = {
	switchHook: 'context switch, hook at the switch',
	switchAll: 'context switch, all hooks',
	wakeup: 'wake-up',
	wakeups: 'hooks at wake-ups',
	threads: 'context switch of threads, all hooks',
	hard: 'hard IRQ, entry + exit',
	soft: 'softirq, entry + exit',
	io: 'disk request, all hooks',
	drop: 'packet drop, counted',
	told: 'packet drop with a record',
} as const;

/** One figure out of the runs of a contender's programs; undefined: it has no such hook. */
interface Costing {
	what: string;
	/** Programs whose time counts. */
	programs: RegExp;
	/** The one that runs once for each event. */
	event: RegExp;
	/** ns per event, or how many programs there are. */
	unit?: 'ns' | 'hooks';
}

export interface Experiment {
	/** Started before, killed afterwards. */
	load: (directory: string) => ChildProcess;
	costings: Costing[];
	contenders: Contender[];
}

function perEvent(runs: readonly Runs[], { programs, event, unit = 'ns' }: Costing): number | undefined {
	if (unit === 'hooks') return runs.filter(({ name }) => programs.test(name)).length;
	const events = runs.filter(({ name }) => event.test(name)).reduce((sum, one) => sum + one.runs, 0);
	const counted = runs.filter(({ name }) => programs.test(name));
	if (counted.length === 0) return undefined;
	return counted.reduce((sum, one) => sum + one.ns, 0) / events;
}

function ours(name: string, host: Host, ...parts: [Tracer<object, object>, Options?, string?][]): Contender {
	return sessions(
		name,
		host,
		parts.map(([tracer, options = {}, group = tracer.groups[0] as string]) => ({ tracer, options, group })),
	);
}

const any = (tracer: unknown): Tracer<object, object> => tracer as Tracer<object, object>;

/** Programs of the switch have many names: those of peers and ours. */
const AT_SWITCH = /^(sched_switch|switched|handle_switch)/;

function experiments(host: Host, loads: Workloads): Experiment[] {
	const [waits, cpuTime, interrupts, disk, drops] = [any(runqlat), any(energy), any(irq), any(io), any(events)];
	const fio = (directory: string): ChildProcess => {
		const where = ['--name=bench', `--filename=${join(directory, 'fio')}`, '--size=64M', '--bs=4k', '--rw=randread'];
		const how = ['--direct=1', '--thread', '--ioengine=libaio', '--iodepth=4', '--time_based', '--runtime=900'];
		return spawn(...leashed('fio', ...where, ...how), { stdio: 'ignore' });
	};
	const onSwitch: Costing[] = [
		{ what: WHAT.switchHook, programs: AT_SWITCH, event: AT_SWITCH },
		{ what: WHAT.switchAll, programs: /./, event: AT_SWITCH },
		{ what: WHAT.wakeup, programs: /wakeup/, event: /wakeup$|wakeup_btf/ },
		{ what: WHAT.wakeups, programs: /wakeup/, event: /wakeup/, unit: 'hooks' },
	];
	return [
		{
			load: () => loads.start(1, 'pipe', 'processes'),
			costings: onSwitch,
			contenders: [
				empty(EMPTY, host, 'sched_switch'),
				ours('wattlag run queue + energy', host, [waits], [cpuTime]),
				ours('wattlag run queue, system alone', host, [waits, { 'system-only': true }]),
				ours('wattlag run queue, one process', host, [waits, { pid: process.pid }]),
				ours('wattlag run queue, culprits', host, [waits, { culprits: true }]),
				ours('wattlag run queue, own stamps', host, [waits, { stamps: true }]),
				peer('runqlat'),
				peer('runqlat', '-P'),
				peer('cpudist'),
			],
		},
		{
			load: () => loads.start(1, 'pipe', 'threads'),
			costings: [{ what: WHAT.threads, programs: /./, event: AT_SWITCH }],
			contenders: [
				empty(EMPTY, host, 'sched_switch'),
				ours('wattlag run queue + energy', host, [waits], [cpuTime]),
				ours('wattlag run queue, by thread', host, [waits, {}, 'thread']),
				peer('runqlat', '-P'),
			],
		},
		{
			load: fio,
			costings: [
				{ what: WHAT.hard, programs: /^irq_handler/, event: /^irq_handler_entry/ },
				{ what: WHAT.io, programs: /^(block|device_complete)/, event: /^(block_rq|device)_complete/ },
			],
			contenders: [
				empty(EMPTY, host, 'irq_handler_entry', 'irq_handler_exit', 'block_rq_complete'),
				ours('wattlag interrupts', host, [interrupts]),
				ours('wattlag disk IO', host, [disk]),
				ours('wattlag disk IO, device latency', host, [disk, { 'device-only': true }]),
				peer('hardirqs'),
				peer('biolatency'),
				peer('biolatency', '-Q'),
			],
		},
		{
			load: () => loads.start(1, 'datagrams'),
			costings: [{ what: WHAT.soft, programs: /^softirq_(entry|exit|raise)/, event: /^softirq_entry/ }],
			contenders: [
				empty(EMPTY, host, 'softirq_entry', 'softirq_exit'),
				ours('wattlag interrupts', host, [interrupts]),
				peer('softirqs'),
			],
		},
		{
			load: () => loads.start(1, 'drops', 0),
			costings: [{ what: WHAT.drop, programs: /^kfree_skb/, event: /^kfree_skb/ }],
			contenders: [empty(EMPTY, host, 'kfree_skb'), ours(EVENTS, host, [drops, { 'events-rate': 0 }])],
		},
		{
			// fewer than have a record; of a group, one a second has a stack of its own
			load: () => loads.start(1, 'drops', 90),
			costings: [{ what: WHAT.told, programs: /^kfree_skb/, event: /^kfree_skb/ }],
			contenders: [empty(EMPTY, host, 'kfree_skb'), ours(EVENTS, host, [drops, { 'events-rate': 1000 }])],
		},
	];
}

/** Turns of all contenders beside one load. */
export async function run(
	section: string,
	experiment: Experiment,
	{ host, quick }: Bench,
	directory: string,
): Promise<Figure[]> {
	const rounds = quick ? 3 : 5;
	const { costings, contenders } = experiment;
	const figures = costings.flatMap((costing) =>
		contenders.map(
			({ name }): Figure => ({ what: costing.what, contender: name, unit: costing.unit ?? 'ns', values: [] }),
		),
	);
	const load = experiment.load(directory);
	try {
		for (let round = 0; round < rounds; round++) {
			progress(`${section}: ${costings[0]?.what}: round ${round + 1} of ${rounds}`);
			for (const [index, contender] of contenders.entries()) {
				const { started: stop, ids } = await withPrograms(contender.start);
				const runs = await runsOf(ids, () => host.addon.enableStats(), quick ? 0.2 : 0.4);
				await stop();
				for (const [at, costing] of costings.entries()) {
					const cost = perEvent(runs, costing);
					if (cost !== undefined) figures[at * contenders.length + index]?.values.push(cost);
				}
			}
		}
	} finally {
		load.kill('SIGKILL');
	}
	return figures;
}

export async function kernel(bench: Bench): Promise<SectionResult> {
	const figures = await onDisk(async (directory) => {
		const all: Figure[] = [];
		for (const experiment of experiments(bench.host, bench.loads))
			all.push(...(await run('kernel', experiment, bench, directory)));
		return all;
	});
	figures.push(...(await loading(bench)));
	return {
		id: 'kernel',
		title: 'Kernel: ns per event in BPF programs',
		notes: [
			"By the kernel's BPF run statistics, whose own clock reads are in every figure: the empty program is the floor. Loads: two tasks on one CPU that wake each other through pipes; random reads of 4 KiB, 4 at a time; datagrams over the loopback device.",
			'Loading: the first time after others have run; attaching waits for the kernel, which takes no CPU time.',
		],
		baseline: EMPTY,
		figures: figures.filter(({ values }) => values.length > 0),
	};
}
