/** `--device-only`: one hook, against /proc/diskstats and fio's own latency. */
import { expect, test } from 'vitest';
import { fio, laidOut } from './fio.ts';
import { compare } from './io-agreement.ts';
import { type IoSession, ioSessions } from './io-session.ts';
import { onSlowDevice } from './slow-device.ts';

const start = ioSessions({ 'device-only': true });

/** With the completions that the machine hides from BPF programs, which only the one that follows requests notices. */
function withMissed(running: IoSession): IoSession {
	const beside = start({ 'device-only': false });
	return {
		read(dt, group) {
			const reading = running.read(dt, group);
			const { missed_completion = 0 } = beside.read(dt, group).lost;
			return { ...reading, lost: { ...reading.lost, missed_completion } };
		},
		cost: () => running.cost(),
		close: () => running.close(),
	};
}

test.each(['0', '1'])('counts and bytes agree with /proc/diskstats, direct=%s', async (direct) => {
	const made = await compare(withMissed(start()), async (directory) => {
		const file = await laidOut(directory, 'file', 32);
		const options = ['--size=32M', '--rw=randrw', '--number_ios=8000', '--fsync=100', '--ioengine=psync'];
		await fio(file, ...options, `--direct=${direct}`).done;
	});
	expect((made['reads'] ?? 0) + (made['writes'] ?? 0)).toBeGreaterThan(3000);
	expect(made['flushes']).toBeGreaterThan(10);
});

test('one at a time, the device is nearly all that fio waits for', async () => {
	await onSlowDevice(250, async (device, slowly) => {
		const running = start();
		const { read } = await slowly('--size=32M', '--rw=randread', '--number_ios=300', '--direct=1', '--ioengine=psync')
			.done;
		const row = running.read(1e9, 'operation').rows.find((one) => device.endsWith(one.device) && one.op === 'read');
		const { count = 0, mean_ns = 0 } = row?.stages['device'] ?? {};
		// the share that process 1 hides varies
		expect(count).toBeGreaterThan(read.total_ios * 0.9);
		// of others, as of who looks at a new device, each took the longest at most
		const others = Math.max(0, count - read.total_ios) * (row?.stages['device']?.max_ns ?? 0);
		expect(mean_ns * count).toBeLessThan(read.clat_ns.mean * read.total_ios + others);
		expect(mean_ns).toBeGreaterThan(read.clat_ns.mean * 0.9);
	});
});

test('what it cannot do it says', () => {
	expect(() => start({ pid: 1 })).toThrow(/cannot filter by pid/);
});
