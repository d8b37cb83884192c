import { expect, test } from 'vitest';
import { latenessLines, worstZone } from '../../src/ui/tabs/irq/lateness.ts';
import { irqSnapshot } from './fixtures/irq.ts';
import { plain } from './plain.ts';

test('the zone of the 99th percentile: one late softirq in a thousand does not decide', () => {
	expect(worstZone([0, 0, 0, 0])).toBe(-1);
	expect(worstZone([1, 0, 0, 0])).toBe(0);
	expect(worstZone([999, 0, 0, 1])).toBe(0);
	expect(worstZone([99, 0, 0, 1])).toBe(3);
	expect(worstZone([980, 15, 3, 2])).toBe(1);
	expect(worstZone([0, 0, 0, 5])).toBe(3);
});

test('a strip of CPUs per vector, the latest first', () => {
	const lines = latenessLines(irqSnapshot(0), 80, 12).map(plain);
	expect(lines[0]).toBe('raise → entry, p99: ▁ <10.0µs  ▃ ≥10.0µs  ▅ ≥100µs  █ ≥1.00ms  ');
	expect(lines[1]).toBe('VECTOR     ≥100µs ≥1.00ms per CPU');
	expect(lines[2]).toMatch(/^NET_RX +0\.8% +0\.8% ▃▃▃█▃▃▃▃$/);
	expect(lines.slice(3).every((line) => / 0% +0% ▃{8}$/.test(line))).toBe(true);
	expect(lines).toHaveLength(2 + 5);
	expect(latenessLines(irqSnapshot(0), 80, 4)).toHaveLength(4);
	expect(plain(latenessLines(irqSnapshot(0), 40, 4)[0])).toBe('▁<10.0µs ▃≥10.0µs ▅≥100µs █≥1.00ms ');
});

test('256 CPUs share cells, and the late one is seen', () => {
	const lines = latenessLines(irqSnapshot(0, 256), 80, 12).map(plain);
	expect(lines[1]).toContain('per 5 CPUs');
	for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
	expect(lines[2]).toMatch(/^NET_RX .* █▃{51}$/);
});

test('rows of one CPU each give the same', () => {
	const snapshot = irqSnapshot(0);
	const rows = snapshot.rows.flatMap((row) => row.cpus.map((of) => ({ ...row, cpu: of.cpu, cpus: [of] })));
	expect(latenessLines({ ...snapshot, rows }, 80, 12)).toEqual(latenessLines(snapshot, 80, 12));
});

test('nothing raised', () => {
	const snapshot = irqSnapshot(0);
	const rows = snapshot.rows.filter(({ kind }) => kind !== 'soft');
	expect(latenessLines({ ...snapshot, rows }, 80, 12).map(plain)).toEqual([
		'no softirq was raised and begun in this interval',
	]);
});
