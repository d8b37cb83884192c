/** The distribution of waits beside that of libbpf-tools runqlat, over the same seconds and the same process. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { log2Slots } from '../../src/runqueue/zones.ts';
import { runqlat } from '../../src/tracers/runqlat.ts';
import { realHost, seconds } from '../truth/host.ts';
import { leashed } from '../truth/leftovers.ts';
import { histograms, summary } from '../truth/peer-histograms.ts';
import type { Workloads } from '../truth/workload.ts';
import { type Check, check } from './check.ts';

export async function peerWaits(loads: Workloads): Promise<Check[]> {
	const load = loads.start(1, 'threads', 40, 30, 0.0003, 0.004);
	const rival = loads.start(1, 'threads', 2, 30, 0.005, 0);
	await seconds(0.5);
	const session = runqlat.start(realHost(), { pid: load.pid });
	try {
		session.read(1e9, 'process');
		const running = promisify(execFile)(...leashed('/usr/sbin/runqlat', '-p', String(load.pid), '5', '1'));
		await seconds(0.5);
		session.read(5e8, 'process');
		const { stdout } = await running;
		const { rows } = session.read(5e9, 'process');
		const ours = summary(log2Slots(rows[0]?.buckets ?? [], 1e3));
		const theirs = summary(histograms(stdout)[0] ?? []);
		return [
			check(
				'mean run-queue wait',
				'libbpf-tools runqlat',
				'µs',
				{ ours: ours.mean, least: theirs.mean, most: theirs.mean },
				{ bound: 0.05, note: `of ${ours.count} and ${theirs.count} waits, both by the middles of their powers of two` },
			),
		];
	} finally {
		session.close();
		load.kill();
		rival.kill();
	}
}
