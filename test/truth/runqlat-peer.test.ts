/** The distribution of waits beside that of libbpf-tools' runqlat over the same seconds, and beside a known answer. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { seconds } from './host.ts';
import { besideRunqlat } from './peer-runqlat.ts';
import { runQueue } from './runqlat-session.ts';

const { loads, start, read } = runQueue();

test('libbpf-tools runqlat: totals within 1 %, mean within 5 %', async () => {
	const { before, ours, theirs } = await besideRunqlat(loads);
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
	const victim = loads.start(1, 'threads', 1, 60, 0.01, 0);
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
