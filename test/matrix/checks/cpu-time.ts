import assert from 'node:assert/strict';
import { energy } from '../../../src/tracers/energy/tracer.ts';
import { sample } from '../../truth/counters.ts';
import { schedstat } from '../../truth/workload.ts';
import type { Check } from '../check.ts';
import { agreeWithin, losses } from '../support/agree.ts';
import { whileStopped } from '../support/stopped.ts';

export default {
	shows: 'The CPU time of processes equals that of /proc/PID/schedstat.',
	on: () => true,
	async run(guest) {
		const hogs = [1, 2].map(() => guest.start('/run/matrix/busybox', 'sh', '-c', 'while :; do :; done'));
		const session = guest.measure(energy, {}, 'process');
		await guest.seconds(1);
		let lost: Record<string, number> = {};
		const take = () =>
			sample(
				() => new Map(hogs.map(({ pid }) => [String(pid), schedstat(pid).cpu_ns])),
				() => {
					const reading = session.read();
					lost = losses(reading.lost);
					return new Map(reading.rows.map(({ pid, cpu_ns_total }) => [String(pid), cpu_ns_total]));
				},
			);
		// of a task that runs, schedstat is behind by up to a tick
		const from = await whileStopped(guest, hogs, take);
		await guest.seconds(3);
		const to = await whileStopped(guest, hogs, take);
		guest.note(`lost ${JSON.stringify(lost)}`);
		for (const { pid } of hogs) {
			assert.ok(schedstat(pid).cpu_ns > 5e8, 'the load did not run');
			agreeWithin(from, to, String(pid), 0);
		}
	},
} satisfies Check;
