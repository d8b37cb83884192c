/**
 * What the IO tab costs: ns per request by the kernel's BPF statistics (whose own clock reads, about 60 ns for each program
 * run, are part of it), and requests per second with and without it. With and without take turns under the same load, so
 * that a busy minute meets both.
 *
 *   node test/bench/io-cost.ts [rounds]
 *
 * Needs root, fio and a built checkout; prints a table, asserts nothing.
 */
import { io } from '../../src/tracers/io.ts';
import type { BpfCost } from '../../src/tracers/tracer.ts';
import { fio, laidOut } from '../truth/fio.ts';
import { realHost } from '../truth/host.ts';
import { onDisk } from '../truth/load.ts';

const LOADS = {
	'direct, depth 1': ['--rw=randread', '--direct=1', '--ioengine=psync'],
	'direct, depth 16': ['--rw=randread', '--direct=1', '--ioengine=libaio', '--iodepth=16'],
	'buffered read': ['--rw=randread', '--direct=0', '--invalidate=1', '--ioengine=psync'],
	'buffered write': ['--rw=randwrite', '--direct=0', '--ioengine=psync', '--end_fsync=1'],
};

const host = realHost();

/** Requests per second that fio reached. */
async function load(file: string, options: readonly string[]): Promise<number> {
	const { read, write } = await fio(file, '--size=64M', '--number_ios=12000', ...options).done;
	return read.iops + write.iops;
}

interface Round {
	without: number;
	with: number;
	ns: number;
}

async function round(file: string, options: readonly string[]): Promise<Round> {
	const without = await load(file, options);
	const session = io.start(host, { slow: 1000 });
	const attached = await load(file, options);
	const count = (): number => session.read(1e9, 'device').rows.reduce((sum, row) => sum + row.count, 0);
	count();
	const stats = host.addon.enableStats();
	const before: BpfCost = session.cost();
	await load(file, options);
	stats.close();
	const ns = (session.cost().ns - before.ns) / count();
	session.close();
	return { without, with: attached, ns };
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

const rounds = Number(process.argv[2] ?? 5);
console.log(`medians of ${rounds} rounds: ns per request, requests/s without, ratio with/without`);
await onDisk(async (directory) => {
	const file = await laidOut(directory, 'file', 64);
	for (const [name, options] of Object.entries(LOADS)) {
		const all: Round[] = [];
		for (let n = 0; n < rounds; n++) all.push(await round(file, options));
		const ns = median(all.map((one) => one.ns)).toFixed(0);
		const rate = median(all.map((one) => one.without)).toFixed(0);
		const ratio = median(all.map((one) => one.with / one.without)).toFixed(3);
		console.log(`${name.padEnd(20)}${ns.padStart(6)}${rate.padStart(9)}${ratio.padStart(8)}`);
	}
});
