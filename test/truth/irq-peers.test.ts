/**
 * Times of interrupts against libbpf-tools `hardirqs` and `softirqs`, running at the same seconds. Programs run in the
 * order in which they were attached, at entry and exit alike, so the program that comes first has the others' entries in its
 * window, and the one that comes last their exits: some 50 ns of an interrupt of 1 µs. Hence two of the peer, one attached
 * before us and one after: their windows hold the same interrupt with either end of us around it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { IrqRow } from '../../src/tracers/irq/snapshot.ts';
import { irq } from '../../src/tracers/irq/tracer.ts';
import { realHost, seconds } from './host.ts';
import { directIo, flood, loopback, onDisk } from './load.ts';

const path = (tool: string): string | undefined =>
	[`/usr/sbin/${tool}`, `/usr/bin/${tool}`].find((file) => existsSync(file));

/** Starts a peer; ends with its programs attached. `sums` stops it: what it counted, in ns by upper-case name. */
async function startPeer(tool: string): Promise<{ sums(): Promise<Map<string, number>> }> {
	const child = spawn('stdbuf', ['-oL', path(tool) as string, '-N', '3600', '1']);
	let text = '';
	child.stdout.on('data', (data: Buffer) => {
		text += data.toString();
	});
	const ended = new Promise((resolve) => child.on('exit', resolve));
	await seconds(1);
	return {
		async sums() {
			// on SIGINT it prints what it has
			child.kill('SIGINT');
			await ended;
			return new Map(
				[...text.matchAll(/^(\S+)\s+(\d+)\s*$/gm)].map(([, name, ns]) => [(name as string).toUpperCase(), Number(ns)]),
			);
		},
	};
}

function rows(read: IrqRow[], kind: IrqRow['kind']): IrqRow[] {
	return read.filter((row) => row.kind === kind);
}

async function compare(tool: string, kind: IrqRow['kind'], load: () => Promise<void>): Promise<string[]> {
	const before = await startPeer(tool);
	const session = irq.start(realHost(), {});
	const after = await startPeer(tool);
	try {
		session.read(1e9, 'line');
		await load();
		const ours = rows(session.read(1e9, 'line').rows, kind);
		const [first, last] = [await before.sums(), await after.sums()];
		const compared: string[] = [];
		for (const { name, count, time_ns } of ours) {
			if (count < 5000) continue;
			const theirs = [first, last].map((sums) => sums.get(name.toUpperCase()) ?? 0);
			const text = `${name}: ours ${time_ns} ns, ${tool} ${theirs.join(' and ')} ns, ${count} interrupts`;
			expect(time_ns, text).toBeGreaterThanOrEqual(0.95 * Math.min(...theirs));
			expect(time_ns, text).toBeLessThanOrEqual(1.05 * Math.max(...theirs));
			compared.push(name);
		}
		return compared;
	} finally {
		session.close();
	}
}

test('hard interrupts take as long as hardirqs says', async () => {
	const compared = await compare('hardirqs', 'hard', () => onDisk((directory) => directIo(directory, 10_000)));
	expect(compared.length).toBeGreaterThan(0);
});

test('softirqs take as long as softirqs says', async () => {
	const compared = await compare('softirqs', 'soft', async () => {
		await Promise.all([flood(60_000), loopback(10_000)]);
	});
	expect(compared).toContain('NET_RX');
});
