/** The waits of one process as libbpf-tools' runqlat sees them and as we do. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { log2Slots } from '../../src/tracers/runqlat/zones.ts';
import { realHost, seconds } from './host.ts';
import { leashed } from './leftovers.ts';
import { histograms, summary } from './peer-histograms.ts';
import type { Workloads } from './workload.ts';

/** Wait until a process holds as many BPF links as runqlat has hooks. */
async function attached(pid: number): Promise<void> {
	for (let turn = 0; turn < 100; turn++) {
		const files = readdirSync(`/proc/${pid}/fd`).map((name) => linkOf(`/proc/${pid}/fd/${name}`));
		if (files.filter((file) => /bpf[_-]link/.test(file)).length >= 3) return;
		await seconds(0.05);
	}
	throw new Error('runqlat did not attach');
}

function linkOf(path: string): string {
	try {
		return readlinkSync(path);
	} catch {
		return '';
	}
}

interface Beside {
	/** Waits counted before the process did anything. */
	before: number;
	ours: { count: number; mean: number };
	theirs: { count: number; mean: number };
}

/** A process that sleeps until both look, and has ended before either stops: both see all of it. */
export async function besideRunqlat(loads: Workloads): Promise<Beside> {
	const script = `read go; exec taskset -c 1 ${loads.path} threads 40 4 0.0003 0.004`;
	const load = spawn(...leashed('sh', '-c', script), { stdio: ['pipe', 'ignore', 'inherit'] });
	const pid = load.pid as number;
	const rival = loads.start(1, 'threads', 2, 30, 0.005, 0);
	await seconds(0.3);
	const session = runqlat.start(realHost(), { pid });
	try {
		const count = (): number => session.read(1e9, 'process').rows[0]?.count ?? 0;
		const peer = spawn(...leashed('/usr/sbin/runqlat', '-p', String(pid), '3600', '1'), {
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		let output = '';
		peer.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
		const end = once(peer, 'close');
		await attached(peer.pid as number);
		await seconds(0.2);
		const before = count();
		load.stdin?.end('\n');
		await once(load, 'exit');
		if (peer.exitCode !== null) throw new Error('runqlat ended before its process');
		const { rows } = session.read(1e9, 'process');
		// it prints what it has
		peer.kill('SIGINT');
		await end;
		return {
			before,
			ours: summary(log2Slots(rows[0]?.buckets ?? [], 1e3)),
			theirs: summary(histograms(output)[0] ?? []),
		};
	} finally {
		session.close();
		rival.kill();
	}
}
