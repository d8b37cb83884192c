import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { energy } from '../../../src/tracers/energy/tracer.ts';
import { irq } from '../../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import { sample } from '../../truth/counters.ts';
import { kernelInterrupts, ourInterrupts, SOFTIRQS } from '../../truth/irq-counters.ts';
import { schedstat } from '../../truth/workload.ts';
import type { Check } from '../check.ts';
import { agreeWithin, losses } from '../support/agree.ts';
import { whileStopped } from '../support/stopped.ts';

/** Paths of what is no finite number, or below 0. */
function strange(value: unknown, path = ''): string[] {
	if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? [] : [`${path} = ${value}`];
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).flatMap(([key, inner]) => strange(inner, `${path}.${key}`));
}

export default {
	shows:
		'A CPU that goes offline and comes back while tracers run: every figure stays a number, none is negative; CPU time, waits and softirqs meanwhile equal those of /proc.',
	on: ({ name }) => name.endsWith('-virtio') || name === '6.1-arm64',
	async run(guest) {
		const sessions = {
			energy: guest.measure(energy),
			runqlat: guest.measure(runqlat, {}, 'cpu'),
			irq: guest.measure(irq, {}, 'cpu'),
		};
		const hogs = [1, 2].map(() => guest.start('/run/matrix/busybox', 'sh', '-c', 'while :; do :; done'));
		const pids = hogs.map(({ pid }) => String(pid));
		const set = (online: 0 | 1) => writeFileSync('/sys/devices/system/cpu/cpu1/online', String(online));
		guest.atEnd(() => set(1));
		let kind = '';
		const takeAll = () =>
			whileStopped(guest, hogs, () => ({
				cpu: sample(
					() => new Map(pids.map((pid) => [pid, schedstat(Number(pid)).cpu_ns])),
					() => new Map(sessions.energy.read().rows.map((row) => [String(row.pid), row.cpu_ns_total])),
				),
				wait: sample(
					() => new Map(pids.map((pid) => [pid, schedstat(Number(pid)).wait_ns])),
					() => {
						const { rows, source } = sessions.runqlat.read('process');
						kind = source.kind;
						return new Map(rows.map(({ key, wait_ns_total }) => [String(key.id), wait_ns_total]));
					},
				),
				softirqs: sample(kernelInterrupts, () => ourInterrupts(sessions.irq.read('line'))),
			}));
		await guest.seconds(0.5);
		const from = await takeAll();
		const found: string[] = [];
		for (const online of [undefined, 0, undefined, 1, undefined] as const) {
			if (online !== undefined) set(online);
			await guest.seconds(1);
			for (const [name, session] of Object.entries(sessions)) {
				const { rows, extra, lost } = session.read();
				assert.ok(rows.length > 0, `${name} has no rows`);
				found.push(...strange({ rows, extra, lost }, name));
			}
		}
		const to = await takeAll();
		assert.deepEqual(found, []);
		for (const pid of pids) {
			agreeWithin(from.cpu, to.cpu, pid, 0);
			const waited = schedstat(Number(pid)).wait_ns;
			agreeWithin(from.wait, to.wait, pid, kind === 'own stamps' ? waited * 0.02 : 0);
		}
		// one event on each CPU may be in one count and not yet in the other
		for (const name of SOFTIRQS)
			agreeWithin(from.softirqs, to.softirqs, name, guest.machine.cpus, sessions.irq.skipped());
		const last = sessions.runqlat.read();
		guest.note(`lost ${JSON.stringify(losses(last.lost))}`);
	},
} satisfies Check;
