/** Interrupt counts against the kernel's own. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type IrqExtra, type IrqRow, irq } from '../../src/tracers/irq.ts';
import type { Reading, Session } from '../../src/tracers/tracer.ts';
import { type Counters, expectAgreement, happened, type Sample, sample } from './brackets.ts';
import { realHost, seconds } from './host.ts';
import { directIo, loopback, onDisk, pipeAcrossCpus } from './load.ts';

const SLACK = cpus().length;

/** Our vectors by the labels of /proc/interrupts. CAL counts both kinds of function calls. */
const VECTOR_LABELS: Record<string, string> = {
	local_timer: 'LOC',
	reschedule: 'RES',
	call_function: 'CAL',
	call_function_single: 'CAL',
	irq_work: 'IWI',
	thermal_apic: 'TRM',
	threshold_apic: 'THR',
	deferred_error_apic: 'DFR',
};

/** Rows of /proc/interrupts (`36`, `LOC`) or /proc/softirqs (`NET_RX`), summed over the CPUs. */
function procTable(file: string): Counters {
	const counters: Counters = new Map();
	for (const line of readFileSync(file, 'utf8').split('\n').slice(1)) {
		const [label, ...rest] = line.trim().split(/\s+/) as [string, ...string[]];
		if (!label.endsWith(':')) continue;
		const numbers = rest.slice(0, rest.findIndex((field) => !/^\d+$/.test(field)) >>> 0);
		counters.set(label.slice(0, -1), numbers.reduce((sum, field) => sum + Number(field), 0));
	}
	return counters;
}

function kernelCounters(): Counters {
	return new Map([...procTable('/proc/interrupts'), ...procTable('/proc/softirqs')]);
}

let session: Session<IrqRow, IrqExtra>;
let from: Sample;
let to: Sample;
let first: Reading<IrqRow, IrqExtra>;
let last: Reading<IrqRow, IrqExtra>;

function ours(reading: Reading<IrqRow, IrqExtra>): Counters {
	const counters: Counters = new Map();
	for (const row of reading.rows) {
		const label = row.kind === 'hard' ? String(row.irq) : row.kind === 'soft' ? row.name : VECTOR_LABELS[row.name];
		if (label) counters.set(label, (counters.get(label) ?? 0) + row.count_total);
	}
	return counters;
}

beforeAll(async () => {
	const host = realHost();
	session = irq.start(host, {});
	await seconds(0.2);
	from = sample(kernelCounters, () => ours((first = session.read(2e8, 'line'))));
	const began = process.hrtime.bigint();
	await onDisk((directory) => directIo(directory, 3000));
	await Promise.all([loopback(5000), pipeAcrossCpus(5000)]);
	// switching the statistics patches the kernel's code, which calls a function on every CPU
	for (let i = 0; i < 100; i++) host.addon.enableStats().close();
	to = sample(kernelCounters, () => ours((last = session.read(Number(process.hrtime.bigint() - began), 'line'))));
});

afterAll(() => session?.close());

test('nothing was lost', () => {
	expect(last.lost).toEqual({ handlers_full: 0 });
	expect(session.cost().recursionMisses).toBe(0);
});

test('hard interrupts by line agree with /proc/interrupts', () => {
	const lines = [...to.after.keys()].filter((label) => /^\d+$/.test(label));
	expect(lines.length).toBeGreaterThan(0);
	for (const line of lines) expectAgreement(from, to, line, 0.01, SLACK);
	const total = lines.reduce((sum, line) => sum + happened(from, to, line), 0);
	expect(total, 'the load made no hard interrupts').toBeGreaterThan(1000);
});

test('softirqs agree with /proc/softirqs', () => {
	for (const name of ['HI', 'TIMER', 'NET_TX', 'NET_RX', 'BLOCK', 'IRQ_POLL', 'TASKLET', 'SCHED', 'HRTIMER', 'RCU']) {
		expectAgreement(from, to, name, 0.01, SLACK);
	}
	expect(happened(from, to, 'NET_RX'), 'the load made no NET_RX').toBeGreaterThan(3000);
});

test.runIf(process.arch === 'x64')('timer ticks and IPIs agree with /proc/interrupts', () => {
	for (const label of new Set(Object.values(VECTOR_LABELS))) expectAgreement(from, to, label, 0.01, SLACK);
	expect(happened(from, to, 'LOC'), 'the load made no timer ticks').toBeGreaterThan(100);
	expect(happened(from, to, 'CAL') + happened(from, to, 'RES'), 'the load made no IPIs').toBeGreaterThan(1000);
});

test('names of handlers are those of /proc/interrupts', () => {
	const text = readFileSync('/proc/interrupts', 'utf8');
	const hard = last.rows.filter((row) => row.kind === 'hard');
	expect(hard.length).toBeGreaterThan(0);
	for (const row of hard) expect(text).toMatch(new RegExp(`^\\s*${row.irq}:.*${row.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'm'));
});

test('the figures of a row fit each other', () => {
	for (const row of last.rows) {
		const buckets = row.buckets.reduce((sum, [, count]) => sum + count, 0);
		expect(buckets).toBe(row.count);
		expect(row.p50_ns).toBeLessThanOrEqual(row.p99_ns);
		expect(row.p99_ns).toBeLessThanOrEqual(row.max_ns);
		expect(row.time_ns).toBeLessThanOrEqual(row.max_ns * row.count);
		expect(row.time_ns > 0).toBe(row.count > 0);
		expect(row.count_total).toBeGreaterThanOrEqual(row.count);
	}
	for (const share of last.extra.cpu_share) {
		const sum = share.hard + share.soft + share.vector;
		expect(sum).toBeGreaterThan(0);
		expect(sum).toBeLessThan(1);
	}
});

test('rows of one CPU add up to the rows of all', () => {
	const key = (row: IrqRow): string => `${row.kind} ${row.irq} ${row.name}`;
	const lines = (): Map<string, number> => new Map(session.read(1e9, 'line').rows.map((row) => [key(row), row.count_total]));
	const before = lines();
	const sums = new Map<string, number>();
	for (const row of session.read(1e9, 'cpu').rows) {
		expect(row.cpu).toBeTypeOf('number');
		sums.set(key(row), (sums.get(key(row)) ?? 0) + row.count_total);
	}
	const after = lines();
	for (const [name, sum] of sums) {
		expect(sum).toBeGreaterThanOrEqual(before.get(name) ?? 0);
		expect(sum).toBeLessThanOrEqual(after.get(name) as number);
	}
});

test('an interval has no maximum of an earlier one', async () => {
	// rows that were busy rest now: their figures must rest too
	session.read(1e9, 'line');
	const idle = session.read(1e9, 'line').rows.filter((row) => row.count === 0);
	for (const row of idle) expect([row.time_ns, row.p99_ns, row.max_ns, row.buckets]).toEqual([0, 0, 0, []]);
	expect(first.rows.length).toBeGreaterThan(0);
});
