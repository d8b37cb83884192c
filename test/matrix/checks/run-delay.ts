import assert from 'node:assert/strict';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import { sample } from '../../truth/counters.ts';
import { schedstat } from '../../truth/workload.ts';
import type { Check } from '../check.ts';
import { agreeWithin, losses } from '../support/agree.ts';
import { whileStopped } from '../support/stopped.ts';

export default {
	shows:
		'The run-queue wait of processes that share a CPU equals that of /proc/PID/schedstat, to 2 % where stamps are our own.',
	on: () => true,
	short: true,
	async run(guest) {
		const hogs = [1, 2, 3].map(() =>
			guest.start('/run/matrix/busybox', 'taskset', '1', '/run/matrix/busybox', 'sh', '-c', 'while :; do :; done'),
		);
		const session = guest.measure(runqlat, {}, 'process');
		await guest.seconds(1);
		const pids = hogs.map(({ pid }) => pid);
		let kind = '';
		let lost: Record<string, number> = {};
		const take = () =>
			sample(
				() => new Map(pids.map((pid) => [String(pid), schedstat(pid).wait_ns])),
				() => {
					const reading = session.read();
					kind = reading.source.kind;
					lost = losses(reading.lost);
					return new Map(reading.rows.map(({ key, wait_ns_total }) => [String(key.id), wait_ns_total]));
				},
			);
		// a stopped process does not wait: both counts stand still
		const from = await whileStopped(guest, hogs, take);
		await guest.seconds(3);
		const to = await whileStopped(guest, hogs, take);
		guest.note(`source ${kind}; lost ${JSON.stringify(lost)}`);
		for (const pid of pids) {
			const waited = schedstat(pid).wait_ns;
			assert.ok(waited > 1e9, `${pid} has waited for ${waited} ns only`);
			agreeWithin(from, to, String(pid), kind === 'own stamps' ? waited * 0.02 : 0);
		}
	},
} satisfies Check;
