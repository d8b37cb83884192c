/** Interrupt counts against the kernel's own. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Host, Reading, Session } from '../../src/core/tracer.ts';
import { ProcFacts } from '../../src/rows/grouping/facts.ts';
import { regroup } from '../../src/rows/grouping/regroup.ts';
import { irqTimeFold } from '../../src/tracers/irq/fold.ts';
import type { IrqExtra, IrqRow } from '../../src/tracers/irq/snapshot.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { between, type Counters, expectAgreement, hiddenShare, type Sample, sample } from './brackets.ts';
import { realHost, seconds } from './host.ts';
import { kernelInterrupts, ourInterrupts, SOFTIRQS, VECTOR_LABELS } from './irq-counters.ts';
import { directIo, flood, loopback, onDisk, pipeAcrossCpus } from './load.ts';

const SLACK = cpus().length;
/** Of which any machine has as many as are wanted. */
const DRIVEN = process.arch === 'x64' ? ['NET_RX', 'LOC', 'RES'] : ['NET_RX'];

let host: Host;
let session: Session<IrqRow, IrqExtra>;
let last: Reading<IrqRow, IrqExtra>;
let readAt = 0n;

function take(): Sample {
	return sample(kernelInterrupts, () => {
		const now = process.hrtime.bigint();
		last = session.read(Number(now - readAt), 'line');
		readAt = now;
		return ourInterrupts(last);
	});
}

/** Counts whose slack of one on each CPU is less than half of the tolerance. */
const ENOUGH = 1000;
/** Of the load, ms: where an interrupt is slow, what has come by then has to do. */
const PATIENCE = 15_000;

const isLine = (label: string): boolean => /^\d+$/.test(label);

/** Has the kernel counted enough of each kind that every machine has? */
function isEnough(from: Counters): boolean {
	const grown = [...kernelInterrupts()].filter(([label, count]) => count - (from.get(label) ?? 0) >= ENOUGH);
	const labels = grown.map(([label]) => label);
	return DRIVEN.every((label) => labels.includes(label)) && labels.some(isLine);
}

/** Every kind of interrupt, as many as the comparison needs. */
async function load(): Promise<void> {
	const from = kernelInterrupts();
	const deadline = performance.now() + PATIENCE;
	// switching the statistics patches the kernel's code, which calls a function on every CPU, some six times
	let switches = 200;
	const patching = setInterval(() => {
		for (let i = 0; i < 4 && switches > 0; i++, switches--) host.addon.enableStats().close();
	}, 10);
	onTestFinished(() => clearInterval(patching));
	await onDisk((directory) => directIo(directory, 1000));
	await Promise.all([loopback(2000), flood(10_000)]);
	do await pipeAcrossCpus(5000);
	while ((switches > 0 || !isEnough(from)) && performance.now() < deadline);
}

/** Of all CPUs since boot. */
function idleTicks(): number {
	return Number(readFileSync('/proc/stat', 'utf8').split(/\s+/)[4]);
}

beforeAll(async () => {
	host = realHost();
	session = irq.start(host, {});
	readAt = process.hrtime.bigint();
	await seconds(0.2);
});

afterAll(() => session?.close());

test('counts agree with /proc/interrupts and /proc/softirqs', async () => {
	const from = take();
	await load();
	const to = take();

	const hidden = hiddenShare(from, to);
	const lines = [...to.after.keys()].filter(isLine);
	const vectors = process.arch === 'x64' ? [...new Set(Object.values(VECTOR_LABELS))] : [];
	for (const kind of [lines, SOFTIRQS, vectors]) expectAgreement(from, to, kind, 0.005, SLACK, hidden);
	const driven = [...lines, ...SOFTIRQS, ...vectors].filter((label) => {
		const counts = between(from, to, label);
		expect(counts.ours, counts.text).toBeLessThanOrEqual(counts.most + SLACK);
		return counts.least >= 500;
	});
	for (const label of driven) expectAgreement(from, to, label, 0.005, SLACK, hidden);

	expect(driven.filter((label) => lines.includes(label)).length, 'the load made no hard interrupts').toBeGreaterThan(0);
	expect(driven).toEqual(expect.arrayContaining(DRIVEN));
});

test('nothing was lost', () => {
	expect(last.lost).toEqual({ handlers_full: 0, victims_full: 0, softirqs_interleaved: 0 });
	expect(session.cost().recursionMisses).toBe(0);
});

