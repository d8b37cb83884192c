/** Requests of a load, as /proc/diskstats counts them and as we do. */
import { cpus } from 'node:os';
import { expect } from 'vitest';
import type { Reading, Session } from '../../src/core/tracer.ts';
import type { IoExtra, IoRow } from '../../src/tracers/io/snapshot.ts';
import { expectAgreement, happened, hiddenShare, type Sample, sample } from './brackets.ts';
import { seconds } from './host.ts';
import { kernelRequests, ourRequests } from './io-counters.ts';
import { onDisk } from './load.ts';

/** Completions that one side has counted and the other not yet, at both reads. */
export const SLACK = cpus().length;
/** The same in bytes: a large request on each CPU. */
const BYTES_SLACK = SLACK * 1_310_720;

/** Requests by group that the load made at least, over all devices. */
export async function compare(
	running: Session<IoRow, IoExtra>,
	load: (directory: string) => Promise<void>,
	tolerance = 0.005,
): Promise<Record<string, number>> {
	// what was in flight at start has no latency and may be missing on our side
	await seconds(0.3);
	return onDisk(async (directory) => {
		let reading: Reading<IoRow, IoExtra> | undefined;
		const take = (): Sample =>
			sample(kernelRequests, () => {
				reading = running.read(1e9, 'operation');
				return ourRequests(reading);
			});
		const from = take();
		await load(directory);
		const to = take();
		const devices = new Set(reading?.rows.map((row) => row.dev));
		expect(devices.size, 'no device did anything').toBeGreaterThan(0);
		// what we know to have missed, because the machine hid it from BPF programs
		const counted = reading?.rows.reduce((sum, row) => sum + row.count_total, 0) ?? 0;
		const missed = (reading?.lost['missed_completion'] ?? 0) / Math.max(1, counted);
		const hidden = Math.max(hiddenShare(from, to), missed * 2);
		const made: Record<string, number> = {};
		for (const dev of devices) {
			for (const group of ['reads', 'writes', 'discards', 'flushes']) {
				expectAgreement(from, to, `${dev} ${group}`, tolerance, SLACK, hidden);
				if (group !== 'flushes') expectAgreement(from, to, `${dev} ${group} bytes`, tolerance, BYTES_SLACK, hidden);
				made[group] = (made[group] ?? 0) + happened(from, to, `${dev} ${group}`);
			}
		}
		expect(reading?.lost['requests_full'] ?? 0).toBe(0);
		expect(reading?.lost).toMatchObject({ stats_full: 0 });
		return made;
	});
}
