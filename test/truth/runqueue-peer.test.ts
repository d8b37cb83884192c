/** The distribution of waits beside that of libbpf-tools' runqlat over the same seconds, and beside a known answer. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { log2Slots } from '../../src/runqueue/zones.ts';
import { seconds } from './host.ts';
import { histograms, summary } from './peer-histograms.ts';
import { runQueue } from './runqueue-session.ts';

const peer = '/usr/sbin/runqlat';

const { loads, start, read } = runQueue();

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

test('libbpf-tools runqlat: totals within 1 %, mean within 5 %', async () => {
	// one process, which both filter by: it sleeps until both look and has ended before either stops, so both see all of it
	const load = spawn('sh', ['-c', `read go; exec taskset -c 1 ${loads.path} threads 40 4 0.0003 0.004`], {
		stdio: ['pipe', 'ignore', 'inherit'],
	});
	const pid = load.pid as number;
	const rival = loads.start(1, 'threads', 2, 30, 0.005, 0);
	await seconds(0.3);
	start({ pid });
	const peerRun = spawn(peer, ['-p', String(pid), '9', '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
	let output = '';
	peerRun.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
	const peerEnd = once(peerRun, 'close');
	await attached(peerRun.pid as number);
	await seconds(0.2);
	const before = read().rows[0]?.count ?? 0;
	load.stdin.end('\n');
	await once(load, 'exit');
	expect(peerRun.exitCode).toBe(null);
	const { rows } = read();
	await peerEnd;
	rival.kill();
	const ours = summary(log2Slots(rows[0]?.buckets ?? [], 1e3));
	const theirs = summary(histograms(output)[0] ?? []);
	console.log(
		`ours ${ours.count} (mean ${ours.mean.toFixed(0)} µs), runqlat ${theirs.count} (mean ${theirs.mean.toFixed(0)} µs)`,
	);
	expect(before).toBe(0);
	expect(theirs.count).toBeGreaterThan(1000);
	expect(theirs.count / ours.count).toBeGreaterThan(0.99);
	expect(theirs.count / ours.count).toBeLessThan(1.01);
	expect(ours.mean / theirs.mean).toBeGreaterThan(0.95);
	expect(ours.mean / theirs.mean).toBeLessThan(1.05);
});

test('a known answer: blocked for 0.4 s by a real-time task', async () => {
	start();
	const victim = loads.start(1, 'threads', 1, 20, 0.01, 0);
	await seconds(0.4);
	read();
	for (let turn = 0; turn < 3; turn++) {
		execFileSync('chrt', ['-f', '50', 'taskset', '-c', '1', loads.path, 'threads', '1', '0.4', '0.1', '0']);
		await seconds(0.1);
	}
	const row = read().rows.find(({ key }) => key.id === victim.pid);
	const long = (row?.buckets ?? []).filter(([upper]) => upper > 0.39e9).reduce((sum, [, count]) => sum + count, 0);
	expect(long).toBe(3);
	expect(row?.zones.at(-1)).toBeGreaterThanOrEqual(3);
	expect(row?.max_ns).toBeGreaterThan(0.4e9);
	expect(row?.mean_ns).toBe(Math.round((row?.wait_ns ?? 0) / (row?.count ?? 1)));
	victim.kill();
});
