/** Two made-up accounts of the same seconds (fixtures), held against each other. */
import { expect, test } from 'vitest';
import { type ComparedProcess, LiveComparison } from '../../src/commands/compare/live.ts';
import { comparisonJson, comparisonTable } from '../../src/commands/compare/report.ts';
import { sanitize } from '../../src/lib/sanitize.ts';

const ms = 1e6;

function use(pid: number, comm: string, cpu_ms: number, start_time = pid * 1e9 + 1_234_567): ComparedProcess {
	return { pid, start_time, comm: sanitize(comm), cpu_ns: cpu_ms * ms, energy_uj: cpu_ms * 4000 };
}

/** The same process as the other side knows it: its start rounded down to a tick. */
function coarse(pid: number, comm: string, cpu_ms: number): ComparedProcess {
	return use(pid, comm, cpu_ms, pid * 1e9);
}

function fixture(): LiveComparison {
	const comparison = new LiveComparison();
	comparison.add('bpf', {
		rows: [use(10, 'hog', 603.25), use(11, 'light', 4.5), use(12, 'short', 1.25), use(13, 'idle', 0)],
		cost_ns: 2 * ms,
	});
	comparison.add('bpf', { rows: [use(10, 'hog', 600), use(14, 'short', 1.5)], cost_ns: 3 * ms });
	comparison.add('proc', {
		rows: [coarse(10, 'hog', 1200), coarse(11, 'light', 0), coarse(13, 'idle', 0)],
		cost_ns: 26 * ms,
	});
	comparison.addMachine({ seconds: 1, busy_ns: 620 * ms, irq_ns: 10 * ms });
	comparison.addMachine({ seconds: 1, busy_ns: 600 * ms, irq_ns: 0 });
	return comparison;
}

test('sums, shares, grain and cost of each side', () => {
	const { seconds, machine, bpf, proc, overflow } = fixture().result();
	expect({ seconds, machine, overflow }).toEqual({
		seconds: 2,
		machine: { busy_ns: 1220 * ms, irq_ns: 10 * ms },
		overflow: 0,
	});
	expect(bpf).toEqual({
		processes: 4,
		cpu_ns: 1210.5 * ms,
		energy_uj: 1210.5 * 4000,
		busy_share: 1210.5 / 1220,
		missed: { processes: 0, cpu_ns: 0, energy_uj: 0 },
		silent: { processes: 0, cpu_ns: 0 },
		finest_ns: 1.25 * ms,
		cost_ns: 5 * ms,
		cost_share: 0.0025,
	});
	expect(proc).toEqual({
		processes: 1,
		cpu_ns: 1200 * ms,
		energy_uj: 4_800_000,
		busy_share: 1200 / 1220,
		missed: { processes: 2, cpu_ns: 2.75 * ms, energy_uj: 11_000 },
		silent: { processes: 1, cpu_ns: 4.5 * ms },
		finest_ns: 1200 * ms,
		cost_ns: 26 * ms,
		cost_share: 0.013,
	});
});

test('rows side by side, most CPU time first, those without any left out', () => {
	const { rows } = fixture().result();
	expect(rows.map((row) => [row.pid, row.comm, row.bpf?.cpu_ns, row.proc?.cpu_ns, row.difference_ns])).toEqual([
		[10, 'hog', 1203.25 * ms, 1200 * ms, 3.25 * ms],
		[11, 'light', 4.5 * ms, 0, 4.5 * ms],
		[14, 'short', 1.5 * ms, undefined, 1.5 * ms],
		[12, 'short', 1.25 * ms, undefined, 1.25 * ms],
	]);
	expect(rows[0]?.start_time).toBe(10e9 + 1_234_567);
	expect(rows[0]?.difference_uj).toBe(13_000);
});

test('each side can miss something', () => {
	const comparison = new LiveComparison();
	comparison.add('proc', { rows: [coarse(10, 'ours', 20)], cost_ns: 0 });
	const { bpf, proc, rows } = comparison.result();
	expect(bpf.missed).toEqual({ processes: 1, cpu_ns: 20 * ms, energy_uj: 80_000 });
	expect(proc.missed.processes).toBe(0);
	expect(rows[0]).toMatchObject({ bpf: null, difference_ns: -20 * ms });
});

