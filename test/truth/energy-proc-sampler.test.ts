/** The /proc sampler on the running kernel, held against the scheduler's own nanoseconds. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { ProcSampler } from '../../src/tracers/energy/proc/sampler.ts';

/** Two roundings of two clock ticks, and one scheduler tick by which a running task's figure may be behind. */
const GRAIN = 30e6;

let children: ChildProcess[] = [];

afterEach(() => {
	for (const child of children) child.kill('SIGKILL');
	children = [];
});

function child(command: string, ...args: string[]): ChildProcess & { pid: number } {
	const spawned = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
	children.push(spawned);
	return spawned as ChildProcess & { pid: number };
}

/** Run time of a process with one thread, ns. */
function schedstat(pid: number): number {
	return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]);
}

test('a hog, a loafer and a sleeper: CPU time as the scheduler counts it, within the grain of clock ticks', async () => {
	const hog = child('sh', '-c', 'while :; do :; done');
	const loafer = child('sh', '-c', 'while :; do sleep 0.01; done');
	const sleeper = child('sleep', '100');
	await wait(200);
	const all = [hog, loafer, sleeper];
	const sampler = new ProcSampler();
	const before = all.map(({ pid }) => schedstat(pid));
	for (let i = 0; i < 15; i++) {
		await wait(100);
		sampler.sample();
	}
	const reading = sampler.read();
	const after = all.map(({ pid }) => schedstat(pid));
	sampler.close();
	for (const [index, { pid }] of all.entries()) {
		const row = reading.rows.find((candidate) => candidate.pid === pid);
		expect(row?.threads).toBe(1);
		const truth = (after[index] as number) - (before[index] as number);
		expect(Math.abs((row?.cpu_ns as number) - truth)).toBeLessThanOrEqual(GRAIN);
	}
	expect(reading.rows.find(({ pid }) => pid === hog.pid)?.cpu_ns).toBeGreaterThan(100e6);
	expect(reading.samples).toBe(16);
	expect(reading.cost_ns).toBeGreaterThan(0);
	expect(reading.lost.garbled + reading.lost.failed + reading.lost.denied).toBe(0);
});

test('short-lived processes are missed, and it says how much', async () => {
	const sampler = new ProcSampler();
	// one after the other, each far shorter than the time between two samples
	const storm = child('sh', '-c', 'i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i+1)); done');
	await once(storm, 'exit');
	const reading = sampler.read();
	sampler.close();
	expect(reading.rows.filter(({ comm }) => comm === 'true').length).toBeLessThan(5);
	expect(reading.missed_ns).toBeGreaterThan(100e6);
});

test('a hostile name set by a process of this kernel', async () => {
	const name = 'a) R 1\\n\n(\x1b[m';
	const hostile = child(
		'sh',
		'-c',
		`printf '%s' "$1" > /proc/$$/comm; echo ready; while :; do read -t 1 x || sleep 1; done`,
		'sh',
		name,
	);
	await once(hostile.stdout as NodeJS.ReadableStream, 'data');
	const sampler = new ProcSampler();
	const row = sampler.read().rows.find(({ pid }) => pid === hostile.pid);
	sampler.close();
	expect(row?.comm).toBe('a) R 1\\n^J(^[[m');
});

test('every thread of a process counts', async () => {
	const sampler = new ProcSampler();
	const burner = child(
		process.execPath,
		'-e',
		`const { Worker } = require('node:worker_threads');
		for (let i = 0; i < 3; i++) new Worker('const end = Date.now() + 700; while (Date.now() < end);', { eval: true });`,
	);
	await once(burner, 'spawn');
	await wait(400);
	const early = sampler.read().rows.find(({ pid }) => pid === burner.pid);
	expect(early?.threads).toBeGreaterThan(3);
	await wait(200);
	const late = sampler.read().rows.find(({ pid }) => pid === burner.pid);
	expect(late?.cpu_ns_total).toBe((early?.cpu_ns ?? 0) + (late?.cpu_ns ?? 0));
	expect(late?.cpu_ns_total).toBeGreaterThan(100e6);
	sampler.close();
});
