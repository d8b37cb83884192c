import assert from 'node:assert/strict';
import { irq } from '../../../src/tracers/irq/tracer.ts';
import { happened, sample } from '../../truth/counters.ts';
import { kernelInterrupts, ourInterrupts, SOFTIRQS, VECTOR_LABELS } from '../../truth/irq-counters.ts';
import type { Check } from '../check.ts';
import { agreeWithin, losses } from '../support/agree.ts';

export default {
	shows:
		'Counts of interrupt lines, softirqs and (x86) vectors agree with /proc/interrupts and /proc/softirqs; losses are reported.',
	on: () => true,
	short: true,
	async run(guest) {
		const { machine, disk } = guest;
		const session = guest.measure(irq, {}, 'line');
		let lost: Record<string, number> = {};
		const take = () =>
			sample(kernelInterrupts, () => {
				const reading = session.read();
				lost = { ...losses(reading.lost), ...losses({ skipped: session.skipped() }) };
				return ourInterrupts(reading);
			});
		take();
		const from = take();
		await guest.run('dd', `if=${disk}`, 'of=/dev/null', 'bs=4k', 'count=500', 'iflag=direct');
		await guest.seconds(1);
		const to = take();
		guest.note(`lost ${JSON.stringify(lost)}`);
		const named = Object.values(lost).reduce((sum, count) => sum + count, 0);
		const lines = [...to.after.keys()].filter((label) => /^\d+$/.test(label));
		const vectors = machine.arch === 'amd64' ? [...new Set(Object.values(VECTOR_LABELS))] : [];
		// on each CPU one event may be in one count and not yet in the other
		for (const label of [...lines, ...SOFTIRQS, ...vectors]) agreeWithin(from, to, label, machine.cpus, named);
		// a disk may have a line for each CPU
		const least = lines.reduce((sum, label) => sum + happened(from, to, label), 0);
		assert.ok(least >= 400, `the load made ${least} interrupts of the disk`);
	},
} satisfies Check;
