/**
 * What the interrupt programs cost, ns per event by the kernel's BPF statistics (whose own clock reads are part of it),
 * beside programs that do nothing. The two take turns under the same load, so that a busy minute meets both.
 *
 *   node test/bench/irq-cost.ts [rounds]
 *
 * Needs root and a built checkout; prints a table, asserts nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { BpfObject } from '../../src/native.ts';
import { realHost, seconds } from '../truth/host.ts';
import { directIo, loopback, onDisk, pipeAcrossCpus } from '../truth/load.ts';

const PAIRS = {
	'hard entry + exit': ['irq_handler_entry', 'irq_handler_exit'],
	'soft entry + exit': ['softirq_entry', 'softirq_exit'],
	'soft raise': ['softirq_raise'],
	'timer entry + exit': ['local_timer_entry', 'local_timer_exit'],
	'reschedule entry + exit': ['reschedule_entry', 'reschedule_exit'],
};
const PROGRAMS = Object.values(PAIRS).flat();
const CANDIDATES = { empty: 'build/bench/irq-empty.bpf.o', wattlag: 'build/bpf/irq.bpf.o' };

mkdirSync('build/bench', { recursive: true });
const target = process.arch === 'arm64' ? 'arm64' : 'x86';
const compile = `-g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${target} -I bpf/include -c test/bench/irq-empty.bpf.c -o ${CANDIDATES.empty}`;
execFileSync('clang', compile.split(' '), { stdio: 'inherit' });

const { addon } = realHost();

function attached(path: string): BpfObject {
	const object = addon.open(path);
	for (const map of object.maps()) {
		if (/cpu/.test(map.name)) object.setMaxEntries(map.name, addon.possibleCpus());
	}
	for (const { name } of object.programs()) if (!PROGRAMS.includes(name)) object.setAutoload(name, false);
	object.load();
	for (const { name } of object.programs()) if (PROGRAMS.includes(name)) object.attach(name);
	return object;
}

/** ns per run of every program in one round of load. */
async function round(path: string): Promise<Map<string, number>> {
	const object = attached(path);
	const stats = addon.enableStats();
	await onDisk((directory) => directIo(directory, 3000));
	await Promise.all([loopback(5000), pipeAcrossCpus(10_000)]);
	await seconds(0.2);
	stats.close();
	const cost = new Map(
		PROGRAMS.map((name) => {
			const { ns, runs } = object.stats(name);
			return [name, ns / runs];
		}),
	);
	object.close();
	return cost;
}

const rounds = Number(process.argv[2] ?? 6);
const costs: Record<string, Map<string, number>[]> = { empty: [], wattlag: [] };
for (let n = 0; n < rounds; n++) {
	for (const [name, path] of Object.entries(CANDIDATES)) costs[name]?.push(await round(path));
}

/** Lowest, median and highest of the rounds. */
function spread(of: readonly Map<string, number>[], programs: readonly string[]): string {
	const sums = of
		.map((cost) => programs.reduce((sum, name) => sum + (cost.get(name) ?? Number.NaN), 0))
		.sort((a, b) => a - b);
	return [0, Math.floor(sums.length / 2), sums.length - 1]
		.map((index) => (sums[index] as number).toFixed(0).padStart(5))
		.join('');
}

console.log(`ns per event over ${rounds} rounds: lowest, median, highest`);
console.log(`${''.padEnd(26)}${'empty'.padEnd(18)}wattlag`);
for (const [pair, programs] of Object.entries(PAIRS)) {
	console.log(
		`${pair.padEnd(24)}${spread(costs['empty'] ?? [], programs)}   ${spread(costs['wattlag'] ?? [], programs)}`,
	);
}
