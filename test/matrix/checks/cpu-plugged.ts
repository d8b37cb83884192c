import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { energy } from '../../../src/tracers/energy/tracer.ts';
import { irq } from '../../../src/tracers/irq/tracer.ts';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { agreeExactly, losses } from '../support/agree.ts';
import { compareRequests, everyRequest } from '../support/disk.ts';

export default {
	shows:
		'A CPU that was offline when tracers started, and comes later, counts: its requests, tasks and interrupts have rows.',
	on: isPlain,
	async run(guest) {
		const set = (online: 0 | 1) => writeFileSync('/sys/devices/system/cpu/cpu1/online', String(online));
		guest.atEnd(() => set(1));
		set(0);
		const sessions = {
			energy: guest.measure(energy),
			runqlat: guest.measure(runqlat, {}, 'cpu'),
			irq: guest.measure(irq, {}, 'cpu'),
		};
		for (const session of Object.values(sessions)) session.read();
		const found = await compareRequests(guest, [guest.disk], async () => {
			set(1);
			await everyRequest(guest, guest.disk, [1]);
		});
		const { counts, named, lost } = found.get(guest.disk) ?? assert.fail('not compared');
		for (const [what, { kernel, ours }] of counts)
			agreeExactly(what, ours, kernel, what.endsWith('bytes') ? named * 1_310_720 : named);
		assert.ok((counts.get('reads')?.kernel ?? 0) > 0, 'no requests on the CPU');
		const waits = sessions.runqlat.read();
		const interrupts = sessions.irq.read();
		assert.ok(
			sessions.energy.read().rows.some(({ comm }) => comm === 'dd'),
			'no dd in the energy tab',
		);
		assert.ok(
			waits.rows.some(({ key }) => key.kind === 'cpu' && key.id === 1),
			'no row of the CPU in the run queue',
		);
		assert.ok(JSON.stringify(interrupts.rows).includes('"cpu":1'), 'no row of the CPU in interrupts');
		guest.note(`lost ${JSON.stringify({ ...lost, ...losses(waits.lost), ...losses(interrupts.lost) })}`);
	},
} satisfies Check;