test('a pid used again is another process', () => {
	const comparison = new LiveComparison();
	comparison.add('bpf', { rows: [use(10, 'first', 5, 1e9), use(10, 'second', 6, 2e9)], cost_ns: 0 });
	comparison.add('proc', { rows: [use(10, 'second', 10, 2e9)], cost_ns: 0 });
	const { rows, proc } = comparison.result();
	expect(rows.map(({ comm, bpf, proc }) => [comm, bpf?.cpu_ns, proc?.cpu_ns])).toEqual([
		['second', 6 * ms, 10 * ms],
		['first', 5 * ms, undefined],
	]);
	expect(proc.missed.processes).toBe(1);
});

test('the sums are those of all rows, and what one side has is missed, silent or seen by the other', () => {
	const { rows, bpf, proc } = fixture().result();
	const total = (side: 'bpf' | 'proc') => rows.reduce((sum, row) => sum + (row[side]?.cpu_ns ?? 0), 0);
	expect(total('bpf')).toBe(bpf.cpu_ns);
	expect(total('proc')).toBe(proc.cpu_ns);
	expect(proc.processes + proc.missed.processes + proc.silent.processes).toBe(rows.length);
	expect(bpf.cpu_ns - proc.cpu_ns).toBe(rows.reduce((sum, row) => sum + row.difference_ns, 0));
});

test('a result is a picture: what comes later does not change it', () => {
	const comparison = fixture();
	const result = comparison.result();
	const text = comparisonJson(result);
	comparison.add('bpf', { rows: [use(10, 'hog', 600)], cost_ns: 1 });
	expect(comparisonJson(result)).toBe(text);
});

test('too many processes: the sums still have them, their number is reported', () => {
	const comparison = new LiveComparison();
	comparison.add('bpf', { rows: Array.from({ length: 100_010 }, (_, pid) => use(pid, 'storm', 1)), cost_ns: 0 });
	const { rows, bpf, overflow } = comparison.result();
	expect([rows.length, overflow]).toEqual([100_000, 10]);
	expect(bpf.cpu_ns).toBe(100_010 * ms);
});

test('nothing at all is no division by zero', () => {
	const result = new LiveComparison().result();
	expect(result.bpf).toMatchObject({ busy_share: null, cost_share: null, finest_ns: null, cpu_ns: 0 });
	expect(comparisonTable(result, 10)).not.toMatch(/NaN|Infinity|undefined|null/);
	expect(JSON.parse(comparisonJson(result))).toEqual(result);
});

test('the table', () => {
	expect(comparisonTable(fixture().result(), 3)).toMatchInlineSnapshot(`
		"2.0 s; the machine used 1.22s of CPU time, 10.0ms of it interrupts (/proc/stat)

		                                       bpf        proc
		CPU time found                       1.21s       1.20s
		  of what the machine used           99.2%       98.4%
		energy                               4.84J       4.80J
		processes with CPU time                  4           1
		processes never seen                     0           2
		  their CPU time                         0      2.75ms
		  their energy                           0      11.0mJ
		processes seen, CPU time not             0           1
		  their CPU time                         0      4.50ms
		finest CPU time                     1.25ms       1.20s
		own cost                            5.00ms      26.0ms
		  of one CPU                          0.3%        1.3%

		     PID COMMAND                 CPU bpf   CPU proc   bpf-proc     E bpf    E proc  bpf-proc
		      10 hog                       1.20s      1.20s     3.25ms     4.81J     4.80J    13.0mJ
		      11 light                    4.50ms          0     4.50ms    18.0mJ         0    18.0mJ
		      14 short                    1.50ms          –     1.50ms    6.00mJ         –    6.00mJ
		and 1 more (–: never seen by that side)
		"
	`);
});

test('JSON is one line and the whole result', () => {
	const result = fixture().result();
	const text = comparisonJson(result);
	expect(text.indexOf('\n')).toBe(text.length - 1);
	expect(JSON.parse(text)).toEqual(result);
});

test('hostile names stay inert and in their column', () => {
	const comparison = new LiveComparison();
	comparison.add('bpf', { rows: [use(10, '\x1b[2J日本語'.padEnd(40, 'x'), 5)], cost_ns: 0 });
	expect(comparisonTable(comparison.result(), 10)).toContain('      10 ^[[2J日本語xxxxxxxx…     5.00ms');
});
