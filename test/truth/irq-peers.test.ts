/**
 * Times of interrupts against libbpf-tools `hardirqs` and `softirqs`, running at the same seconds. Programs run in the
 * order in which they were attached, at entry and exit alike: our window has their entry in it, theirs our exit, and the
 * two nearly cancel out.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { IrqRow } from '../../src/irq/rows.ts';
import { irq } from '../../src/tracers/irq.ts';
import { realHost, seconds } from './host.ts';
import { directIo, flood, loopback, onDisk } from './load.ts';

const path = (tool: string): string | undefined =>
	[`/usr/sbin/${tool}`, `/usr/bin/${tool}`].find((file) => existsSync(file));

/** Runs a peer while `load` runs; its sums in ns by upper-case name. */
async function peer(tool: string, load: () => Promise<void>): Promise<Map<string, number>> {
	const child = spawn('stdbuf', ['-oL', path(tool) as string, '-N', '3600', '1']);
	let text = '';
	child.stdout.on('data', (data: Buffer) => {
		text += data.toString();
	});
	const ended = new Promise((resolve) => child.on('exit', resolve));
	await seconds(1);
	await load();
	// on SIGINT it prints what it has
	child.kill('SIGINT');
	await ended;
	return new Map(
		[...text.matchAll(/^(\S+)\s+(\d+)\s*$/gm)].map(([, name, ns]) => [(name as string).toUpperCase(), Number(ns)]),
	);
}

function rows(read: IrqRow[], kind: IrqRow['kind']): IrqRow[] {
	return read.filter((row) => row.kind === kind);
}

async function compare(tool: string, kind: IrqRow['kind'], load: () => Promise<void>): Promise<string[]> {
	const session = irq.start(realHost(), {});
	try {
		await seconds(0.2);
		session.read(1e9, 'line');
		const theirs = await peer(tool, async () => {
			session.read(1e9, 'line');
			await load();
		});
		const compared: string[] = [];
		for (const { name, count, time_ns } of rows(session.read(1e9, 'line').rows, kind)) {
			const other = theirs.get(name.toUpperCase()) ?? 0;
			if (count < 5000) continue;
			const text = `${name}: ours ${time_ns} ns, ${tool} ${other} ns, ${count} interrupts`;
			expect(Math.abs(time_ns - other), text).toBeLessThanOrEqual(0.05 * other);
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