test('names of handlers are those of /proc/interrupts', () => {
	const text = readFileSync('/proc/interrupts', 'utf8');
	const hard = last.rows.filter((row) => row.kind === 'hard');
	expect(hard.length).toBeGreaterThan(0);
	for (const { irq: line, name } of hard) {
		expect(text).toMatch(new RegExp(`^\\s*${line}:.*${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`, 'm'));
	}
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
	const lines = () => new Map(session.read(1e9, 'line').rows.map((row) => [key(row), row.count_total]));
	const before = lines();
	const sums = new Map<string, number>();
	for (const row of session.read(1e9, 'cpu').rows) {
		expect(row.cpu).toBeTypeOf('number');
		// with 256 CPUs, what never happened on one would be thousands of rows; a softirq may be in its first run
		if (row.kind !== 'soft') expect(row.count_total, key(row)).toBeGreaterThan(0);
		sums.set(key(row), (sums.get(key(row)) ?? 0) + row.count_total);
	}
	const after = lines();
	for (const [name, sum] of sums) {
		expect(sum).toBeGreaterThanOrEqual(before.get(name) ?? 0);
		expect(sum).toBeLessThanOrEqual(after.get(name) as number);
	}
});

test('an interval without interrupts has no figures of an earlier one', () => {
	session.read(1e9, 'line');
	const idle = session.read(1e9, 'line').rows.filter((row) => row.count === 0);
	expect(idle.length).toBeGreaterThan(0);
	for (const row of idle) expect([row.time_ns, row.p99_ns, row.max_ns, row.buckets]).toEqual([0, 0, 0, []]);
});

test('no lateness from the moment of attaching, and zones agree with the distribution', async () => {
	const fresh = irq.start(host, {});
	try {
		const begun = process.hrtime.bigint();
		await Promise.all([seconds(1), loopback(3000)]);
		const soft = fresh.read(1e9, 'line').rows.filter(({ kind }) => kind === 'soft');
		const elapsed = Number(process.hrtime.bigint() - begun);
		expect(soft.length).toBeGreaterThan(2);
		for (const { late, count, name, cpus } of soft) {
			// where they began, over all CPUs
			for (const zone of [0, 1, 2, 3])
				expect(cpus.reduce((sum, { late_zones }) => sum + (late_zones?.[zone] ?? 0), 0)).toBe(late?.zones[zone]);
			expect(
				late?.zones.reduce((sum, zone) => sum + zone, 0),
				name,
			).toBe(late?.count);
			expect(late?.count, name).toBeLessThanOrEqual(count + SLACK);
			expect(late?.max_ns, name).toBeLessThan(elapsed);
		}
		const network = soft.find(({ name }) => name === 'NET_RX');
		expect(network?.late?.count).toBeGreaterThan(0.95 * (network?.count as number));
	} finally {
		fresh.close();
	}
});

test('IRQ time adds up to the time in interrupts, by process and by cgroup', async () => {
	const fresh = irq.start(host, {});
	try {
		const sum = (rows: IrqRow[]) => rows.reduce((total, row) => total + row.time_ns, 0);
		/** CPUs and victims are read one after the other: a few interrupts come in between. */
		const expectWhole = ({ rows, extra }: Reading<IrqRow, IrqExtra>) => {
			const all = extra.cpu_share.reduce((total, { hard, soft, vector }) => total + hard + soft + vector, 0) * 1e9;
			expect(Math.abs(sum(rows) - all)).toBeLessThan(0.01 * all + 500_000);
		};
		fresh.read(1e9, 'process');
		const idle = idleTicks();
		await loopback(40_000);
		const idled = idleTicks() - idle;
		const reading = fresh.read(1e9, 'process');
		expectWhole(reading);
		// datagrams over loopback are received in the sender's own system call
		const own = reading.rows.find(({ irq_time }) => irq_time?.pid === process.pid);
		expect(own?.kind).toBe('irq_time');
		expect(own?.irq_time?.soft_ns).toBeGreaterThan(0.2 * sum(reading.rows));
		// on a busy machine no CPU is ever idle
		if (idled > 5) expect(reading.rows.find(({ irq_time }) => irq_time?.interrupted === 'idle')?.name).toBe('idle');
		await loopback(40_000);
		const processes = fresh.read(1e9, 'process');
		const facts = new ProcFacts('/proc');
		const rows = regroup(processes.rows, 'cgroup', irqTimeFold, (row) => irq.processOf?.(row), facts);
		expectWhole({ ...processes, rows });
		for (const row of rows) expect(['cgroup', 'idle']).toContain(row.irq_time?.interrupted);
	} finally {
		fresh.close();
	}
});

test('lines have their affinity, as /proc/irq says', () => {
	const hard = session.read(1e9, 'line').rows.filter((row) => row.kind === 'hard');
	for (const { irq: line, affinity } of hard)
		expect(affinity).toBe(readFileSync(`/proc/irq/${line}/smp_affinity_list`, 'utf8').trim());
	for (const { name, device } of hard) if (/^virtio\d+-req/.test(name)) expect(device).toMatch(/^vd/);
});
