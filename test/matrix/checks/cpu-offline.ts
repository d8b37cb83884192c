import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { energy } from '../../../src/tracers/energy/tracer.ts';
import { irq } from '../../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import type { Check } from '../check.ts';
import { losses } from '../support/agree.ts';

/** Paths of what is no finite number, or below 0. */
function strange(value: unknown, path = ''): string[] {
	if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? [] : [`${path} = ${value}`];
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).flatMap(([key, inner]) => strange(inner, `${path}.${key}`));
}

export default {
	shows: 'A CPU that goes offline and comes back while tracers run: every figure stays a number, none is negative.',
	on: ({ name }) => name.endsWith('-virtio') || name === '6.1-arm64',
	async run(guest) {
		const sessions = {
			energy: guest.measure(energy),
			runqlat: guest.measure(runqlat, {}, 'cpu'),
			irq: guest.measure(irq, {}, 'cpu'),
		};
		guest.start('/run/matrix/busybox', 'sh', '-c', 'while :; do :; done');
		guest.start('/run/matrix/busybox', 'sh', '-c', 'while :; do :; done');
		const set = (online: 0 | 1) => writeFileSync('/sys/devices/system/cpu/cpu1/online', String(online));
		guest.atEnd(() => set(1));
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
		assert.deepEqual(found, []);
		const last = sessions.runqlat.read();
		guest.note(`lost ${JSON.stringify(losses(last.lost))}`);
	},
} satisfies Check;
