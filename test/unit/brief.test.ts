import { expect, test } from 'vitest';
import { jsonLine } from '../../src/commands/json-lines.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { heldIn } from '../bench/soak.ts';

test('a brief line has only what happened: no rows without events, no lists, no unknown values', () => {
	const rows = [
		{
			name: 'TIMER',
			count: 3,
			time_ns: 1200,
			buckets: [[1, 3]],
			device: null,
			affinity: '',
			late: { count: 0, buckets: [] },
		},
		{ name: 'BLOCK', count: 0, time_ns: 0 },
		{ pid: 7, watts: 0.123456789 },
	];
	const snapshot = {
		tab: 'irq',
		cost: { bpf_ns: 1 },
		cpu_share: Array.from({ length: 128 }, (_, cpu) => ({ cpu })),
		rows,
	};
	const line = JSON.parse(jsonLine(snapshot as unknown as Snapshot, rows, true));
	expect(line.rows).toEqual([
		{ name: 'TIMER', count: 3, time_ns: 1200, late: { count: 0 } },
		{ pid: 7, watts: 0.1235 },
	]);
	expect(line.cpu_share).toHaveLength(16);
	expect(line.cost).toEqual({ bpf_ns: 1 });
	expect(JSON.parse(jsonLine(snapshot as unknown as Snapshot, rows)).rows).toEqual(rows);
});

test('interrupts by CPU of 128 CPUs fit into 60 KB', () => {
	const rows = Array.from({ length: 540 }, (_, n) => ({
		...{ kind: 'soft', irq: n % 10, name: 'HRTIMER', cpu: n % 128, count: n % 4 === 0 ? 0 : 120 + n, unhandled: 0 },
		...{ time_ns: 1_234_567, p50_ns: 1791, p99_ns: 12_345, max_ns: 23_456, buckets: [[1024, 5]] },
		...{ count_total: 123_456, time_ns_total: 1_234_567_890, device: null, affinity: null, effective_affinity: null },
		...{ cpus: [{ cpu: n % 128, count: 120, time_ns: 1_234_567, storm: false }], late: null },
	}));
	const irq_time = Array.from({ length: 64 }, (_, n) => ({
		pid: n,
		comm: 'process',
		cgroup: `/system.slice/${n}.service`,
	}));
	const cpu_share = Array.from({ length: 128 }, (_, cpu) => ({ cpu, hard: 0.00123, soft: 0.000456, vector: 0.00789 }));
	const snapshot = { tab: 'irq', group: 'cpu', rows, irq_time, cpu_share } as unknown as Snapshot;
	expect(jsonLine(snapshot, rows, true).length).toBeLessThan(60_000);
	expect(jsonLine(snapshot, rows).length).toBeGreaterThan(140_000);
});

test('memory by kind of mapping, from smaps', () => {
	const mapping = (range: string, name: string, rss: number, anonymous: number) =>
		`${range} rw-p 00000000 00:00 0 ${name}\nSize: 9 kB\nRss:                ${rss} kB\nAnonymous:          ${anonymous} kB\n`;
	const held = heldIn(
		mapping('55d0-55d1', '                         [heap]', 1000, 1000) +
			mapping('7f00-7f10', '', 2000, 2000) +
			mapping('7f20-7f30', '                        /usr/lib/libc.so.6', 500, 100) +
			mapping('7f40-7f50', '                        anon_inode:bpf-map', 300, 0),
	);
	const MB = 1024 / 1e6;
	expect(held.all).toBeCloseTo(3800 * MB);
	expect(held.malloc).toBeCloseTo(1000 * MB);
	expect(held['V8 heaps and stacks']).toBeCloseTo(2100 * MB);
	expect(held['files (program, libraries)']).toBeCloseTo(400 * MB);
	expect(held['BPF maps']).toBeCloseTo(300 * MB);
});
